import { MemoryDevice } from '@caravan/device'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { LateDevice } from './late-device.js'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

const geometry = { blockSize: 512, blockCount: 4 }

/** How many milliseconds of the clock pass until it is done. */
async function timeOf(request: Promise<void>): Promise<number> {
  const begin = Date.now()
  let isDone = false
  const done = request.then(() => {
    isDone = true
  })
  while (!isDone) await vi.advanceTimersByTimeAsync(1)
  await done
  return Date.now() - begin
}

it('takes for each block and span the time that its kind of request takes', async () => {
  const device = new LateDevice(new MemoryDevice(geometry), { erase: 40, prog: 3, sync: 5 })
  const bytes = new Uint8Array(512)
  const spans = [0, 1].map((block) => ({ block, offset: 0, bytes }))
  expect(await timeOf(device.erase([0, 1, 2]))).toBe(120)
  expect(await timeOf(device.prog(spans))).toBe(6)
  expect(await timeOf(device.sync())).toBe(5)
})

it('does nothing before its time', async () => {
  const memory = new MemoryDevice(geometry)
  const request = new LateDevice(memory, { prog: 10 }).prog([
    { block: 0, offset: 0, bytes: new Uint8Array(512).fill(7) },
  ])
  await vi.advanceTimersByTimeAsync(9)
  expect(memory.bytes[0]).not.toBe(7)
  await vi.advanceTimersByTimeAsync(1)
  await request
  expect(memory.bytes[0]).toBe(7)
})

it('without a latency answers in a later turn, never at once', async () => {
  vi.useRealTimers()
  const memory = new MemoryDevice(geometry)
  const request = new LateDevice(memory).prog([
    { block: 0, offset: 0, bytes: new Uint8Array(512).fill(7) },
  ])
  await undefined
  expect(memory.bytes[0]).not.toBe(7)
  await request
  expect(memory.bytes[0]).toBe(7)
})
