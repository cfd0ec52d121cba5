/**
 * Images that are made to cost much: what looks into a damaged image answers in a time and a memory that
 * the size of the image bounds, not what the image says of itself.
 */

import { MemoryDevice } from '@caravan/device'
import { checkSync, planRepair, recover, salvage } from '@caravan/littlefs'
import { describe, expect, it } from 'vitest'
import type { BlockPair } from '../src/format/metadata-log.js'
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
