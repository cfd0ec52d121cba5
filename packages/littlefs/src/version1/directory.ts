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

/** A pair, and which of its blocks is in force. */
export interface DirectoryPair {
  readonly blocks: BlockPair
  readonly active: 0 | 1
}

/** A directory, as far as it could be read. */
export class Directory {
  constructor(
    /** In the order in which they were made. */
    readonly nodes: readonly Node[],
    private readonly byName: ReadonlyMap<string, Node | undefined>,
    /** Where it lies: those that could be read. */
    readonly pairs: readonly DirectoryPair[],
    /** Why more of it cannot be read. */
    readonly damage: FormatError | undefined,
  ) {}

  /** What is known of a name: `undefined` also where it may stand in what cannot be read. */
  findNow(name: string): Node | undefined {
    return this.byName.get(name)
  }

  /** @throws FormatError where the name may stand in what cannot be read. */
  find(name: string): Node | undefined {
    const node = this.byName.get(name)
    if (node === undefined) this.checkWhole()
    return node
  }

  /** @throws FormatError where not all of it can be read. */
  checkWhole(): this {
    if (this.damage !== undefined) throw this.damage
    return this
  }

  /** In byte order of the names. */
  sorted(): Node[] {
    return [...this.nodes].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
  }
}

/** A directory while it is read. */
export class Listing {
  readonly pairs: DirectoryPair[] = []
  private readonly nodes: Node[] = []
  private readonly byName = new Map<string, Node | undefined>()

  /** The first entry of a name decides what the name is, also where it says that nothing is there. */
  add(node: Node, isGone: boolean): void {
    if (!this.byName.has(node.name)) this.byName.set(node.name, isGone ? undefined : node)
    if (!isGone) this.nodes.push(node)
  }

  finish(damage: FormatError | undefined): Directory {
    return new Directory(this.nodes, this.byName, this.pairs, damage)
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
    node = directory.findNow(name)
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

/** @throws as {@link requireNode}; FsError `ENOTDIR` for a file. */
export function* requireDirectory(
  volume: Volume,
  path: { readonly names: readonly string[]; readonly mustBeDirectory: boolean },
): Op<Directory> {
  const node = yield* requireNode(volume, path)
  if (node.type !== 'directory') throw new FsError('ENOTDIR')
  return yield* volume.readDirectory(node.pair)
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

  /** @throws FormatError `DIRECTORY_LOOP`, and where nothing of it can be read. */
  *enter(pair: BlockPair, above: Above | undefined): Op<{ directory: Directory; here: Above }> {
    const depth = (above?.depth ?? 0) + 1
    for (let at = above; at !== undefined; at = at.above) {
      if (at.pair[0] === pair[0] || at.pair[0] === pair[1]) throw endless(pair)
    }
    const directory = yield* this.volume.readDirectory(pair)
    this.pairsLeft -= directory.pairs.length
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
