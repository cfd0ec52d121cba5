/** Directories and files of littlefs 1 as they are found. */

import { FormatError, FsError, type Op } from '@caravan/core'
import type { FileBlocks } from '../file-blocks.js'
import type { BlockPair } from '../format/metadata-log.js'
import { type DiskEntry, EntryType } from './format/directory-block.js'
import type { Volume } from './volume.js'

/** A file or directory. */
export interface Node {
  readonly type: 'file' | 'directory'
  /** A byte string; empty for the root. */
  readonly name: string
  /** A directory's first pair. */
  readonly pair: BlockPair
  /** Bytes; 0 for directories. */
  readonly size: number
  /** A file's last block. */
  readonly head: number
  /** What is known of a file's blocks. */
  blocks?: FileBlocks
}

/** `undefined` for what is neither file nor directory: it is not listed. */
export function nodeOf({ type, name, data }: DiskEntry): Node | undefined {
  const [first, second] = data
  if (type === EntryType.FILE) return { type: 'file', name, pair: data, size: second, head: first }
  if (type === EntryType.DIRECTORY) return { type: 'directory', name, pair: data, size: 0, head: 0 }
  return undefined
}

/** A directory, read whole. */
export class Directory {
  constructor(
    /** In the order in which they were made. */
    readonly nodes: readonly Node[],
    private readonly byName: ReadonlyMap<string, Node | undefined>,
    readonly pairCount: number,
  ) {}

  find(name: string): Node | undefined {
    return this.byName.get(name)
  }

  /** In byte order of the names. */
  sorted(): Node[] {
    return [...this.nodes].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
  }
}

/** Told of a path of which not all is in memory. */
export const UNREAD: unique symbol = Symbol('not in memory')

/** What names lead to; `undefined` where there is nothing, or something on the way is no directory. */
export function findNow(
  volume: Volume,
  names: readonly string[],
): Node | undefined | typeof UNREAD {
  let node: Node | undefined = volume.root
  for (const name of names) {
    if (node?.type !== 'directory') return undefined
    const directory = volume.known(node.pair)
    if (directory === undefined) return UNREAD
    node = directory.find(name)
  }
  return node
}

/** @throws FsError `ENOENT`, `ENOTDIR`; FormatError for what is damaged on the way. */
export function* requireNode(
  volume: Volume,
  {
    names,
    mustBeDirectory,
  }: { readonly names: readonly string[]; readonly mustBeDirectory: boolean },
): Op<Node> {
  let node: Node | undefined = volume.root
  for (const name of names) {
    if (node.type !== 'directory') throw new FsError('ENOTDIR')
    const directory: Directory = yield* volume.readDirectory(node.pair)
    node = directory.find(name)
    if (node === undefined) throw new FsError('ENOENT')
  }
  if (mustBeDirectory && node.type !== 'directory') throw new FsError('ENOTDIR')
  return node
}

/** Directories in each other, beyond which a tree is taken to have no end. */
const DEPTH_MAX = 4096

/** A directory that a descent is in, and those that it lies in. */
export interface Above {
  readonly pair: BlockPair
  readonly depth: number
  readonly above: Above | undefined
}

/**
 * A descent into the directories of a tree, which is over at last whatever the image says: no
 * directory lies in itself, and all together have no more pairs than there is room for.
 */
export class Descent {
  private pairsLeft: number

  constructor(private readonly volume: Volume) {
    this.pairsLeft = volume.layout.blockCount
  }

  /** @throws FormatError `DIRECTORY_LOOP`, and where it cannot be read. */
  *enter(pair: BlockPair, above: Above | undefined): Op<{ directory: Directory; here: Above }> {
    const depth = (above?.depth ?? 0) + 1
    for (let at = above; at !== undefined; at = at.above) {
      if (at.pair[0] === pair[0] || at.pair[0] === pair[1]) throw endless(pair)
    }
    const directory = yield* this.volume.readDirectory(pair)
    this.pairsLeft -= directory.pairCount
    if (depth > DEPTH_MAX || this.pairsLeft < 0) throw endless(pair)
    return { directory, here: { pair, depth, above } }
  }
}

function endless(pair: BlockPair): FormatError {
  return new FormatError(
    'DIRECTORY_LOOP',
    `A directory's entry leads to {${pair[0]}, ${pair[1]}}, which is the pair of a directory met before: its pointer is damaged, and the tree has no end.`,
    { structure: 'directory entry', block: pair[0] },
  )
}
