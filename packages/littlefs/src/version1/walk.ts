/** Walk: all that lies below a path of a littlefs 1, entry after entry. */

import {
  byteStringToBytes,
  byteStringToText,
  DeviceError,
  FormatError,
  FsError,
  type Op,
} from '@caravan/core'
import type { Path } from '@caravan/fs'
import type { WalkEntry } from '../read.js'
import { type Above, Descent, type Node, requireNode } from './directory.js'
import type { Volume } from './volume.js'

interface Step {
  readonly node: Node
  /** From the root, a byte string. */
  readonly path: string
  readonly above: Above | undefined
}

/** The node that each walk entry was made of: no path may lead to it. */
const walkedNodes = new WeakMap<WalkEntry, Node>()

/** No entry has any: the format writes none. */
const NO_ATTRIBUTES: ReadonlyMap<number, Uint8Array> = new Map()

export class Walk {
  private readonly descent: Descent
  /** What is to come, the next one last. */
  private pending: Step[] | undefined

  constructor(
    private readonly volume: Volume,
    private readonly top: Path,
  ) {
    this.descent = new Descent(volume)
  }

  /** The path itself first, a directory before what is in it, in byte order of the names. */
  *next(): Op<WalkEntry | undefined> {
    this.pending ??= [yield* this.start()]
    const step = this.pending.pop()
    if (step === undefined) return undefined
    const error = step.node.type === 'directory' ? yield* this.enter(step, this.pending) : undefined
    const { node, path } = step
    const walked: WalkEntry = {
      path: byteStringToText(path),
      pathBytes: byteStringToBytes(path),
      type: node.type,
      size: node.size,
      attributes: NO_ATTRIBUTES,
      ...(error === undefined ? {} : { error }),
    }
    walkedNodes.set(walked, node)
    return walked
  }

  private *start(): Op<Step> {
    const { names } = this.top
    const node = yield* requireNode(this.volume, this.top)
    return { node, path: `/${names.join('/')}`, above: undefined }
  }

  /** @returns why it cannot be listed whole. */
  private *enter({ node, path, above }: Step, pending: Step[]): Op<WalkEntry['error']> {
    try {
      const { directory, here } = yield* this.descent.enter(node.pair, above)
      const prefix = path === '/' ? '/' : `${path}/`
      for (const child of directory.sorted().reverse()) {
        pending.push({ node: child, path: prefix + child.name, above: here })
      }
      return directory.damage
    } catch (error) {
      if (error instanceof FormatError || error instanceof DeviceError) return error
      throw error
    }
  }
}

/** @throws FsError `EISDIR` where it is no file; `EINVAL` for an entry of another walk. */
export function walkedFile(walked: WalkEntry): Node {
  const node = walkedNodes.get(walked)
  if (node?.type === 'file') return node
  throw new FsError(node === undefined ? 'EINVAL' : 'EISDIR', {
    syscall: 'open',
    path: walked.path,
  })
}
