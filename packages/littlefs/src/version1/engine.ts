/** littlefs 1 as the face of `node:fs` asks for it: see `FsEngine`. Read-only. */

import { FsError, type Op } from '@caravan/core'
import {
  type EngineFile,
  type EntryInfo,
  FileTimes,
  type FsEngine,
  type ListedName,
  type Path,
  ReadOnlyFile,
  type SpaceInfo,
} from '@caravan/fs'
import { MAGIC } from '../engine.js'
import { type Above, Descent, findNow, type Node, requireNode, UNREAD } from './directory.js'
import { planNow, readFileAt, readWhole, requireFile } from './file.js'
import { measureSpace } from './space.js'
import type { Volume } from './volume.js'

/** The format holds no times. */
const NO_TIMES = new FileTimes(0n)

export class Version1Engine implements FsEngine {
  readonly changes = undefined
  readonly magic = MAGIC

  constructor(private readonly volume: Volume) {}

  get limits() {
    return this.volume.limits
  }

  get blockSize(): number {
    return this.volume.layout.blockSize
  }

  *lookUp(path: Path): Op<EntryInfo> {
    return infoOf(yield* requireNode(this.volume, path))
  }

  lookUpNow(path: Path): EntryInfo | undefined {
    const node = findNow(this.volume, path.names)
    if (node === undefined || node === UNREAD) return undefined
    if (path.mustBeDirectory && node.type !== 'directory') return undefined
    return infoOf(node)
  }

  *list(path: Path, recursive: boolean): Op<readonly ListedName[]> {
    const top = yield* requireNode(this.volume, path)
    if (top.type !== 'directory') throw new FsError('ENOTDIR')
    const descent = new Descent(this.volume)
    const listed: ListedName[] = []
    const pending: { node: Node; parent: string; above: Above | undefined }[] = [
      { node: top, parent: '', above: undefined },
    ]
    // As Node lists: a directory's own entries first, then those of the directories in it.
    for (let at = 0; at < pending.length; at++) {
      const { node, parent, above } = pending[at] as (typeof pending)[number]
      const { directory, here } = yield* descent.enter(node.pair, above)
      for (const each of directory.checkWhole().nodes) {
        listed.push({ name: each.name, parent, type: each.type })
        if (!recursive || each.type !== 'directory') continue
        const below = parent === '' ? each.name : `${parent}/${each.name}`
        pending.push({ node: each, parent: below, above: here })
      }
    }
    return listed
  }

  *open(path: Path): Op<EngineFile> {
    const { volume } = this
    const node = requireFile(yield* requireNode(volume, path))
    return new ReadOnlyFile(infoOf(node), {
      readNow: (position, target) => planNow(volume, node, position, target),
      readAt: (position, target) => readFileAt(volume, node, position, target),
    })
  }

  *readFile(path: Path, checkAborted: () => void): Op<Uint8Array | undefined> {
    const node = requireFile(yield* requireNode(this.volume, path))
    checkAborted()
    return yield* readWhole(this.volume, node)
  }

  *space(): Op<SpaceInfo> {
    const { blockSize, blockCount, freeBlocks } = yield* measureSpace(this.volume)
    return { blockSize, blockCount, freeBlocks }
  }

  /** Nothing is ever reused. */
  beginRead(): number {
    return 0
  }

  endRead(): void {}

  trim(): void {
    this.volume.trim()
  }

  leave(): void {
    this.volume.forget()
  }
}

function infoOf({ type, size }: Node): EntryInfo {
  return { type, size, times: NO_TIMES }
}
