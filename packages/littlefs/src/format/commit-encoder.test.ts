import { propertyParameters } from '@caravan/testkit'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { blockOf, toHex } from '../../test/golden-images.js'
import { commitsOf, goldenLogs, type RawCommit } from '../../test/golden-logs.js'
import { CommitEncoder, encodedSize } from './commit-encoder.js'
import { CRC_INITIAL, crc32 } from './crc32.js'
import { decodeEntries, type EntryContent, type LogRules, scanLog } from './metadata-log.js'
import { encodeSuperblock, MAGIC } from './superblock.js'
import { NO_ID, TagType } from './tag.js'
import { readWord } from './word.js'

/** What the reference saw behind the commit: the valid bit and the forward CRC that it wrote. */
function erasedStateOf({ tags }: RawCommit) {
  const last = tags[tags.length - 1]
  const forward = tags.find(({ type }) => type === TagType.FORWARD_CRC)
  const firstByte = ((last?.type ?? 0) & 1) === 1 ? 0x00 : 0x80
  return { firstByte, unitCrc: forward && readWord(forward.data, 4) }
}

/** Encodes what a commit says, tag by tag, where the reference had it. */
function encodeAgain(encoder: CommitEncoder, commit: RawCommit, revision: number, size: number) {
  if (commit.start === 0) encoder.beginBlock(revision, size)
  else encoder.beginAppend(commit.start, commit.before, size)
  for (const { type, id, length, data } of commit.tags) {
    if (type === TagType.FORWARD_CRC || (type & 0x780) === TagType.CRC) continue
    if (length === 0x3ff) encoder.putDeleted(type, id)
    else encoder.put(type, id, data)
  }
  encoder.finish(erasedStateOf(commit))
}

describe('commits that the reference wrote, encoded again', () => {
  it('are the same bytes, padding and CRCs too: every commit of every clean image', () => {
    let commitCount = 0
    let longestLog = 0
    for (const { where, block, rules, summary } of goldenLogs()) {
      const commits = commitsOf(block, summary.end)
      longestLog = Math.max(longestLog, commits.length)
      const encoder = new CommitEncoder(block.length, rules.progSize, crc32)
      for (const commit of commits) {
        // The last of several CRC tags over long padding is encoded with the first.
        if (commit.tags.length === 1 && commit.start > 0) continue
        encodeAgain(encoder, commit, summary.revision, block.length)
        expect(encoder.fits, where).toBe(true)
        const expected = block.subarray(commit.start, commit.start + encoder.encoded.length)
        const same = Buffer.compare(encoder.encoded, expected) === 0
        if (!same)
          expect(toHex(encoder.encoded), `${where} at ${commit.start}`).toBe(toHex(expected))
        commitCount++
      }
    }
    expect(commitCount).toBeGreaterThan(3000)
    expect(longestLog).toBeGreaterThan(10)
  })

  it('a superblock from its values: fresh-512-ff and fresh-512-00, blocks 0 and 1', () => {
    for (const [name, minorVersion, value] of [
      ['fresh-512-ff', 1, 0xff],
      ['fresh-512-00', 0, 0x00],
    ] as const) {
      const limits = { nameMax: 255, fileMax: 2147483647, attrMax: 1022 }
      const geometry = { blockSize: 512, blockCount: 40 }
      const superblock = { majorVersion: 2, minorVersion, ...geometry, ...limits }
      const unit = new Uint8Array(16).fill(value)
      const unitCrc = minorVersion === 1 ? crc32(CRC_INITIAL, unit, 0, 16) : undefined
      for (const block of [0, 1]) {
        const encoder = new CommitEncoder(512, 16, crc32)
        encoder.beginBlock(block + 1, 512)
        encoder.putName(TagType.SUPERBLOCK, 0, MAGIC)
        encoder.put(TagType.INLINE_STRUCT, 0, encodeSuperblock(superblock))
        encoder.finish({ firstByte: value, unitCrc })
        expect(encoder.encoded).toEqual(blockOf(name, block).subarray(0, 64))
      }
    }
  })

  it('compacted pairs from their entries: 22 of inline-all-sizes, 18 of dir-100-entries-512...', () => {
    const entryCounts = new Map<string, number>()
    for (const { where, block, rules, summary } of goldenLogs()) {
      const [commit] = commitsOf(block, summary.end)
      // A log that begins with entries instead of making room for them was compacted.
      if (commit === undefined || commit.tags.some(({ type }) => type === TagType.CREATE)) continue
      const encoder = new CommitEncoder(block.length, rules.progSize, crc32)
      encoder.beginBlock(summary.revision, block.length)
      const entries = decodeEntries(block.subarray(0, commit.end))
      entries.forEach((entry, id) => {
        encoder.putEntry(id, entry, false)
      })
      for (const { type, id, data } of commit.tags) {
        if (id === NO_ID && type >= TagType.SOFT_TAIL) encoder.put(type, id, data)
      }
      encoder.finish(erasedStateOf(commit))
      // The reference keeps the order of the log that it compacts, which need not be that of ids.
      const expected = block.subarray(0, commit.end)
      if (Buffer.compare(encoder.encoded, expected) === 0) entryCounts.set(where, entries.length)
    }
    expect(entryCounts.size).toBeGreaterThan(800)
    const named = ['inline-all-sizes, 0', 'dir-100-entries-512, 11', 'rename-across-100, 100']
    expect(named.map((where) => entryCounts.get(where))).toEqual([22, 18, 12])
  })
})

const NO_ENTRY = { attributes: [], others: [] }
const RULES: LogRules = { progSize: 16, crc32, hasForwardCrc: true }
const ERASED = {
  firstByte: 0xff,
  unitCrc: crc32(CRC_INITIAL, new Uint8Array(16).fill(0xff), 0, 16),
}

const word = fc.integer({ min: 0, max: 0xffffffff })
const smallBytes = fc.uint8Array({ maxLength: 40 })
const structs = fc.oneof(
  smallBytes.map((bytes) => ({ kind: 'inline' as const, bytes })),
  fc.tuple(word, word).map(([head, size]) => ({ kind: 'ctz' as const, head, size })),
  fc.tuple(word, word).map((pair) => ({ kind: 'directory' as const, pair })),
)
const attributes = fc
  .uniqueArray(fc.record({ type: fc.nat(255), bytes: smallBytes }), {
    selector: ({ type }) => type,
    maxLength: 4,
  })
  .map((list) => list.sort((a, b) => a.type - b.type))
const others = fc
  .option(fc.record({ type: fc.constantFrom(0x101, 0x1ff), bytes: smallBytes }), { nil: undefined })
  .map((other) => (other === undefined ? [] : [other]))
const contents: fc.Arbitrary<EntryContent> = fc.record({
  nameType: fc.constantFrom(TagType.FILE, TagType.DIRECTORY, 0x003),
  name: fc.string({ unit: 'binary-ascii', minLength: 1, maxLength: 20 }),
  struct: structs,
  attributes,
  others,
})

/** A block with what was encoded so far, the rest erased. */
function blockWith(...pieces: readonly Uint8Array[]): Uint8Array {
  const block = new Uint8Array(4096).fill(0xff)
  let at = 0
  for (const piece of pieces) {
    block.set(piece, at)
    at += piece.length
  }
  return block
}

describe('CommitEncoder', () => {
  it('writes entries that decode to themselves, and takes as many bytes as encodedSize says', () => {
    fc.assert(
      fc.property(fc.array(contents, { maxLength: 8 }), word, (entries, revision) => {
        const encoder = new CommitEncoder(4096, 16, crc32)
        encoder.beginBlock(revision, 4096)
        entries.forEach((entry, id) => {
          const before = encoder.at
          encoder.putEntry(id, entry, false)
          expect(encoder.at - before).toBe(encodedSize(entry))
        })
        encoder.finish(ERASED)
        const block = blockWith(encoder.encoded)
        const log = scanLog(block, RULES)
        expect(log).toMatchObject({ revision, end: encoder.at, lastTag: encoder.lastTag })
        expect(log?.erasedByte).toBe(0xff)
        expect(decodeEntries(block.subarray(0, encoder.at))).toEqual(entries)
      }),
      propertyParameters(),
    )
  })

  it('turns one content into another in a second commit', () => {
    fc.assert(
      fc.property(contents, contents, (before, after) => {
        const encoder = new CommitEncoder(4096, 16, crc32)
        encoder.beginBlock(1, 4096)
        encoder.putEntry(0, before, true)
        encoder.finish(ERASED)
        const first = encoder.encoded.slice()
        encoder.beginAppend(encoder.at, encoder.lastTag, 4096)
        encoder.putChange(0, before, after)
        encoder.finish(ERASED)
        const block = blockWith(first, encoder.encoded)
        expect(scanLog(block, RULES)).toMatchObject({ commitCount: 2, end: encoder.at })
        // Tags of unknown types are carried along, never changed.
        const expected = { ...after, others: before.others }
        expect(decodeEntries(block.subarray(0, encoder.at))).toEqual([expected])
      }),
      propertyParameters(),
    )
  })

  it('makes room for entries and takes them out', () => {
    const encoder = new CommitEncoder(4096, 16, crc32)
    const named = (name: string) => ({
      ...NO_ENTRY,
      nameType: TagType.FILE,
      name,
      struct: { kind: 'ctz' as const, head: 1, size: 2 },
    })
    encoder.beginBlock(1, 4096)
    for (const name of ['c', 'b', 'a']) encoder.putEntry(0, named(name), true)
    encoder.putDelete(1)
    encoder.putEntry(2, named('d'), true)
    encoder.finish(ERASED)
    const names = decodeEntries(encoder.encoded).map(({ name }) => name)
    expect(names).toEqual(['a', 'c', 'd'])
  })

  it('tells what does not fit, and writes nothing beyond the limit', () => {
    fc.assert(
      fc.property(
        fc.array(smallBytes, { maxLength: 12 }),
        fc.integer({ min: 12, max: 256 }),
        (list, limit) => {
          const encoder = new CommitEncoder(256, 16, crc32)
          encoder.beginBlock(1, limit)
          let needed = 4 + 8
          for (const bytes of list) {
            encoder.put(TagType.INLINE_STRUCT, 0, bytes)
            needed += 4 + bytes.length
            expect(encoder.fits).toBe(needed <= limit)
          }
          expect(encoder.at).toBeLessThanOrEqual(limit - 8)
          expect(encoder.bytes.subarray(limit).every((byte) => byte === 0)).toBe(true)
        },
      ),
      propertyParameters(),
    )
  })

  it('pads up to the program unit with as many CRC tags as that takes', () => {
    for (const progSize of [1, 16, 256, 1024, 2048, 4096]) {
      const encoder = new CommitEncoder(4096, progSize, crc32)
      encoder.beginBlock(7, 4096)
      encoder.putName(TagType.SUPERBLOCK, 0, MAGIC)
      const { end, leavesRoom } = encoder
      encoder.finish(leavesRoom ? { firstByte: 0, unitCrc: undefined } : undefined)
      expect(encoder.at % progSize, `program unit of ${progSize}`).toBe(0)
      expect(encoder.at).toBe(end)
      const rules = { progSize, crc32, hasForwardCrc: false }
      const block = new Uint8Array(4096)
      block.set(encoder.encoded)
      expect(scanLog(block, rules)).toMatchObject({ end, lastTag: encoder.lastTag, leavesRoom })
      expect(commitsOf(block, end)).toHaveLength(Math.ceil(end / 1026))
    }
  })
})
