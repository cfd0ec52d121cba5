/** Wear: spread over all blocks, and read whole to the last; what littlefs' own tests demand, and more. */

import {
  BAD_BLOCK_WAYS,
  type BadBlockWay,
  FlashDevice,
  Random,
  seedFromEnvironment,
} from '@caravan/testkit'
import { describe, expect, it } from 'vitest'
import { ReferenceFS } from '../src/index.js'
import { spoilBlocks, type WearSetup, wearOut } from './wear-run.js'

const SETUP: WearSetup = {
  blockSize: 512,
  blockCount: 128,
  readSize: 16,
  progSize: 16,
  wornWay: 'prog fails',
  wearLimit: 10,
  blockCycles: 5,
  diskVersion: '2.1',
  writtenFiles: 10,
  cyclesMax: 100_000,
}

const { seed } = seedFromEnvironment()

describe('until the device is worn out', () => {
  it.each(BAD_BLOCK_WAYS)('%s: all that was saved is read whole, to the end', (wornWay) => {
    for (const diskVersion of ['2.0', '2.1'] as const) {
      const result = wearOut({ ...SETUP, wornWay, diskVersion }, new Random(seed))
      expect(result).toMatchObject({ died: true, wrong: undefined })
      expect(result.lastWords).toContain('ENOSPC')
      expect(result.cycles).toBeGreaterThan(10)
    }
  })

  it('twice the blocks live twice as long, of which littlefs demands 90 %', () => {
    const setup = { ...SETUP, wearLimit: 20, blockCycles: 10 }
    const half = wearOut({ ...setup, blockCount: 128 }, new Random(seed))
    const whole = wearOut({ ...setup, blockCount: 256 }, new Random(seed + 1))
    expect(1.1 * whole.cycles, `seed ${seed}`).toBeGreaterThan(2 * half.cycles)
    for (const [blockCount, { erases }] of [
      [128, half],
      [256, whole],
    ] as const) {
      const part = erases / (20 * (blockCount - 2))
      console.log(`${blockCount} blocks: ${(100 * part).toFixed(1)} % of the erases that there are`)
      expect(part).toBeGreaterThan(0.9)
    }
  })

  it('levelled under skewed writes: one file in ten is written', () => {
    const skewed = { ...SETUP, wearLimit: 20, blockCycles: 10, writtenFiles: 1 }
    const result = wearOut(skewed, new Random(seed))
    expect(result).toMatchObject({ died: true, wrong: undefined })
    // What is never written again stays on its blocks; small files are in a log.
    const resting = result.writes
      .slice(skewed.writtenFiles, 10)
      .reduce((sum, { size }) => sum + (size <= 64 ? 0 : Math.ceil(size / 504)), 0)
    const part = result.erases / (20 * (skewed.blockCount - 2 - resting))
    console.log(
      `skewed: ${(100 * part).toFixed(1)} % of the erases of the blocks that are not at rest (${resting} are)`,
    )
    expect(part).toBeGreaterThan(0.9)
  })
})

it.each([5, 4, 3, 2, 1])('blocks are worn evenly, with blockCycles %i', (blockCycles) => {
  const { wearLimit: _, ...setup } = { ...SETUP, blockCycles, blockCount: 256, cyclesMax: 100 }
  const { variation, squaresByWear, wrong } = wearOut(setup, new Random(seed))
  console.log(
    `blockCycles ${blockCycles}: coefficient of variation ${variation.toFixed(2)}, squares by wear ${squaresByWear.toFixed(2)} (littlefs demands less than 8)`,
  )
  expect(wrong).toBeUndefined()
  expect(squaresByWear).toBeLessThan(8)
})

describe('with 5 % of the blocks bad', () => {
  const all: [string, readonly BadBlockWay[]][] = [
    ...BAD_BLOCK_WAYS.map((way): [string, BadBlockWay[]] => [way, [way]]),
    ['any of them', BAD_BLOCK_WAYS],
  ]
  it.each(all)('%s: everything works', (_, ways) => {
    const random = new Random(seed)
    for (let run = 0; run < 4; run++) {
      const device = new FlashDevice({ ...SETUP, wearLimit: 1e9, blockCount: 256 })
      ReferenceFS.formatSync(device)
      spoilBlocks(device, ways, random)
      const fs = ReferenceFS.mountSync(device, { blockCycles: 2 })
      for (let i = 0; i < 12; i++) {
        fs.mkdirSync(`/d${i}`)
        for (let k = 0; k < 6; k++) fs.writeFileSync(`/d${i}/f${k}`, `${i} ${k}`.repeat(k * k * 20))
      }
      for (let i = 0; i < 12; i += 2) fs.renameSync(`/d${i}/f1`, `/d${i + 1}/moved`)
      for (let i = 0; i < 12; i += 3) fs.rmSync(`/d${i}`, { recursive: true })
      for (const mounted of [fs, ReferenceFS.mountSync(device)]) {
        for (let i = 0; i < 12; i++) {
          if (i % 3 === 0) continue
          for (let k = 0; k < 6; k++) {
            if (k === 1 && i % 2 === 0) continue
            expect(mounted.readFileSync(`/d${i}/f${k}`, 'utf8')).toBe(
              `${i} ${k}`.repeat(k * k * 20),
            )
          }
        }
      }
    }
  })

  it.each(BAD_BLOCK_WAYS)('of the root pair, %s: it is said, and what was there is read', (way) => {
    const device = new FlashDevice({ ...SETUP, wearLimit: 1e9 })
    ReferenceFS.formatSync(device)
    const fs = ReferenceFS.mountSync(device, { blockCycles: -1 })
    fs.writeFileSync('/kept', 'kept')
    // One half at least can still be read.
    const active = fs.blockUseSync().find((use) => use.path === '/' && use.active)?.block
    device.setBad(active === 0 ? 1 : 0, way)
    let said: unknown
    for (let i = 0; i < 200 && said === undefined; i++) {
      try {
        fs.writeFileSync(`/f${i % 3}`, `${i}`)
      } catch (error) {
        said = error
      }
    }
    expect(said).toMatchObject({
      code: 'ENOSPC',
      message: expect.stringContaining('the pair of blocks 0 and 1 cannot move'),
    })
    const again = ReferenceFS.mountSync(device, { readOnly: true })
    expect(again.readFileSync('/kept', 'utf8')).toBe('kept')
  })
})
