/**
 * Migration in place: the metadata of a littlefs 2 is written into blocks that the littlefs 1 has no use
 * for, then one write of a superblock makes a littlefs 2 of the device. The blocks of files stay.
 *
 * 1. Until that write all of the littlefs 1 can be read, and it is what drivers of either version take
 *    the device for; from then on it is a littlefs 2.
 * 2. It can be cut at any request and begun again: what an earlier attempt left is written over, and its
 *    revisions are older.
 * 3. What is not sound is not migrated in place: nothing is written then.
 *
 * Source: littlefs v1 DESIGN.md; `lfs_migrate` of littlefs 2, which docs/decisions/0102 compares.
 */

import { DeviceError, FormatError, type Op } from '@caravan/core'
import { BlockSet } from '../block-set.js'
import { CommitEncoder } from '../format/commit-encoder.js'
import { CRC_INITIAL, crc32 } from '../format/crc32.js'
import { type Attribute, type BlockPair, decodeEntries, scanLog } from '../format/metadata-log.js'
import {
  ATTR_MAX_DEFAULT,
  encodeSuperblock,
  FILE_MAX_DEFAULT,
  MAGIC,
  NAME_MAX_DEFAULT,
} from '../format/superblock.js'
import { TagType } from '../format/tag.js'
import { readWord } from '../format/word.js'
import { putTail } from '../log-writer.js'
import { isBadBlock } from '../metadata-pair.js'
import { readBytes } from '../probe.js'
import { eraseBlock } from '../verified-prog.js'
import type { DiskVersion } from '../volume.js'
import { checkVersion1 } from './check/check.js'
import type { Version1Finding } from './check/findings.js'
import { Descent } from './directory.js'
import { blocksOf, findFileBlocks } from './file.js'
import { decodeDirectoryHeader } from './format/directory-block.js'
import {
  type BlockUse,
  type DirectoryToMove,
  type PlannedPair,
  planMigration,
} from './migration-plan.js'
import { readThread, SUPERBLOCK_PAIR } from './thread.js'
import type { Volume } from './volume.js'

export interface InPlaceSettings {
  readonly diskVersion: DiskVersion
  /** Of every file. */
  readonly attributes: readonly Attribute[]
}

/** Blocks erased, programmed and read back between two syncs. */
const BATCH_BLOCKS = 64

/** What a migration puts right, or has no need of. */
const HARMLESS: ReadonlySet<string> = new Set([
  'OLD_SUPERBLOCK_TYPE',
  'TAIL_CYCLE',
  'LIST_BROKEN',
  'NOT_THREADED',
  'IMAGE_TRUNCATED',
  'WRONG_GEOMETRY',
])

/**
 * @returns files and directories in the new littlefs 2.
 * @throws FormatError `NOT_SOUND` where something could be lost; FsError `ENOSPC`; DeviceError. Before
 *   the last step the littlefs 1 is still there then.
 */
export function* migrateVolume(volume: Volume, settings: InPlaceSettings): Op<number> {
  yield* checkSound(volume)
  const directories = yield* collectDirectories(volume)
  const use = yield* measureUse(volume, directories)
  const bad = new Set<number>()
  const writer = new LogWriter(volume, settings)
  for (;;) {
    const planned = planMigration(
      directories,
      { ...use, bad },
      volume.layout.blockSize,
      settings.attributes,
    )
    const refused = yield* writer.writePairs(planned)
    if (refused === undefined) {
      yield* writer.writeSuperblocks(use.blockCount, planned[0]?.blocks)
      return directories.reduce((count, { directory }) => count + directory.nodes.length, 0)
    }
    bad.add(refused)
  }
}

function* checkSound(volume: Volume): Op<void> {
  const { layout } = volume
  const geometry = { ...layout, blockCount: layout.heldBlockCount }
  const { findings } = yield* checkVersion1(geometry, {
    blockSize: layout.blockSize,
    blockCount: Math.min(layout.blockCount, layout.heldBlockCount),
  })
  const isFatal = ({ severity, code }: Version1Finding) =>
    severity === 'error' && !HARMLESS.has(code)
  const found = findings.find(isFatal)
  if (found === undefined) return
  const path = found.path === undefined ? '' : `${found.path}: `
  throw new FormatError(
    'NOT_SOUND',
    `It is damaged, and is not migrated in place: ${path}${found.what} Migrate into a new image, which gets all that can be read.`,
    {
      ...(found.block === undefined ? {} : { block: found.block }),
      ...(found.path === undefined ? {} : { path: found.path }),
    },
  )
}

/** All of them, the root first, each before those in it. */
function* collectDirectories(volume: Volume): Op<DirectoryToMove[]> {
  const descent = new Descent(volume)
  const found: DirectoryToMove[] = []
  const pending = [{ node: volume.root, above: undefined as Parameters<Descent['enter']>[1] }]
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const { directory, here } = yield* descent.enter(next.node.pair, next.above)
    directory.checkWhole()
    found.push({ node: next.node, directory })
    for (const node of directory.sorted().reverse()) {
      if (node.type === 'directory') pending.push({ node, above: here })
    }
  }
  return found
}

function* measureUse(
  volume: Volume,
  directories: readonly DirectoryToMove[],
): Op<Omit<BlockUse, 'bad'>> {
  const needed = new BlockSet()
  const kept = new BlockSet()
  let last = 1
  for (const { directory } of directories) {
    for (const { blocks, active } of directory.pairs) {
      needed.add(blocks[active])
      last = Math.max(last, ...blocks)
    }
    for (const node of directory.nodes) {
      if (node.type !== 'file' || node.size === 0) continue
      const blocks = blocksOf(volume, node)
      yield* findFileBlocks(volume.layout, blocks, 0, blocks.lastIndex)
      for (let index = 0; index <= blocks.lastIndex; index++) {
        const block = blocks.get(index) as number
        kept.add(block)
        last = Math.max(last, block)
      }
    }
  }
  for (const { blocks, active } of yield* listedPairs(volume)) needed.add(blocks[active])
  const { heldBlockCount } = volume.layout
  const isRight = volume.blockCount > last && volume.blockCount <= heldBlockCount
  return { blockCount: isRight ? volume.blockCount : heldBlockCount, needed, kept }
}

/** Of a list that cannot be followed nothing is needed: a tree that needed it could not be read. */
function* listedPairs({ layout }: Volume): Op<{ blocks: BlockPair; active: 0 | 1 }[]> {
  try {
    return yield* readThread(layout)
  } catch (error) {
    if (error instanceof FormatError) return []
    throw error
  }
}

/** A log, but for its end, which depends on what the medium holds behind it. */
type PutLog = (encoder: CommitEncoder) => void

class LogWriter {
  private readonly encoder: CommitEncoder

  constructor(
    private readonly volume: Volume,
    private readonly settings: InPlaceSettings,
  ) {
    const { blockSize, progSize } = volume.layout
    this.encoder = new CommitEncoder(blockSize, progSize, crc32)
  }

  /** @returns a block that does not take what is written; `undefined` where all did. */
  *writePairs(pairs: readonly PlannedPair[]): Op<number | undefined> {
    for (let start = 0; start < pairs.length; start += BATCH_BLOCKS) {
      const batch = pairs.slice(start, start + BATCH_BLOCKS)
      const revisions: number[] = []
      for (const { blocks } of batch) revisions.push(yield* this.newRevision(blocks))
      for (const { blocks } of batch) {
        if (!(yield* eraseBlock(blocks[0]))) return blocks[0]
      }
      // A cut that loses an erase must not keep what is programmed after it.
      yield { kind: 'sync' }
      for (const [i, { blocks, contents, tail, hardTail }] of batch.entries()) {
        const isWritten = yield* this.writeLog(blocks[0], revisions[i] as number, (encoder) => {
          contents.forEach((content, id) => {
            encoder.putEntry(id, content, false)
          })
          if (tail !== undefined) putTail(encoder, tail, hardTail)
        })
        if (!isWritten) return blocks[0]
      }
      yield { kind: 'sync' }
    }
    return undefined
  }

  /** Newer than what the other block may hold of an earlier attempt, or of an older filesystem. */
  private *newRevision([, beside]: BlockPair): Op<number> {
    return ((yield* this.revisionOf(beside)) + 1) >>> 0
  }

  private *revisionOf(block: number): Op<number> {
    const { layout } = this.volume
    const geometry = { ...layout, blockCount: layout.heldBlockCount }
    return readWord(yield* readBytes(geometry, block * layout.blockSize, 4), 0)
  }

  /** The first is the write that makes it a littlefs 2. */
  *writeSuperblocks(blockCount: number, root: BlockPair | undefined): Op<void> {
    const { superblockAt, layout } = this.volume
    const active = superblockAt.block
    const minorVersion = this.settings.diskVersion === '2.0' ? 0 : 1
    const superblock = encodeSuperblock({
      ...{ majorVersion: 2, minorVersion, blockSize: layout.blockSize, blockCount },
      ...{ nameMax: NAME_MAX_DEFAULT, fileMax: FILE_MAX_DEFAULT, attrMax: ATTR_MAX_DEFAULT },
    })
    const revision = yield* this.newRevision([1 - active, active])
    for (const [block, newer] of [
      [1 - active, 0],
      [active, 1],
    ] as const) {
      yield* this.writeFixed(block, (revision + newer) >>> 0, (encoder) => {
        encoder.putName(TagType.SUPERBLOCK, 0, MAGIC)
        encoder.put(TagType.INLINE_STRUCT, 0, superblock)
        if (root !== undefined) putTail(encoder, root, true)
      })
    }
  }

  /** @throws DeviceError `BAD_BLOCK`: littlefs cannot do without its first two blocks. */
  *writeFixed(block: number, revision: number, put: PutLog): Op<void> {
    if (yield* eraseBlock(block)) {
      yield { kind: 'sync' }
      const isWritten = yield* this.writeLog(block, revision, put)
      if (isWritten) {
        yield { kind: 'sync' }
        return
      }
    }
    throw new DeviceError(
      'BAD_BLOCK',
      `Block ${block} does not hold what was programmed: it is worn out, and littlefs cannot do without its first two blocks. Migrate into a new image.`,
      { request: 'prog', block },
    )
  }

  /** False where the block, which is erased, does not hold what was programmed. */
  private *writeLog(block: number, revision: number, put: PutLog): Op<boolean> {
    const { encoder } = this
    const { blockSize, progSize, heldBlockCount } = this.volume.layout
    const geometry = { ...this.volume.layout, blockCount: heldBlockCount }
    encoder.beginBlock(revision, blockSize)
    put(encoder)
    try {
      let erased: { firstByte: number; unitCrc: number | undefined } | undefined
      if (encoder.leavesRoom) {
        const unit = yield* readBytes(geometry, block * blockSize + encoder.end, progSize)
        const hasForwardCrc = this.settings.diskVersion !== '2.0'
        const unitCrc = hasForwardCrc ? crc32(CRC_INITIAL, unit, 0, progSize) : undefined
        erased = { firstByte: unit[0] as number, unitCrc }
      }
      encoder.finish(erased)
      const bytes = encoder.encoded.slice()
      yield { kind: 'prog', spans: [{ block, offset: 0, bytes }] }
      const back = yield* readBytes(geometry, block * blockSize, bytes.length)
      return bytes.every((byte, i) => byte === back[i])
    } catch (error) {
      if (isBadBlock(error)) return false
      throw error
    }
  }

  /**
   * Writes the second superblock of a migration that was cut short behind its last step.
   *
   * @returns false where there is nothing to be done: no superblock of the littlefs 1 is left.
   */
  *finish(): Op<boolean> {
    const { layout } = this.volume
    const { blockSize, progSize } = layout
    const geometry = { ...layout, blockCount: layout.heldBlockCount }
    const rules = { progSize, crc32, hasForwardCrc: this.settings.diskVersion !== '2.0' }
    for (const block of SUPERBLOCK_PAIR) {
      const bytes = yield* readBytes(geometry, block * blockSize, blockSize)
      const summary = scanLog(bytes, rules)
      if (summary === undefined) continue
      const beside = 1 - block
      const other = yield* readBytes(geometry, beside * blockSize, blockSize)
      if (decodeDirectoryHeader(other) === undefined) return false
      const contents = decodeEntries(bytes.subarray(0, summary.end))
      const { tail, hardTail, globalDelta, revision } = summary
      // Where the littlefs 2 is in use already its next write to the pair replaces what is left.
      if (globalDelta !== undefined) return false
      yield* this.writeFixed(beside, (revision + 1) >>> 0, (encoder) => {
        contents.forEach((content, id) => {
          encoder.putEntry(id, content, false)
        })
        if (tail !== undefined) putTail(encoder, tail, hardTail)
      })
      return true
    }
    return false
  }
}

export function* finishMigration(volume: Volume, settings: InPlaceSettings): Op<boolean> {
  return yield* new LogWriter(volume, settings).finish()
}
