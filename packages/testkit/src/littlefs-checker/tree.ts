/**
 * The directory tree: names, structs, the blocks of files, and the tree against the tail list.
 *
 * 1. Every pair on the tail list belongs to exactly one directory, and every pair of the tree is on
 *    the tail list; orphans and half-orphans only where the global state announces them.
 * 2. No block has two uses.
 *
 * Source: littlefs SPEC.md, "LFS_TYPE_NAME", "LFS_TYPE_STRUCT", "LFS_TYPE_TAIL"; DESIGN.md,
 * "Directories". The order of names is the recordings': see {@link compareNames}.
 */
import { readCtzBlocks, readCtzContent } from './ctz-list.js'
import {
  type BlockImage,
  type BlockPair,
  type LittlefsCheckOptions,
  latin1,
  le32,
  pairKey,
  pairText,
  type Report,
} from './finding.js'
import type { Entry, MetadataPair } from './metadata.js'
import { type Superblock, superblockEntry } from './superblock.js'
import type { GlobalState, PairReader, ThreadNode } from './thread.js'

/** One file or directory. `content` is missing for directories and for files that cannot be read. */
export interface LittlefsTreeNode {
  readonly type: 'file' | 'directory' | 'other'
  readonly content?: Uint8Array
  readonly attributes: ReadonlyMap<number, Uint8Array>
}

interface TreeInput {
  readonly image: BlockImage
  readonly options: LittlefsCheckOptions
  readonly superblock: Superblock
  readonly pairs: PairReader
  readonly thread: readonly ThreadNode[]
  readonly root: BlockPair
  readonly state: GlobalState
  readonly report: Report
}

/**
 * Bytewise, except that a longer name stands before its own prefix: "abc" before "ab", as the
 * reference writes and lists them.
 */
export function compareNames(a: Uint8Array, b: Uint8Array): number {
  const common = Math.min(a.length, b.length)
  for (let index = 0; index < common; index++) {
    if (a[index] !== b[index]) return a[index] - b[index]
  }
  return b.length - a.length
}

export function walkTree(input: TreeInput): Map<string, LittlefsTreeNode> {
  return new TreeWalk(input).run()
}

class TreeWalk {
  private readonly nodes = new Map<string, LittlefsTreeNode>()
  private readonly threadByKey = new Map<string, ThreadNode>()
  private readonly threadByBlock = new Map<number, ThreadNode>()
  /** The first use of each block. */
  private readonly uses = new Map<number, string>()
  /** The directory of each pair that the tree has reached, by {@link pairKey}. */
  private readonly owners = new Map<string, string>()
  private readonly waiting: { readonly path: string; readonly head: BlockPair }[] = []

  constructor(private readonly input: TreeInput) {
    for (const node of input.thread) {
      const { pair } = node.metadata
      this.threadByKey.set(pairKey(pair), node)
      for (const block of pair) {
        this.threadByBlock.set(block, node)
        this.use(block, `pair ${pairText(pair)} of the tail list`)
      }
    }
  }

  run(): Map<string, LittlefsTreeNode> {
    const { thread, root } = this.input
    for (const node of thread) {
      if (node.metadata.pair === root) break
      node.owner = '/'
    }
    const rootEntry = this.threadByKey.get(pairKey(root))?.metadata.entries[0]
    this.nodes.set('/', { type: 'directory', attributes: rootEntry?.attributes ?? new Map() })
    this.checkAttributes(rootEntry, '/')
    this.waiting.push({ path: '/', head: root })
    for (let next = this.waiting.pop(); next !== undefined; next = this.waiting.pop()) {
      this.walkDirectory(next.path, next.head)
    }
    this.checkOrphans()
    return this.nodes
  }

  private walkDirectory(path: string, head: BlockPair): void {
    let previousName: Uint8Array | undefined
    let pair: BlockPair | undefined = head
    let isHalfOrphan = false
    while (pair !== undefined) {
      const metadata = this.enterPair(pair, path, pair === head, isHalfOrphan)
      if (metadata === undefined) return
      // Relocated and split at once: the tail list still shows the half before the split.
      isHalfOrphan ||= this.isListedByHalf(pair)
      const isRootHead = path === '/' && pair === head
      metadata.entries.forEach((entry, id) => {
        if (isRootHead && id === 0 && superblockEntry(metadata) !== undefined) return
        if (previousName !== undefined) this.checkOrder(previousName, entry.name, path)
        previousName = entry.name
        if (!this.isMoved(metadata.pair, id)) this.visitEntry(entry, path, metadata)
      })
      pair = metadata.tail?.hard === true ? metadata.tail.pair : undefined
    }
  }

  /** Takes a pair into a directory; `undefined` when it cannot be read or belongs to another one. */
  private enterPair(
    pair: BlockPair,
    path: string,
    isHead: boolean,
    isBehindHalfOrphan: boolean,
  ): MetadataPair | undefined {
    const { pairs, report, root } = this.input
    const key = pairKey(pair)
    const where = { pair, path }
    const owner = this.owners.get(key)
    if (owner !== undefined) {
      report('directory-shared', `${pairText(pair)} is a part of "${owner}" already`, where)
      return undefined
    }
    this.owners.set(key, path)
    const metadata = pairs.pair(pair, path)
    if (metadata === undefined) return undefined
    const exact = this.threadByKey.get(key)
    const node = exact ?? this.threadByBlock.get(pair[0]) ?? this.threadByBlock.get(pair[1])
    if (node === undefined) {
      if (!isBehindHalfOrphan || !this.orphansAllowed()) {
        report('directory-not-threaded', `${pairText(pair)} is not on the tail list`, where)
      }
      for (const block of pair) this.use(block, `pair ${pairText(pair)}`, path)
      return metadata
    }
    if (node !== exact) {
      const listed = pairText(node.metadata.pair)
      if (!this.orphansAllowed()) {
        report('half-orphan', `${pairText(pair)} stands as ${listed} on the tail list`, where)
      }
      for (const block of pair) {
        if (!node.metadata.pair.includes(block)) this.use(block, `pair ${pairText(pair)}`, path)
      }
    }
    node.owner = path
    if (isHead && pair !== root && node.reached === 'hard') {
      report('tail-kind', `${pairText(pair)} begins a directory but a hard tail leads to it`, where)
    }
    return metadata
  }

  private orphansAllowed(): boolean {
    return this.input.options.allowOrphans === true && this.input.state.hasOrphans
  }

  /** A pair of which the tail list knows another version, with one block exchanged. */
  private isListedByHalf(pair: BlockPair): boolean {
    return (
      !this.threadByKey.has(pairKey(pair)) && pair.some((block) => this.threadByBlock.has(block))
    )
  }

  private isMoved(pair: BlockPair, id: number): boolean {
    const { move } = this.input.state
    return move !== undefined && move.id === id && pairKey(move.pair) === pairKey(pair)
  }

  private checkOrder(previous: Uint8Array, name: Uint8Array, directory: string): void {
    const order = compareNames(previous, name)
    if (order < 0) return
    const path = childPath(directory, name)
    if (order === 0) this.input.report('name-duplicate', 'a second entry of this name', { path })
    else this.input.report('name-order', `stands behind "${latin1(previous)}"`, { path })
  }

  private visitEntry(entry: Entry, directory: string, metadata: MetadataPair): void {
    const { report, superblock } = this.input
    const path = childPath(directory, entry.name)
    const where = { pair: metadata.pair, block: metadata.log.block, path }
    // Reported with the commit that left it so.
    if (entry.nameType === undefined) return
    if (entry.name.length === 0 || entry.name.length > superblock.nameMax) {
      report(
        'name-length',
        `${entry.name.length} bytes, at least 1, at most ${superblock.nameMax}`,
        where,
      )
    }
    const name = latin1(entry.name)
    if (name === '.' || name === '..' || name.includes('/') || name.includes('\0')) {
      report('name-characters', 'the name is "." or "..", or holds a NUL or a slash', where)
    }
    this.checkAttributes(entry, path)
    if (entry.structType === undefined) report('struct-missing', 'an id without a struct', where)
    const { attributes } = entry
    if (entry.nameType === 0x002) {
      this.addNode(path, { type: 'directory', attributes })
      if (entry.structType === 0x200) {
        this.waiting.push({ path, head: [le32(entry.struct, 0), le32(entry.struct, 4)] })
      } else if (entry.structType !== undefined) {
        report('struct-kind', 'a directory whose struct points to no pair', where)
      }
      return
    }
    if (entry.nameType === 0x0ff) {
      report('superblock-place', 'a superblock entry that is not id 0 of a superblock pair', where)
    }
    const content = this.readContent(entry, path)
    const type = entry.nameType === 0x001 ? 'file' : 'other'
    this.addNode(path, content === undefined ? { type, attributes } : { type, content, attributes })
  }

  private readContent(entry: Entry, path: string): Uint8Array | undefined {
    const { image, options, report, superblock } = this.input
    const isInline = entry.structType === 0x201
    if (!isInline && entry.structType !== 0x202) {
      if (entry.structType === 0x200)
        report('struct-kind', 'a file with a directory struct', { path })
      return undefined
    }
    const sizeBytes = isInline ? entry.struct.length : le32(entry.struct, 4)
    if (sizeBytes > superblock.fileMax) {
      report('file-size', `${sizeBytes} bytes, at most ${superblock.fileMax} are allowed`, { path })
    }
    if (isInline) {
      const inlineMax =
        options.inlineMax ?? Math.min(superblock.attrMax, Math.floor(options.blockSize / 8))
      if (sizeBytes > inlineMax) {
        report('inline-size', `${sizeBytes} bytes inline, at most ${inlineMax} may be`, { path })
      }
      return entry.struct
    }
    const blocks = readCtzBlocks(image, le32(entry.struct, 0), sizeBytes, path, report)
    if (blocks === undefined) return undefined
    for (const block of blocks) this.use(block, 'file data', path)
    return readCtzContent(image, blocks, sizeBytes)
  }

  private checkAttributes(entry: Entry | undefined, path: string): void {
    const { attrMax } = this.input.superblock
    for (const [type, value] of entry?.attributes ?? []) {
      if (value.length <= attrMax) continue
      this.input.report(
        'attribute-size',
        `attribute 0x${type.toString(16)}: ${value.length} bytes, at most ${attrMax}`,
        { path },
      )
    }
  }

  private checkOrphans(): void {
    const { options, report, state, thread } = this.input
    for (const { metadata, owner } of thread) {
      if (owner !== undefined) continue
      if (!state.hasOrphans) {
        report(
          'orphan-unflagged',
          'no directory leads here, and the global state knows no orphans',
          {
            pair: metadata.pair,
          },
        )
      } else if (options.allowOrphans !== true) {
        report('orphan', 'no directory leads here', { pair: metadata.pair })
      }
    }
  }

  private addNode(path: string, node: LittlefsTreeNode): void {
    if (!this.nodes.has(path)) this.nodes.set(path, node)
  }

  private use(block: number, use: string, path?: string): void {
    const what = path === undefined ? use : `${use} of "${path}"`
    const first = this.uses.get(block)
    if (first === undefined) {
      this.uses.set(block, what)
      return
    }
    const where = path === undefined ? { block } : { block, path }
    this.input.report('block-used-twice', `used as ${first} and as ${what}`, where)
  }
}

function childPath(directory: string, name: Uint8Array): string {
  return directory === '/' ? `/${latin1(name)}` : `${directory}/${latin1(name)}`
}
