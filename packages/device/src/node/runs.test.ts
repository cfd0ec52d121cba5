import { expect, test } from 'vitest'
import { joinSpans } from './runs.js'

const lengthsOf = (runs: ReturnType<typeof joinSpans>) =>
  runs.map(({ position, length, buffers }) => ({
    position,
    length,
    buffers: buffers.map((bytes) => [bytes.byteOffset, bytes.length]),
  }))

test('spans that follow each other in the file and in memory move as one buffer', () => {
  const memory = new Uint8Array(4096).map((_, i) => i >> 9)
  const page = (i: number) => memory.subarray(512 * i, 512 * (i + 1))
  const spans = [
    { block: 10, offset: 0, bytes: page(0) },
    { block: 11, offset: 0, bytes: page(1) },
    { block: 11, offset: 512, bytes: new Uint8Array(0) },
    // Behind in the file, elsewhere in memory.
    { block: 12, offset: 0, bytes: page(5) },
    { block: 13, offset: 0, bytes: new Uint8Array(512) },
    // Behind in memory, elsewhere in the file.
    { block: 20, offset: 0, bytes: page(2) },
    { block: 22, offset: 0, bytes: page(3) },
  ]
  const runs = joinSpans(spans, 512)
  expect(lengthsOf(runs)).toEqual([
    {
      position: 5120,
      length: 2048,
      buffers: [
        [0, 1024],
        [2560, 512],
        [0, 512],
      ],
    },
    { position: 10_240, length: 512, buffers: [[1024, 512]] },
    { position: 11_264, length: 512, buffers: [[1536, 512]] },
  ])
  expect([...new Set(runs[0]?.buffers[0])]).toEqual([0, 1])
  // It is the memory itself, not a copy: a read fills it.
  runs[0]?.buffers[0]?.fill(9)
  expect(page(1)[511]).toBe(9)
})

test('nothing to move is no run', () => {
  expect(joinSpans([], 512)).toEqual([])
  expect(joinSpans([{ block: 1, offset: 0, bytes: new Uint8Array(0) }], 512)).toEqual([])
})
