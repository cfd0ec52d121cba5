/** A filesystem gives up its end, where that is free or can be made so: all of it, or nothing. */

import { MemoryDevice } from '@caravan/device'
import { CrashDevice, checkLittlefs, cutsInOrder, Random } from '@caravan/testkit'
import { describe, expect, it } from 'vitest'
import { LittleFS, ReferenceFS } from '../src/index.js'

const GEOMETRY = { blockSize: 512, blockCount: 64, readSize: 16, progSize: 16 }

/** A filesystem of 64 blocks, all that is in use in the first 40. */
function roomyAtTheEnd(): { device: MemoryDevice; fs: LittleFS } {
  const device = new MemoryDevice(GEOMETRY)
  LittleFS.formatSync(device, { blockCount: 40 })
  const fs = LittleFS.mountSync(device)
  fs.mkdirSync('/dir')
  fs.writeFileSync('/dir/large', new Uint8Array(6000).fill(7))
  fs.growSync(64)
  return { device, fs }
}

function lastUsed(fs: LittleFS): number {
  return Math.max(...fs.blockUseSync().map(({ block }) => block))
}

function expectSound(device: MemoryDevice, blockCount: number): void {
  expect(checkLittlefs(device.bytes, { ...GEOMETRY, blockCount, eraseValue: 0xff })).toEqual([])
}

describe('shrink', () => {
  it('takes the free end off, and nothing is written there any more', () => {
    const { device, fs } = roomyAtTheEnd()
    const used = fs.dfSync().usedBlocks
    fs.shrinkSync(40)
    expect(fs.dfSync()).toMatchObject({ blockCount: 40, usedBlocks: used, freeBlocks: 40 - used })
    expect(fs.info().blockCount).toBe(40)
    const end = 40 * GEOMETRY.blockSize
    const before = device.bytes.slice(end)
    expect(() => {
      for (let i = 0; ; i++) fs.writeFileSync(`/file${i}`, new Uint8Array(900).fill(i))
    }).toThrow(expect.objectContaining({ code: 'ENOSPC' }))
    expect(device.bytes.subarray(end)).toEqual(before)

    // What is left is an image of its own.
    const cut = new MemoryDevice(device.bytes.slice(0, end), { blockSize: 512 })
    const again = LittleFS.mountSync(cut)
    expect(again.readFileSync('/dir/large')).toEqual(new Uint8Array(6000).fill(7))
    expect(again.info().blockCount).toBe(40)
    expectSound(cut, 40)
  })

  it('told to move nothing, says which block is in use beyond the new end, and whose', () => {
    const { device, fs } = roomyAtTheEnd()
    const uses = fs.blockUseSync().sort((a, b) => a.block - b.block)
    const before = device.bytes.slice()
    for (const blockCount of [2, 10, lastUsed(fs)]) {
      const first = uses.find(({ block }) => block >= blockCount)
      expect(() => fs.shrinkSync(blockCount, { moves: false })).toThrow(
        expect.objectContaining({
          code: 'EBUSY',
          message: expect.stringMatching(`block ${first?.block} is in use by ${first?.path},`),
        }),
      )
    }
    expect(device.bytes).toEqual(before)
    fs.shrinkSync(lastUsed(fs) + 1, { moves: false })
    expectSound(device, fs.info().blockCount)
  })

  it('counts what an open file has written, and what an older version of it still needs', () => {
    const { fs } = roomyAtTheEnd()
    const reader = fs.openEngineFileSync('/dir/large')
    const writer = fs.openEngineFileSync('/new', { write: true, create: true })
    for (let i = 0; i < 20; i++) writer.writeSync(new Uint8Array(512).fill(i))
    fs.writeFileSync('/dir/large', 'short')
    const refusal = expect.objectContaining({ code: 'EBUSY' })
    expect(() => fs.shrinkSync(4)).toThrow(refusal)
    const bytes = new Uint8Array(6000)
    expect(reader.readSync(bytes)).toBe(6000)
    expect(bytes).toEqual(new Uint8Array(6000).fill(7))
    reader.closeSync()
    writer.closeSync()
    fs.shrinkSync(lastUsed(fs) + 1)
    expect(fs.statSync('/new').size).toBe(20 * 512)
  })

  it('refuses what is no number of blocks that it can have', () => {
    const { fs } = roomyAtTheEnd()
    for (const blockCount of [-1, 0, 1, 2.5, 65, Number.NaN]) {
      expect(() => fs.shrinkSync(blockCount)).toThrow(expect.objectContaining({ code: 'EINVAL' }))
    }
    fs.shrinkSync(64)
    expect(fs.info().blockCount).toBe(64)
  })

  it('tells both superblocks where the root has moved behind the first', () => {
    const device = new MemoryDevice({ ...GEOMETRY, blockCount: 256 })
    ReferenceFS.formatSync(device, { blockCount: 200 })
    const fs = ReferenceFS.mountSync(device, { blockCycles: 1 })
    for (let i = 0; i < 200; i++) fs.writeFileSync('/f', `${i}`)
    expect(fs.info().rootPair).not.toEqual([0, 1])
    fs.growSync(256)
    const last = Math.max(...fs.blockUseSync().map(({ block }) => block))
    fs.shrinkSync(Math.max(last + 2, 100))
    const { blockCount } = fs.info()
    expect(blockCount).toBeLessThan(256)
    const again = ReferenceFS.mountSync(device, { blockCount })
    expect(again.readFileSync('/f', 'utf8')).toBe('199')
    const options = { ...GEOMETRY, blockCount, eraseValue: 0xff }
    expect(checkLittlefs(device.bytes, options)).toEqual([])
  })

  it('cut between two superblocks, leaves room for all that is written later', () => {
    const setup = { ...GEOMETRY, blockCount: 120, eraseValue: 0xff }
    const device = new CrashDevice(setup)
    ReferenceFS.formatSync(device, { blockCount: 80 })
    const fs = ReferenceFS.mountSync(device, { blockCycles: 1 })
    for (let i = 0; i < 100; i++) fs.writeFileSync('/f', `${i}`)
    expect(fs.info().rootPair).not.toEqual([0, 1])
    fs.growSync(120)
    device.startRecording()
    fs.shrinkSync(Math.max(...fs.blockUseSync().map(({ block }) => block)) + 1)
    const { blockCount } = fs.info()
    const found = new Set<number>()
    const options = { geometry: setup, eraseValue: 0xff, random: new Random(1) }
    for (const { state, label } of cutsInOrder(device.stopRecording(), options)) {
      const reborn = new CrashDevice({ ...setup, strict: false, state })
      const again = ReferenceFS.mountSync(reborn, { blockCycles: 1 })
      found.add(again.info().blockCount)
      expect(() => {
        for (let i = 0; ; i++) again.writeFileSync(`/full${i}`, new Uint8Array(600).fill(i))
      }, label).toThrow(expect.objectContaining({ code: 'ENOSPC' }))
      const last = ReferenceFS.mountSync(reborn)
      expect(last.readFileSync('/f', 'utf8'), label).toBe('99')
      expect(last.readFileSync('/full0'), label).toEqual(new Uint8Array(600))
    }
    expect([...found].sort((a, b) => a - b)).toEqual([blockCount, 120])
  })
})
