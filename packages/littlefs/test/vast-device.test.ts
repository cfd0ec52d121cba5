/**
 * 64 GiB in blocks of 512 bytes: what is kept in memory follows from what is used, not from the size
 * of the device.
 */

import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { SparseMemoryDevice } from '@caravan/testkit'
import { expect, it } from 'vitest'
import { ReferenceFS } from '../src/index.js'

const MIB = 1024 * 1024
const BLOCK_SIZE_BYTES = 512
const BLOCK_COUNT = (64 * 1024 * MIB) / BLOCK_SIZE_BYTES

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

/** Bytes of objects and buffers that are still in use. */
function heldBytes(): number {
  collectGarbage()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

it('64 GiB in 512-byte blocks mount, take the first write and 1,000 files in less than 8 MiB', () => {
  const device = new SparseMemoryDevice({
    blockSize: BLOCK_SIZE_BYTES,
    blockCount: BLOCK_COUNT,
    readSize: 16,
    progSize: 16,
  })
  const before = heldBytes() - device.heldBytes
  const growth: Record<string, number> = {}
  const note = (step: string) => {
    growth[step] = heldBytes() - device.heldBytes - before
  }

  ReferenceFS.formatSync(device)
  note('format')
  const fs = ReferenceFS.mountSync(device)
  note('mount')
  expect(fs.info().blockCount).toBe(2 ** 27)
  // The first one finds out which blocks are free.
  fs.writeFileSync('/first', new Uint8Array(100_000).fill(1))
  note('first write')
  for (let i = 0; i < 1000; i++) {
    if (i % 100 === 0) fs.mkdirSync(`/${i / 100}`)
    fs.writeFileSync(`/${Math.floor(i / 100)}/${i}`, new Uint8Array(i).fill(i))
  }
  note('1,000 files')
  const { usedBlocks, freeBlocks } = fs.dfSync()
  expect(usedBlocks + freeBlocks).toBe(2 ** 27)
  fs.unmountSync()

  const again = ReferenceFS.mountSync(device)
  expect(again.readFileSync('/first')).toEqual(new Uint8Array(100_000).fill(1))
  expect(again.readFileSync('/9/999')).toEqual(new Uint8Array(999).fill(999))
  expect(again.dfSync().usedBlocks).toBe(usedBlocks)
  again.writeFileSync('/last', 'written after a scan of all files')
  note('mounted again, read, scanned, written')
  expect(again.readFileSync('/last', 'utf8')).toContain('after a scan')

  console.log(
    Object.entries(growth)
      .map(([step, bytes]) => `${step}: ${(bytes / MIB).toFixed(2)} MiB`)
      .join('; '),
  )
  for (const [step, bytes] of Object.entries(growth)) expect(bytes, step).toBeLessThan(8 * MIB)
})

// A slice of `npm run memory`.
it('1,000 files in one directory are worked on within 4 MiB, a budget of 512 KiB', () => {
  const device = new SparseMemoryDevice({
    blockSize: BLOCK_SIZE_BYTES,
    blockCount: BLOCK_COUNT,
    readSize: 16,
    progSize: 16,
  })
  const before = heldBytes() - device.heldBytes
  let most = 0
  const look = () => {
    most = Math.max(most, heldBytes() - device.heldBytes - before)
  }
  const memoryBudget = MIB / 2
  ReferenceFS.formatSync(device)
  let fs = ReferenceFS.mountSync(device, { memoryBudget })
  fs.mkdirSync('/d')
  fs.mkdirSync('/e')
  const content = (i: number) => new Uint8Array(i % 20 === 0 ? 3000 : 20).fill(i)
  for (let i = 0; i < 1000; i++) {
    fs.writeFileSync(`/d/${i}`, content(i))
    if (i % 500 === 499) look()
  }
  expect(fs.readdirSync('/d')).toHaveLength(1000)
  look()
  for (let i = 0; i < 1000; i += 10) fs.renameSync(`/d/${i}`, `/e/${i}`)
  look()
  for (let i = 1; i < 1000; i += 10) fs.removeSync(`/d/${i}`)
  look()
  fs.unmountSync()
  fs = ReferenceFS.mountSync(device, { memoryBudget })
  look()
  for (let i = 2; i < 1000; i += 10) expect(fs.readFileSync(`/d/${i}`)).toEqual(content(i))
  for (let i = 0; i < 1000; i += 10) expect(fs.readFileSync(`/e/${i}`)).toEqual(content(i))
  expect(fs.readdirSync('/d')).toHaveLength(800)
  fs.writeFileSync('/last', content(0))
  look()
  console.log(`most held with a budget of 512 KiB: ${(most / MIB).toFixed(2)} MiB`)
  expect(most).toBeLessThan(4 * MIB)
})
