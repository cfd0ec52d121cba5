import { propertyParameters } from '@caravan/testkit'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { blockOf, cleanNames, manifestOf, toHex } from '../../test/golden-images.js'
import { commitsOf, goldenLogs, rulesOf } from '../../test/golden-logs.js'
import { decodeEntries, isShown, scanLog, withAttribute } from './metadata-log.js'
import { FIRST_PREVIOUS_TAG, makeTag, TagType, writeStoredTag } from './tag.js'
import { readWord } from './word.js'

const RULES = rulesOf('rename-mix')

describe('scanLog, of logs that the reference wrote', () => {
  it('a superblock alone: fresh-512-ff, block 1', () => {
    expect(scanLog(blockOf('fresh-512-ff', 1), rulesOf('fresh-512-ff'))).toMatchObject({
      revision: 2,
      end: 64,
      commitCount: 1,
      tail: undefined,
      hardTail: false,
      globalDelta: undefined,
      erasedByte: 0xff,
      leavesRoom: true,
    })
  })

  it('of version 2.0, on a medium that erases to zeros: fresh-512-00, block 0', () => {
    const rules = rulesOf('fresh-512-00')
    expect(rules.hasForwardCrc).toBe(false)
    const log = scanLog(blockOf('fresh-512-00', 0), rules)
    expect(log).toMatchObject({ revision: 1, end: 64, commitCount: 1, erasedByte: 0x00 })
    // What comes next must begin with a one where erased bytes are zero.
    expect((log?.lastTag ?? 0) < 0).toBe(true)
  })

  it('every commit of every clean image, with tail and state of the last', () => {
    let hardTails = 0
    let deltas = 0
    for (const { where, block, summary } of goldenLogs()) {
      const commits = commitsOf(block, summary.end)
      expect(commits, where).toHaveLength(summary.commitCount)
      expect(commits.at(-1)?.end, where).toBe(summary.end)
      expect(summary.revision, where).toBe(readWord(block, 0))
      const tags = commits.flatMap((commit) => commit.tags)
      const tail = tags.findLast(({ type }) => (type & 0x700) === 0x600)
      const pair = tail && [readWord(tail.data, 0), readWord(tail.data, 4)]
      expect(summary.tail, where).toEqual(pair?.includes(0xffffffff) ? undefined : pair)
      expect(summary.hardTail, where).toBe(tail?.type === TagType.HARD_TAIL)
      const state = tags.findLast(({ type }) => type === TagType.MOVE_STATE)
      expect(summary.globalDelta?.pair, where).toEqual(
        state && [readWord(state.data, 4), readWord(state.data, 8)],
      )
      hardTails += Number(summary.hardTail)
      deltas += Number(state !== undefined)
    }
    expect(hardTails).toBeGreaterThan(100)
    expect(deltas).toBeGreaterThan(10)
  })

  it('a block of data is no log: block 10 of corrupt-none, which holds file data', () => {
    expect(scanLog(blockOf('corrupt-none', 10), rulesOf('corrupt-none'))).toBeUndefined()
  })
})

describe('decodeEntries, of damaged logs', () => {
  it('tags of the log itself are no part of an entry, whatever id they bear', () => {
    // Written again with the entry they once ended its new log, and all of it was lost.
    const log = new Uint8Array(100)
    let at = 4
    let previous: number = FIRST_PREVIOUS_TAG
    const put = (type: number, id: number, length: number) => {
      const tag = makeTag(type, id, length)
      writeStoredTag(log, at, tag ^ previous)
      previous = tag
      at += 4 + length
    }
    put(TagType.FILE, 0, 1)
    for (const type of [0x505, 0x5fa, 0x604, 0x7fe, 0x104]) put(type, 0, 4)
    const [entry] = decodeEntries(log.subarray(0, at))
    expect(entry?.nameType).toBe(TagType.FILE)
    expect(entry?.others.map(({ type }) => type)).toEqual([0x104])
  })
})

describe('scanLog, of damaged logs', () => {
  const block = blockOf('rename-mix', 1)
  const whole = scanLog(block, RULES)
  const commits = commitsOf(block, whole?.end ?? 0)

  it('any flipped bit ends the log before the commit that it lies in', () => {
    fc.assert(
      fc.property(fc.nat((whole?.end ?? 0) * 8 - 1), (bit) => {
        const damaged = block.slice()
        const at = bit >>> 3
        damaged[at] = (damaged[at] as number) ^ (1 << (bit & 7))
        const index = commits.findIndex(({ end }) => at < end)
        const { tags, end } = commits[index] as (typeof commits)[number]
        const crcAt = tags.at(-1)?.at ?? 0
        const log = scanLog(damaged, RULES)
        // Padding stands under no CRC.
        if (at >= crcAt + 8 && at < end) expect(log).toMatchObject({ commitCount: commits.length })
        else expect(log?.commitCount ?? 0).toBe(index)
      }),
      propertyParameters(500),
    )
  })

  it('what is cut off anywhere leaves the commits before it, and the rest is not taken as erased', () => {
    for (let cut = 0; cut < (whole?.end ?? 0); cut++) {
      const torn = block.slice()
      torn.fill(0xff, cut)
      const kept = commits.filter(({ tags }) => (tags.at(-1)?.at ?? 0) + 8 <= cut)
      const log = scanLog(torn, RULES)
      // The last byte of a CRC may happen to be what is erased.
      if (log?.commitCount === kept.length + 1) continue
      expect(log?.commitCount ?? 0, `cut at ${cut}`).toBe(kept.length)
      if (log !== undefined && cut >= log.end + RULES.progSize) {
        expect(log.erasedByte, `cut at ${cut}`).toBeUndefined()
      }
    }
  })

  it('a forward CRC that does not match forbids to append: one bit behind the end of fresh-512-ff', () => {
    const rules = rulesOf('fresh-512-ff')
    for (const at of [64, 70, 79]) {
      const touched = blockOf('fresh-512-ff', 0)
      touched[at] = 0xfe
      expect(scanLog(touched, rules)).toMatchObject({ end: 64, erasedByte: undefined })
    }
    const noForwardCrc = { ...rules, hasForwardCrc: false }
    expect(scanLog(blockOf('fresh-512-ff', 0), noForwardCrc)?.erasedByte).toBe(0xff)
  })

  it('nothing at all is no log: erased, zeros, one tag that runs out of the block', () => {
    for (const size of [128, 512]) {
      expect(scanLog(new Uint8Array(size).fill(0xff), RULES)).toBeUndefined()
      expect(scanLog(new Uint8Array(size), RULES)).toBeUndefined()
    }
    const long = blockOf('fresh-512-ff', 0).subarray(0, 128).slice()
    long[7] = 0xff ^ 0x80
    expect(scanLog(long, RULES)).toBeUndefined()
  })

  it('any bytes are read to an end', () => {
    const blocks = fc.uint8Array({ minLength: 128, maxLength: 512 })
    fc.assert(
      fc.property(blocks, fc.nat(60), (noise, keep) => {
        const bytes = noise.slice()
        bytes.set(block.subarray(0, keep))
        const log = scanLog(bytes, RULES)
        if (log !== undefined) decodeEntries(bytes.subarray(0, log.end))
        // Also what no CRC ever covered.
        decodeEntries(bytes)
      }),
      propertyParameters(500),
    )
  })
})

describe('decodeEntries, of logs that the reference wrote', () => {
  const entriesOf = (name: string, block: number) => {
    const bytes = blockOf(name, block)
    return decodeEntries(bytes.subarray(0, scanLog(bytes, rulesOf(name))?.end))
  }

  it('a directory, a file of blocks, a file within: corrupt-none, block 1', () => {
    const entries = entriesOf('corrupt-none', 1)
    expect(entries.map(({ nameType, name }) => [nameType, name])).toEqual([
      [TagType.SUPERBLOCK, 'littlefs'],
      [TagType.FILE, 'big.bin'],
      [TagType.DIRECTORY, 'docs'],
      [TagType.DIRECTORY, 'logs'],
      [TagType.FILE, 'note'],
    ])
    expect(entries[1]?.struct).toEqual({ kind: 'ctz', head: 10, size: 2304 })
    expect(entries[2]?.struct).toEqual({ kind: 'directory', pair: [2, 3] })
    expect(entries[4]?.struct?.kind).toBe('inline')
    expect(entries[4]?.attributes.map(({ type, bytes }) => [type, toHex(bytes)])).toEqual([
      [0x74, '00112233'],
    ])
    expect(entries.map(isShown)).toEqual([false, true, true, true, true])
  })

  it('all 256 types of attributes, ascending: attrs-all-types', () => {
    const { entries = [] } = manifestOf('attrs-all-types')
    const entry = entries?.find(({ attrs }) => Object.keys(attrs).length === 256)
    const found = [...entriesOf('attrs-all-types', 0), ...entriesOf('attrs-all-types', 1)].find(
      ({ attributes }) => attributes.length === 256,
    )
    expect(found?.attributes.map(({ type }) => type)).toEqual(
      Array.from({ length: 256 }, (_, i) => i),
    )
    for (const { type, bytes } of found?.attributes ?? []) {
      const key = Object.keys(entry?.attrs ?? {}).find((each) => Number(each) === type) ?? ''
      expect(toHex(bytes), `type ${type}`).toBe(entry?.attrs[key])
    }
  })

  it('every name of a directory of a thousand, as the manifest has them: dir-1000-in-root', () => {
    const names = new Set<string>()
    for (const { block, summary } of goldenLogs(['dir-1000-in-root'])) {
      for (const { name } of decodeEntries(block.subarray(0, summary.end))) names.add(`/${name}`)
    }
    for (const { path } of manifestOf('dir-1000-in-root').entries ?? []) {
      if (path !== '/') expect(names.has(path), path).toBe(true)
    }
  })

  it('are entries with a name and what they hold, in every clean image', () => {
    let count = 0
    for (const { where, block, summary } of goldenLogs(cleanNames)) {
      for (const entry of decodeEntries(block.subarray(0, summary.end))) {
        expect(entry.nameType, where).toBeDefined()
        expect(entry.struct, where).toBeDefined()
        expect(entry.others, where).toEqual([])
        count++
      }
    }
    expect(count).toBeGreaterThan(5000)
  })
})

describe('decodeEntries, of hostile logs', () => {
  // A CREATE tag may say that it makes 127 entries: a block full of them took minutes.
  it('makes no more entries than there are ids', () => {
    const log = new Uint8Array(16384)
    let previous: number = FIRST_PREVIOUS_TAG
    for (let at = 4; at < log.length; at += 4) {
      const tag = makeTag(at + 8 < log.length ? 0x47f : TagType.FILE, 0, 0)
      writeStoredTag(log, at, tag ^ previous)
      previous = tag
    }
    const begin = performance.now()
    expect(decodeEntries(log)).toHaveLength(1)
    expect(performance.now() - begin).toBeLessThan(1000)
  })
})

describe('withAttribute', () => {
  it('sets, replaces and removes, in order of types', () => {
    const types = fc.array(fc.tuple(fc.nat(255), fc.option(fc.uint8Array({ maxLength: 4 }))))
    fc.assert(
      fc.property(types, (changes) => {
        const model = new Map<number, Uint8Array>()
        let attributes = withAttribute([], 0, undefined)
        for (const [type, bytes] of changes) {
          attributes = withAttribute(attributes, type, bytes ?? undefined)
          if (bytes === null) model.delete(type)
          else model.set(type, bytes)
        }
        const expected = [...model].sort(([a], [b]) => a - b)
        expect(attributes.map(({ type, bytes }) => [type, bytes])).toEqual(expected)
      }),
      propertyParameters(),
    )
  })
})
