/**
 * Tree check: directories, names, structs, and the tree against the list of all pairs.
 *
 * 1. Every pair of the list belongs to exactly one directory, and every pair of the tree is on the list:
 *    else it is an orphan, a half-orphan, shared, or not threaded.
 * 2. Each pair is entered once, so that a tree that runs in circles ends.
 *
 * Source: littlefs SPEC.md, "0x0xx LFS_TYPE_NAME", "0x2xx LFS_TYPE_STRUCT", "0x6xx LFS_TYPE_TAIL";
 * DESIGN.md, "Directories".
 */

import type { Op } from '@caravan/core'
import type { BlockPair } from '../format/metadata-log.js'
import { byteStringToText, compareNames } from '../format/name.js'
import { TagType } from '../format/tag.js'
import type { Limits } from '../volume.js'
import type { BlockOwners } from './block-owners.js'
import { checkFiles, type FileSizes } from './file-check.js'
import type { Place, Report } from './findings.js'
import {
  type CheckedEntry,
  type CheckedPair,
  inWords,
  keyOf,
  type PairReader,
} from './pair-reader.js'
import { superblockEntry } from './superblock-check.js'
import type { CheckedState, ThreadNode } from './thread-check.js'

interface TreeInput {
  readonly sizes: FileSizes
  readonly limits: Limits
  readonly reader: PairReader
  readonly thread: readonly ThreadNode[]
  readonly root: CheckedPair
  readonly state: CheckedState
  readonly owners: BlockOwners
  readonly report: Report
  /** Told of every block of data, with its place in the file. */
  readonly onData?: ((path: string, block: number, index: number) => void) | undefined
}

/** Files whose blocks are followed together. */
const BATCH_FILES = 256

export class TreeCheck {
  /** The directory that each pair was found in, by its key. */
  readonly pathsOfPairs = new Map<string, string>()
  fileCount = 0
  directoryCount = 0
  private readonly threadByKey = new Map<string, ThreadNode>()
  private readonly threadByBlock = new Map<number, ThreadNode>()
  private readonly waiting: { readonly path: string; readonly head: BlockPair }[] = []
  private files: { path: string; head: number; size: number }[] = []
  /** Two owners that share blocks are told once, however many they share. */
  private readonly sharers = new Set<string>()
  /** Shared blocks that are still followed: thousands of files may claim the same thousands of blocks. */
  private sharedLeft: number

  constructor(private readonly input: TreeInput) {
    this.sharedLeft = input.sizes.heldBlockCount
    for (const node of input.thread) {
      const { blocks } = node.pair
      this.threadByKey.set(keyOf(blocks), node)
      for (const block of blocks) {
        this.threadByBlock.set(block, node)
        this.use(block, `the pair ${inWords(blocks)}`, {})
      }
    }
  }

  *run(): Op<void> {
    const { thread, root } = this.input
    for (const node of thread) {
      if (node.pair === root) break
      node.isOwned = true
      this.pathsOfPairs.set(keyOf(node.pair.blocks), '/')
    }
    this.checkAttributes(root.entries[0], { path: '/' })
    this.waiting.push({ path: '/', head: root.blocks })
    for (let next = this.waiting.pop(); next !== undefined; next = this.waiting.pop()) {
      yield* this.walkDirectory(next.path, next.head)
      if (this.files.length >= BATCH_FILES) yield* this.checkFiles()
    }
    yield* this.checkFiles()
    this.checkOrphans()
  }

  private *walkDirectory(path: string, head: BlockPair): Op<void> {
    this.directoryCount++
    let lastName: string | undefined
    let next: BlockPair | undefined = head
    let isHalfOrphan = false
    while (next !== undefined) {
      const pair: CheckedPair | undefined = yield* this.enter(
        next,
        path,
        next === head,
        isHalfOrphan,
      )
      if (pair === undefined) return
      // Moved and split at once: the list still shows the half before the split.
      isHalfOrphan ||= this.isListedByHalf(next)
      const isRootHead = path === '/' && next === head
      for (let id = 0; id < pair.entries.length; id++) {
        const entry = pair.entries[id] as CheckedEntry
        if (isRootHead && id === 0 && superblockEntry(pair) !== undefined) continue
        // Told of the log that left it so.
        if (entry.nameType === undefined) continue
        if (lastName !== undefined) this.checkOrder(lastName, entry.name, path, pair)
        lastName = entry.name
        if (!this.isMoved(pair, id)) this.visit(entry, path, pair)
      }
      next = pair.hardTail ? pair.tail : undefined
    }
  }

  /** Takes a pair into a directory; `undefined` where it cannot be read or is of another one. */
  private *enter(
    blocks: BlockPair,
    path: string,
    isHead: boolean,
    isBehindHalfOrphan: boolean,
  ): Op<CheckedPair | undefined> {
    const { reader, report, root, state } = this.input
    const key = keyOf(blocks)
    const place = { block: blocks[0], path: textOf(path) }
    const owner = this.pathsOfPairs.get(key)
    if (owner !== undefined) {
      report(
        'DIRECTORY_SHARED',
        `The pair ${inWords(blocks)} is a part of ${owner} already.`,
        place,
      )
      return undefined
    }
    this.pathsOfPairs.set(key, textOf(path))
    const pair = yield* reader.pair(blocks)
    if (pair === undefined) return undefined
    const exact = this.threadByKey.get(key)
    const node = exact ?? this.threadByBlock.get(blocks[0]) ?? this.threadByBlock.get(blocks[1])
    if (node === undefined) {
      if (!isBehindHalfOrphan || !state.hasOrphans) {
        const what = `The pair ${inWords(blocks)} is not on the list of all pairs.`
        report('NOT_THREADED', what, place)
      }
      for (const block of blocks) this.use(block, `the pair ${inWords(blocks)}`, place)
      return pair
    }
    if (node !== exact) this.enterHalfOrphan(blocks, node, place)
    node.isOwned = true
    if (isHead && pair !== root && node.reached === 'hard') {
      const what = `The pair ${inWords(blocks)} begins a directory, and a hard tail leads to it.`
      report('WRONG_TAIL_KIND', what, place)
    }
    return pair
  }

  private enterHalfOrphan(blocks: BlockPair, { pair }: ThreadNode, place: Place): void {
    const listed = pair.blocks
    const code = this.input.state.hasOrphans ? 'HALF_ORPHAN' : 'HALF_ORPHAN_UNANNOUNCED'
    const what = `The pair ${inWords(blocks)} stands as ${inWords(listed)} on the list of all pairs.`
    this.input.report(code, what, place)
    for (const block of blocks) {
      if (!listed.includes(block)) this.use(block, `the pair ${inWords(blocks)}`, place)
    }
  }

  /** A pair of which the list knows another version, with one block exchanged. */
  private isListedByHalf(blocks: BlockPair): boolean {
    if (this.threadByKey.has(keyOf(blocks))) return false
    return blocks.some((block) => this.threadByBlock.has(block))
  }

  private isMoved(pair: CheckedPair, id: number): boolean {
    const { move } = this.input.state
    return move !== undefined && move.id === id && keyOf(move.pair) === keyOf(pair.blocks)
  }

  private checkOrder(last: string, name: string, directory: string, pair: CheckedPair): void {
    const order = compareNames(last, name)
    if (order < 0) return
    const place = { block: pair.active, path: textOf(childPath(directory, name)) }
    if (order === 0)
      this.input.report('NAME_DUPLICATE', 'There is a second entry of this name.', place)
    else {
      const what = `The entry stands behind "${byteStringToText(last)}", which is greater.`
      this.input.report('NAME_OUT_OF_ORDER', what, place)
    }
  }

  private visit(entry: CheckedEntry, directory: string, pair: CheckedPair): void {
    const { report } = this.input
    const path = childPath(directory, entry.name)
    const place = { block: pair.active, path: textOf(path) }
    this.checkName(entry.name, place)
    this.checkAttributes(entry, place)
    const { struct, nameType } = entry
    if (struct.kind === 'none')
      report('STRUCT_MISSING', 'The entry says not where its content is.', place)
    if (nameType === TagType.DIRECTORY) {
      if (struct.kind === 'directory') this.waiting.push({ path, head: struct.pair })
      else if (struct.kind !== 'none') {
        report('WRONG_STRUCT', 'The directory has the content of a file.', place)
      }
      return
    }
    if (nameType === TagType.SUPERBLOCK) {
      report('SUPERBLOCK_MISPLACED', 'A superblock stands among the entries of a directory.', place)
    } else if (nameType !== TagType.FILE) {
      const what = `The entry is of type 0x${(nameType as number).toString(16).padStart(3, '0')}: neither a file nor a directory.`
      report('UNKNOWN_ENTRY_TYPE', what, place)
    }
    this.fileCount++
    this.checkContent(entry, place)
  }

  private checkName(name: string, place: Place): void {
    const { nameMax } = this.input.limits
    const { report } = this.input
    if (name.length > nameMax) {
      report(
        'NAME_TOO_LONG',
        `The name has ${name.length} bytes, and at most ${nameMax} are allowed.`,
        place,
      )
    }
    if (name === '' || name === '.' || name === '..' || /[/\0]/.test(name)) {
      const what = 'The name is empty, "." or "..", or holds a slash or a NUL.'
      report('NAME_INVALID', what, place)
    }
  }

  private checkContent({ struct }: CheckedEntry, place: Place & { path: string }): void {
    const { limits, report, sizes } = this.input
    switch (struct.kind) {
      case 'none':
        return
      case 'directory':
      case 'unknown':
        report('WRONG_STRUCT', 'The file is neither inline nor a list of blocks.', place)
        return
      case 'ctz':
        this.files.push({ path: place.path, head: struct.head, size: struct.size })
        break
      case 'inline': {
        const most = Math.min(limits.attrMax, Math.floor(sizes.blockSize / 8))
        if (struct.size <= most) break
        const what = `The file is kept inline with ${struct.size} bytes; writers keep at most ${most}.`
        report('INLINE_TOO_LARGE', what, place)
      }
    }
    if (struct.size <= limits.fileMax) return
    const what = `The file has ${struct.size} bytes, and at most ${limits.fileMax} are allowed.`
    report('FILE_TOO_LARGE', what, place)
  }

  private *checkFiles(): Op<void> {
    const { files, input } = this
    this.files = []
    const numbers = new Map<string, number>()
    yield* checkFiles(files, input.sizes, input.report, (path, block, index) => {
      input.onData?.(path, block, index)
      const owner = numbers.get(path) ?? input.owners.owner(path)
      numbers.set(path, owner)
      return this.take(block, owner, path, { path })
    })
  }

  private checkAttributes(entry: CheckedEntry | undefined, place: Place): void {
    const { attrMax } = this.input.limits
    for (const [type, size] of entry?.attributeSizes ?? []) {
      if (size <= attrMax) continue
      const what = `Attribute 0x${type.toString(16)} has ${size} bytes, and at most ${attrMax} are allowed.`
      this.input.report('ATTRIBUTE_TOO_LARGE', what, place)
    }
  }

  private checkOrphans(): void {
    const { report, state, thread } = this.input
    for (const { pair, isOwned } of thread) {
      if (isOwned) continue
      const what = `No directory leads to the pair ${inWords(pair.blocks)}.`
      report(state.hasOrphans ? 'ORPHAN' : 'ORPHAN_UNANNOUNCED', what, { block: pair.active })
    }
  }

  private use(block: number, name: string, place: Place): void {
    this.take(block, this.input.owners.owner(name), name, place)
  }

  /** True where what the block leads to is to be followed too. */
  private take(block: number, owner: number, name: string, place: Place): boolean {
    const { owners, report } = this.input
    const first = owners.take(block, owner)
    if (first === undefined) return true
    const sharers = `${first},${owner}`
    if (!this.sharers.has(sharers)) {
      this.sharers.add(sharers)
      const what = `Block ${block} belongs to ${owners.nameOf(first)} and to ${name}.`
      report('BLOCK_USED_TWICE', what, { ...place, block })
    }
    this.sharedLeft--
    return this.sharedLeft >= 0
  }
}

/** Of byte strings. */
function childPath(directory: string, name: string): string {
  return directory === '/' ? `/${name}` : `${directory}/${name}`
}

function textOf(path: string): string {
  return byteStringToText(path)
}
