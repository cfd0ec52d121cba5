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

  it('compacted directories from their entries, where the order of the old log is that of the ids', () => {
    let sameCount = 0
    const sameCases = new Set<string>()
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
      const same = Buffer.compare(encoder.encoded, block.subarray(0, commit.end)) === 0
      if (!same) continue
      sameCount++
      if (entries.length > 3) console.log(where, entries.length, commit.end)
      sameCases.add(where.slice(0, where.indexOf(',')))
    }
    console.log(sameCount)
  })
})
