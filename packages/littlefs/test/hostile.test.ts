/**
 * Images that are made to cost much, or that end early: what looks into a damaged image answers in a time
 * and a memory that the size of the image bounds, not what the image says of itself.
 */

import { MemoryDevice } from '@caravan/device'
import {
  checkSync,
  commitLog,
  LittleFS,
  planRepair,
  recover,
  repair,
  salvage,
} from '@caravan/littlefs'
import { nextTurn, seedFromEnvironment } from '@caravan/testkit'
import { describe, expect, it } from 'vitest'
import type { BlockPair } from '../src/format/metadata-log.js'
import { goldenFolder } from './golden-images.js'
import { lookAround } from './looking-run.js'
import { MadeImage } from './made-image.js'

/** Blocks of a file's bytes, all of them full. */
function fullSize(blockSize: number, count: number): number {
  let size = blockSize
  for (let index = 1; index < count; index++) {
    let pointers = 1
    while (index % 2 ** pointers === 0) pointers++
    size += blockSize - 4 * pointers
  }
  return size
}

describe('many files that all claim one chain of blocks', () => {
  const PAIRS = 40
  const FILES_IN_A_PAIR = 4
  const CHAIN = 200

  const image = () => {
    const made = new MadeImage(128, 2 + 2 * PAIRS + CHAIN)
    const first = 2 + 2 * PAIRS
    made.chain(first, CHAIN)
    const struct = { kind: 'ctz', head: first + CHAIN - 1, size: fullSize(128, CHAIN) } as const
    made.root([], [2, 3], true)
    for (let i = 0; i < PAIRS; i++) {
      const entries = Array.from({ length: FILES_IN_A_PAIR }, (_, k) => {
        return { name: String.fromCharCode(0x21 + (i >> 6), 0x30 + (i & 63), 0x61 + k), struct }
      })
      const next: BlockPair | undefined = i + 1 < PAIRS ? [4 + 2 * i, 5 + 2 * i] : undefined
      made.pair([2 + 2 * i, 3 + 2 * i], entries, next, true)
    }
    return new MemoryDevice(made.bytes, { blockSize: 128, readOnly: true })
  }

  it('check tells each of them once, and not every block that they share', () => {
    const { findings, fileCount } = checkSync(image())
    expect(fileCount).toBe(PAIRS * FILES_IN_A_PAIR)
    expect(new Set(findings.map(({ code }) => code))).toEqual(new Set(['BLOCK_USED_TWICE']))
    expect(findings.length).toBe(fileCount - 1)
  })

  it('recover and a new image answer', async () => {
    const found = await recover(image())
    expect(found.length).toBe(PAIRS * FILES_IN_A_PAIR - 1)
    await expect(salvage(image())).rejects.toMatchObject({ code: 'ENOSPC' })
  })
})

describe('directories in which each leads to the next by two names', () => {
  const LEVELS = 30

  const image = () => {
    const made = new MadeImage(512, 2 + 2 * LEVELS + 40)
    const pairAt = (level: number): BlockPair => [2 + 2 * level, 3 + 2 * level]
    const twice = (level: number) =>
      ['a', 'b'].map((name) => {
        return { name, struct: { kind: 'directory', pair: pairAt(level) } as const }
      })
    made.root(twice(0), pairAt(0))
    for (let level = 0; level + 1 < LEVELS; level++) {
      made.pair(pairAt(level), twice(level + 1), pairAt(level + 1))
    }
    const bytes = new TextEncoder().encode('at the bottom')
    made.pair(pairAt(LEVELS - 1), [{ name: 'file', struct: { kind: 'inline', bytes } }])
    return new MemoryDevice(made.bytes, { blockSize: 512, readOnly: true })
  }

  it('check tells each of them', () => {
    const { findings, directoryCount } = checkSync(image())
    expect(findings.map(({ code }) => code)).toEqual(Array(LEVELS).fill('DIRECTORY_SHARED'))
    expect(directoryCount).toBeGreaterThan(LEVELS)
  })

  it('repair leaves it, and recover finds nothing that is not shown', async () => {
    const { steps, blockers } = await planRepair(image())
    expect([steps, blockers.length]).toEqual([[], LEVELS])
    expect(await recover(image())).toEqual([])
  })

  it('a new image has all that there is, each thing under one of its paths at least', async () => {
    const { bytes, problems } = await salvage(image())
    const { findings, fileCount } = checkSync(new MemoryDevice(bytes, { blockSize: 512 }))
    expect(findings).toEqual([])
    expect(fileCount).toBeGreaterThan(0)
    expect(problems.length).toBeGreaterThan(0)
  })
})

describe('a thousand files that lead nowhere', () => {
  const FILES_IN_A_PAIR = 20
  const PAIRS = 50

  // Each removal once looked through the whole tree again.
  it.each([
    ['remove', 0],
    ['empty', PAIRS * FILES_IN_A_PAIR],
  ] as const)('%s: %i of them are left', async (dangling, left) => {
    const made = new MadeImage(1024, 2 + 2 * PAIRS + 20)
    made.root([], [2, 3], true)
    const struct = { kind: 'ctz', head: 0xfffffff0, size: 1500 } as const
    for (let i = 0; i < PAIRS; i++) {
      const entries = Array.from({ length: FILES_IN_A_PAIR }, (_, k) => {
        return { name: String.fromCharCode(0x30 + i, 0x61 + k), struct }
      })
      const next: BlockPair | undefined = i + 1 < PAIRS ? [4 + 2 * i, 5 + 2 * i] : undefined
      made.pair([2 + 2 * i, 3 + 2 * i], entries, next, true)
    }
    const device = new MemoryDevice(made.bytes, { blockSize: 1024 })
    const { steps } = await repair(device, { dangling })
    expect(steps.length).toBe(PAIRS * FILES_IN_A_PAIR)
    expect(new Set(steps.map(({ path }) => path)).size).toBe(steps.length)
    const { findings, fileCount } = checkSync(device)
    expect([findings, fileCount]).toEqual([[], left])
  })
})

describe('a dump that ended early', () => {
  const inline = (text: string) => {
    return { kind: 'inline', bytes: new TextEncoder().encode(text) } as const
  }
  // Of /sub the older half is lost, of /gone both.
  const made = new MadeImage(512, 64)
  made.root(
    [
      { name: 'gone', struct: { kind: 'directory', pair: [50, 51] } },
      { name: 'note', struct: inline('here') },
      { name: 'sub', struct: { kind: 'directory', pair: [40, 2] } },
    ],
    [40, 2],
  )
  made.pair([40, 2], [{ name: 'file', struct: inline('in one half') }], [50, 51])
  made.pair([50, 51], [{ name: 'lost', struct: inline('in none') }])
  const cut = () => new MemoryDevice(made.bytes.slice(0, 512 * 20), { blockSize: 512 })

  it('the half that is there is enough for a new image, as large as the device is', async () => {
    const { bytes, problems } = await salvage(cut())
    expect(bytes.length).toBe(512 * 64)
    expect(problems.map(({ path, isLost }) => [path, isLost])).toEqual([['/gone', true]])
    const device = new MemoryDevice(bytes, { blockSize: 512 })
    expect(checkSync(device).findings).toEqual([])
    const fs = await LittleFS.mount(device)
    expect(await fs.readFile('/sub/file', 'utf8')).toBe('in one half')
    expect(await fs.readFile('/note', 'utf8')).toBe('here')
  })

  it('a block count that is asked for is the one of the new image', async () => {
    const { bytes } = await salvage(cut(), { blockCount: 30 })
    expect(bytes.length).toBe(512 * 30)
    await expect(salvage(cut(), { blockCount: 4 })).rejects.toMatchObject({ code: 'ENOSPC' })
  })

  it('its log is that of the halves that are there', async () => {
    const commits = await commitLog(cut())
    expect(commits.map(({ block }) => block)).toEqual([0, 1, 2])
  })
})

describe('random damage, and images cut short', () => {
  it('dump, log, older states, recover, a new image: an answer, or an error that says why', async () => {
    const { seed, runs } = seedFromEnvironment(40)
    for (let run = 0; run < runs; run++) {
      expect(await lookAround(seed + run, goldenFolder), `seed ${seed + run}`).toBeUndefined()
      await nextTurn()
    }
  })
})
