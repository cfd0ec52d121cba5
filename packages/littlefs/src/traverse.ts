/**
 * Which blocks are in use: everything that the directory tree reaches, and everything on the
 * threaded list of all pairs, each block once.
 *
 * Both, because either alone misses some on a damaged or interrupted filesystem: a pair that is not
 * yet or no longer in the tree (an orphan), a directory whose place in the list is lost.
 */

import { type CaravanError, FormatError, type Op } from '@caravan/core'
import { BlockSet } from './block-set.js'
import { contentType, headOf, readChain, shownContents } from './directory.js'
import { type FileBlocks, findBlocks } from './file-blocks.js'
import { newFileBlocks } from './file-read.js'
import type { BlockPair, EntryContent } from './format/metadata-log.js'
import { byteStringToText } from './format/name.js'
import { MemoryLedger } from './memory-ledger.js'
import type { MetadataPair } from './metadata-pair.js'
import { PairSet } from './pair-set.js'
import { checkSteps } from './thread-search.js'
import type { Layout, Volume } from './volume.js'

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
  /** Takes the blocks: all of them, or those of its window. Default: all. */
  readonly used?: BlockSet
  /** Called once for every block in use. */
  readonly onUse?: (use: BlockUse) => void
  /** Called for what cannot be followed, which is then left out. Default: the error is thrown. */
  readonly onError?: (error: CaravanError, path: string | undefined) => void
}

/** Files whose blocks are looked up together. */
const BATCH_FILES = 256

/** Blocks that are looked up together: of larger files a part at a time. */
const BATCH_BLOCKS = 4096

/** A file, and what is known of its blocks. */
interface FileUse {
  readonly blocks: FileBlocks
  /** True for a list that nobody else has. */
  readonly isPassing: boolean
  readonly path: string | undefined
}

/** A part of a file's list. */
interface PartUse extends FileUse {
  readonly from: number
  readonly to: number
}

/**
 * What is not in memory is read past the caches where those are full: a pair, a part of a file's list
 * at a time.
 *
 * @throws FormatError what cannot be followed, where no `onError` takes it.
 */
export function* findUsedBlocks(volume: Volume, options: TraverseOptions = {}): Op<void> {
  const traversal = new Traversal(volume, options)
  yield* traversal.walkTree()
  yield* traversal.walkThread()
  yield* traversal.finishFiles()
}

class Traversal {
  private readonly used: BlockSet
  private readonly seenPairs = new PairSet()
  /** For lists that are looked at once. */
  private readonly layout: Layout
  private files: FileUse[] = []
  private waitingBlocks = 0

  constructor(
    private readonly volume: Volume,
    private readonly options: TraverseOptions,
  ) {
    this.used = options.used ?? new BlockSet()
    this.layout = { ...volume.layout, ledger: new MemoryLedger() }
  }

  *walkTree(): Op<void> {
    const { volume } = this
    // For the state that a failure may have left unknown.
    yield* volume.readRoot()
    const withPaths = this.options.onUse !== undefined || this.options.onError !== undefined
    const pending: { head: BlockPair; path: string }[] = [{ head: volume.root, path: '/' }]
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      const { head, path } = next
      const visit = volume.caches.beginVisit()
      try {
        for (const pair of yield* readChain(volume, head)) {
          // A directory seen before is shared by two entries, or a loop: once is enough.
          if (!this.takePair(pair, path)) break
          for (const { content, id } of shownContents(volume, pair)) {
            let childPath = path
            if (withPaths) {
              const name = byteStringToText(content.name)
              childPath = path === '/' ? `/${name}` : `${path}/${name}`
            }
            if (contentType(content) === 'directory') {
              pending.push({ head: headOf(volume, content, pair), path: childPath })
            } else yield* this.takeFile(content, pair, id, childPath)
          }
        }
      } catch (error) {
        this.report(error, path)
      }
      visit.release()
    }
  }

  *walkThread(): Op<void> {
    const { volume } = this
    let next: BlockPair | undefined = [0, 1]
    for (let steps = 0; next !== undefined; steps++) {
      checkSteps(volume, steps, next)
      const visit = volume.caches.beginVisit()
      const pair: MetadataPair = yield* volume.readPair(next)
      if (this.takePair(pair, undefined)) {
        for (const [id, content] of volume.caches.contentsOf(pair).entries()) {
          if (contentType(content) !== 'directory')
            yield* this.takeFile(content, pair, id, undefined)
        }
      }
      next = pair.summary.tail
      visit.release()
    }
  }

  *finishFiles(): Op<void> {
    const { files } = this
    this.files = []
    this.waitingBlocks = 0
    for (const parts of batches(files)) {
      try {
        yield* findBlocks(this.layout, parts)
      } catch (error) {
        if (this.options.onError === undefined) throw error
        // One file is damaged: find out which, and keep the others whole.
        for (const part of parts) yield* this.findAlone(part)
      }
      for (const part of parts) this.takeBlocks(part)
    }
  }

  private *findAlone(part: PartUse): Op<void> {
    try {
      yield* findBlocks(this.layout, [part])
    } catch (error) {
      this.report(error, part.path)
    }
  }

  private takeBlocks({ blocks, isPassing, from, to, path }: PartUse): void {
    for (let index = from; index <= to; index++) {
      const block = blocks.get(index)
      if (block === undefined || !this.used.add(block)) continue
      this.options.onUse?.({ block, kind: 'data', path, active: true })
    }
    // Of a large file the next part is found from its head again.
    if (isPassing) blocks.forget()
  }

  private *takeFile(
    content: EntryContent,
    pair: MetadataPair,
    id: number,
    path: string | undefined,
  ): Op<void> {
    const { struct } = content
    if (struct?.kind !== 'ctz' || struct.size === 0) return
    try {
      const known = this.volume.caches.listOf(pair, id)
      const blocks = known ?? newFileBlocks(this.layout, struct, pair.blocks)
      this.files.push({ blocks, isPassing: known === undefined, path })
      this.waitingBlocks += blocks.lastIndex + 1
    } catch (error) {
      this.report(error, path)
    }
    if (this.files.length >= BATCH_FILES || this.waitingBlocks >= BATCH_BLOCKS) {
      yield* this.finishFiles()
    }
  }

  /** False where the pair was taken before. */
  private takePair(pair: MetadataPair, path: string | undefined): boolean {
    // Both blocks: a pair that has moved, and its old place on the list, share one.
    if (!this.seenPairs.add(pair.blocks)) return false
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

/** Parts of lists that are looked up together. */
function* batches(files: readonly FileUse[]): Generator<PartUse[], void, void> {
  let parts: PartUse[] = []
  let count = 0
  for (const file of files) {
    for (let to = file.blocks.lastIndex; to >= 0; to -= BATCH_BLOCKS) {
      const from = Math.max(0, to - BATCH_BLOCKS + 1)
      parts.push({ ...file, from, to })
      count += to - from + 1
      if (count < BATCH_BLOCKS) continue
      yield parts
      parts = []
      count = 0
    }
  }
  if (parts.length > 0) yield parts
}
