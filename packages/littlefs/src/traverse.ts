/**
 * Which blocks are in use: everything that the directory tree reaches, and everything on the
 * threaded list of all pairs, each block once.
 *
 * Both, because either alone misses some on a damaged or interrupted filesystem: a pair that is not
 * yet or no longer in the tree (an orphan), a directory whose place in the list is lost.
 */

import { type CaravanError, FormatError, type Op } from '@caravan/core'
import { BlockSet } from './block-set.js'
import { entryType, openDirectory, shownEntries } from './directory.js'
import { type FileBlocks, findBlocks } from './file-blocks.js'
import { fileBlocksOf } from './file-read.js'
import type { BlockPair } from './format/metadata-log.js'
import { byteStringToText } from './format/name.js'
import type { Entry, MetadataPair } from './metadata-pair.js'
import { checkSteps } from './thread-search.js'
import type { Volume } from './volume.js'

/** One block in use. */
export interface BlockUse {
  readonly block: number
  readonly kind: 'metadata' | 'data'
  /** The directory or file that it belongs to; `undefined` where the tree does not lead to it. */
  readonly path: string | undefined
  /** Of metadata: true for the half in force. */
  readonly active: boolean
}

interface TraverseOptions {
  /** Called once for every block in use. */
  readonly onUse?: (use: BlockUse) => void
  /** Called for what cannot be followed, which is then left out. Default: the error is thrown. */
  readonly onError?: (error: CaravanError, path: string | undefined) => void
}

/** Files whose blocks are looked up together. */
const BATCH_FILES = 256

/** @throws FormatError what cannot be followed, where no `onError` takes it. */
export function* findUsedBlocks(volume: Volume, options: TraverseOptions = {}): Op<BlockSet> {
  const traversal = new Traversal(volume, options)
  yield* traversal.walkTree()
  yield* traversal.walkThread()
  yield* traversal.finishFiles()
  return traversal.used
}

class Traversal {
  readonly used = new BlockSet()
  private readonly seenPairs = new Set<string>()
  private files: { entry: Entry; path: string | undefined }[] = []

  constructor(
    private readonly volume: Volume,
    private readonly options: TraverseOptions,
  ) {}

  *walkTree(): Op<void> {
    const root = yield* this.volume.readRoot()
    const pending = [{ entry: root, path: '/' }]
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      const { entry, path } = next
      try {
        const directory = yield* openDirectory(this.volume, entry)
        for (const pair of directory.chain) {
          // A directory seen before is shared by two entries, or a loop: once is enough.
          if (!this.takePair(pair, path)) break
          for (const child of shownEntries(this.volume, pair)) {
            const name = byteStringToText(child.content.name)
            const childPath = path === '/' ? `/${name}` : `${path}/${name}`
            if (entryType(child) === 'directory') pending.push({ entry: child, path: childPath })
            else yield* this.takeFile(child, childPath)
          }
        }
      } catch (error) {
        this.report(error, path)
      }
    }
  }

  *walkThread(): Op<void> {
    let next: BlockPair | undefined = [0, 1]
    for (let steps = 0; next !== undefined; steps++) {
      checkSteps(this.volume, steps, next)
      const pair: MetadataPair = yield* this.volume.readPair(next)
      if (this.takePair(pair, undefined)) {
        for (const entry of pair.entries) {
          if (entryType(entry) !== 'directory') yield* this.takeFile(entry, undefined)
        }
      }
      next = pair.summary.tail
    }
  }

  *finishFiles(): Op<void> {
    const files = this.files
    this.files = []
    const ranges = []
    for (const { entry, path } of files) {
      try {
        const blocks = fileBlocksOf(this.volume.layout, entry)
        ranges.push({ blocks, from: 0, to: blocks.lastIndex, path })
      } catch (error) {
        this.report(error, path)
      }
    }
    try {
      yield* findBlocks(this.volume.layout, ranges)
    } catch (error) {
      if (this.options.onError === undefined) throw error
      // One file is damaged: find out which, and keep the others whole.
      for (const range of ranges) yield* this.findAlone(range)
    }
    for (const { blocks, path } of ranges) this.takeBlocks(blocks, path)
  }

  private *findAlone(range: {
    blocks: FileBlocks
    from: number
    to: number
    path: string | undefined
  }): Op<void> {
    try {
      yield* findBlocks(this.volume.layout, [range])
    } catch (error) {
      this.report(error, range.path)
    }
  }

  private takeBlocks(blocks: FileBlocks, path: string | undefined): void {
    for (let index = 0; index <= blocks.lastIndex; index++) {
      const block = blocks.get(index)
      if (block === undefined || !this.used.add(block)) continue
      this.options.onUse?.({ block, kind: 'data', path, active: true })
    }
  }

  private *takeFile(entry: Entry, path: string | undefined): Op<void> {
    const { struct } = entry.content
    if (struct?.kind !== 'ctz' || struct.size === 0) return
    this.files.push({ entry, path })
    if (this.files.length >= BATCH_FILES) yield* this.finishFiles()
  }

  /** False where the pair was taken before. */
  private takePair(pair: MetadataPair, path: string | undefined): boolean {
    // Both blocks: a pair that has moved, and its old place on the list, share one.
    const key = `${Math.min(...pair.blocks)}, ${Math.max(...pair.blocks)}`
    if (this.seenPairs.has(key)) return false
    this.seenPairs.add(key)
    pair.blocks.forEach((block, half) => {
      if (!this.used.add(block)) return
      this.options.onUse?.({ block, kind: 'metadata', path, active: half === 0 })
    })
    return true
  }

  private report(error: unknown, path: string | undefined): void {
    if (this.options.onError === undefined || !(error instanceof FormatError)) throw error
    this.options.onError(error, path)
  }
}
