import { type Op, run, runSync } from '@caravan/core'
import { MemoryDevice } from '@caravan/device'
import { JitterDevice, Random, seedFromEnvironment } from '@caravan/testkit'
import { expect, test, vi } from 'vitest'
import { Cache } from './cache.js'
import { ImageBytes, viewImage } from './image-bytes.js'

const IMAGE_BYTES = 700_001
const image = Uint8Array.from({ length: IMAGE_BYTES }, (_, i) => (i * 31) ^ (i >> 8))

/** Ranges as readers ask for them: some go on where they stopped, or nearly; some jump. */
function* reader(bytes: ImageBytes, image: Uint8Array, random: Random, count: number): Op<void> {
  let at = 0
  for (let i = 0; i < count; i++) {
    if (random.int(4) === 0) at = random.int(image.length)
    const length = random.int(random.int(10) === 0 ? 200_000 : 9000)
    const found = bytes.peek(at, length) ?? (yield* bytes.read(at, length))
    const expected = image.subarray(at, at + length)
    if (Buffer.compare(found, expected) !== 0) {
      throw new RangeError(`${length} bytes at ${at} are not those of the image`)
    }
    at = Math.min(image.length, at + length + random.int(3) * random.int(5000))
  }
}

test('any range is that of the image, whoever else reads', async () => {
  const { seed, runs } = seedFromEnvironment(20)
  for (let i = 0; i < runs; i++) {
    const random = new Random(seed + i)
    const readSize = [1, 512, 4096][i % 3] as number
    // Whole blocks: what is behind the last one belongs to no device that cannot be seen in others.
    const padded = new Uint8Array(Math.ceil(IMAGE_BYTES / 4096) * 4096)
    padded.set(image)
    const memory = new MemoryDevice(padded, { blockSize: 4096, readSize, readOnly: true })
    const view = viewImage(new JitterDevice(memory, random))
    const bytes = new ImageBytes(view, new Cache(i % 2 === 0 ? 200_000 : 2 ** 24))
    const readers = [1, 2, 3, 4].map((n) => reader(bytes, padded, new Random(seed + i * n), 60))
    await Promise.all(readers.map((op) => run(op, view.device)))
  }
})

test('a reader that goes on is read ahead for, one that jumps is not', () => {
  const ahead = (offsets: readonly number[]) => {
    const memory = new MemoryDevice(image, { blockSize: 1, readOnly: true })
    const view = viewImage(memory)
    const bytes = new ImageBytes(view, new Cache(2 ** 24))
    const read = vi.spyOn(view.device, 'read')
    for (const offset of offsets) {
      if (bytes.peek(offset, 1000) === undefined) runSync(bytes.read(offset, 1000), view.device)
    }
    const spans = read.mock.calls.flatMap(([each]) => each)
    const readBytes = spans.reduce((sum, span) => sum + span.bytes.length, 0)
    return { readCount: read.mock.calls.length, readBytes }
  }
  const count = 600
  const onward = ahead(Array.from({ length: count }, (_, i) => i * 1000))
  expect(onward.readCount).toBeLessThan(12)
  const jumping = ahead(Array.from({ length: 60 }, (_, i) => ((i * 37) % 60) * 11_000))
  expect(jumping.readBytes).toBeLessThan(60 * 2 * 8192 + 1)
})
