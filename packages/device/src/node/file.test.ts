import {
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Answer, type BlockDevice, type Op, run, runSync, withBlockSize } from '@caravan/core'
import fc from 'fast-check'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { MemoryDevice } from '../memory.js'
import { PartitionDevice } from '../partition.js'
import { FileDevice, type FileDeviceOptions } from './file.js'

let directory = ''
let image = ''
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'caravan-file-'))
  image = join(directory, 'image')
})
afterEach(() => {
  expect(existsSync(`${image}.lock`)).toBe(false)
  rmSync(image, { force: true })
})
afterAll(() => rmSync(directory, { recursive: true }))

const MODES = [
  [
    'openSync',
    async (path: string, options?: FileDeviceOptions) => FileDevice.openSync(path, options),
  ],
  ['open', (path: string, options?: FileDeviceOptions) => FileDevice.open(path, options)],
] as const

const span = (block: number, offset: number, length: number) => ({
  block,
  offset,
  bytes: new Uint8Array(length),
})

/** What a call throws or rejects with. */
async function failure(call: () => unknown): Promise<unknown> {
  try {
    await call()
  } catch (error) {
    return error
  }
  throw new Error('It did not fail.')
}

describe.each(MODES)('%s', (mode, open) => {
  test('answers as its name says', async () => {
    writeFileSync(image, new Uint8Array(1024))
    const device = await open(image)
    const answers: Answer[] = [device.read([span(0, 0, 4)]), device.sync(), device.erase([0])]
    for (const answer of answers) expect(answer instanceof Promise).toBe(mode === 'open')
    await Promise.all(answers)
    await device.close()
    await device.close()
  })

  test('spans, whatever their order, and what they leave alone', async () => {
    writeFileSync(
      image,
      Uint8Array.from({ length: 2000 }, (_, i) => i),
    )
    const device = await open(image, { blockSize: 100 })
    expect(device.geometry).toEqual({ blockSize: 100, blockCount: 20, readSize: 1, progSize: 1 })
    const spans = [span(3, 98, 2), span(4, 0, 100), span(5, 0, 1), span(0, 7, 0), span(0, 1, 2)]
    await device.read(spans)
    expect(spans.map(({ bytes }) => bytes[0])).toEqual([
      398 & 255,
      400 & 255,
      500 & 255,
      undefined,
      1,
    ])
    await device.prog([
      { block: 1, offset: 99, bytes: Uint8Array.of(1) },
      { block: 2, offset: 0, bytes: Uint8Array.of(2, 3) },
    ])
    await device.sync()
    await device.close()
    expect([...readFileSync(image).subarray(198, 203)]).toEqual([198, 1, 2, 3, 202])
  })

  test('more spans in one run than the system takes in one call', async () => {
    const device = await open(image, { create: true, sizeBytes: 8192 })
    const bytes = Uint8Array.from({ length: 5000 }, (_, i) => i * 7)
    const spans = [...bytes].map((_, i) => ({
      block: Math.floor(i / 512),
      offset: i % 512,
      bytes: bytes.subarray(i, i + 1),
    }))
    await device.prog(spans)
    const read = spans.map(({ block, offset }) => span(block, offset, 1))
    await device.read(read)
    await device.close()
    expect(Uint8Array.from(read, (one) => one.bytes[0] as number)).toEqual(bytes)
  })

  test('an erase writes the erase value, far and near', async () => {
    const device = await open(image, {
      create: true,
      blockSize: 100_000,
      blockCount: 60,
      eraseValue: 0x5a,
    })
    expect(readFileSync(image).every((byte) => byte === 0)).toBe(true)
    await device.erase([...Array.from({ length: 50 }, (_, i) => i + 2), 0])
    await device.close()
    const bytes = readFileSync(image)
    for (const [from, to, value] of [
      [0, 1, 0x5a],
      [1, 2, 0],
      [2, 52, 0x5a],
      [52, 60, 0],
    ] as const) {
      const part = bytes.subarray(from * 100_000, to * 100_000)
      expect(part.every((byte) => byte === value)).toBe(true)
    }
  })

  test('64 GiB of a sparse file open at once and read as zeros', async () => {
    const sizeBytes = 64 * 2 ** 30
    const started = performance.now()
    const device = await open(image, { create: true, sizeBytes, blockSize: 4096 })
    expect(device.geometry.blockCount).toBe(2 ** 24)
    const read = { ...span(2 ** 24 - 1, 0, 4096) }
    read.bytes.fill(1)
    await device.read([read])
    await device.prog([{ block: 2 ** 24 - 1, offset: 4095, bytes: Uint8Array.of(9) }])
    const last = span(2 ** 24 - 1, 4095, 1)
    await device.read([last])
    await device.close()
    expect(read.bytes.every((byte) => byte === 0)).toBe(true)
    expect(last.bytes[0]).toBe(9)
    expect(statSync(image).size).toBe(sizeBytes)
    expect(statSync(image).blocks * 512).toBeLessThan(2 ** 20)
    expect(performance.now() - started).toBeLessThan(2000)
  })

  test('create leaves alone a file that holds something', async () => {
    writeFileSync(image, 'here')
    const device = await open(image, { create: true, sizeBytes: 4096, blockSize: 4 })
    expect(device.geometry.blockCount).toBe(1)
    await device.close()
    expect(readFileSync(image, 'utf8')).toBe('here')
  })

  test('views and partitions share the file and its life', async () => {
    writeFileSync(image, new Uint8Array(1000).fill(7))
    const device = await open(image)
    const view = withBlockSize(device, 10)
    expect(view.geometry.blockCount).toBe(100)
    const part = new PartitionDevice(device, { offsetBytes: 333, lengthBytes: 600 })
    await part.erase([0])
    const read = span(33, 2, 2)
    await view.read([read])
    expect([...read.bytes]).toEqual([7, 0xff])
    await view.close()
    expect(await failure(() => device.read([]))).toMatchObject({ code: 'CLOSED', path: image })
  })

  describe('refusals', () => {
    test('no file; a path through a file', async () => {
      for (const path of [image, join(image, 'inside')]) {
        const error = await failure(() => open(path))
        expect(error).toMatchObject({
          name: 'DeviceError',
          code: 'NOT_FOUND',
          request: 'open',
          path,
        })
        expect((error as Error).message).toContain(path)
        writeFileSync(image, '')
      }
    })

    test('a directory, for reading or writing', async () => {
      for (const readOnly of [true, false]) {
        expect(await failure(() => open(directory, { readOnly }))).toMatchObject({
          code: 'IO',
          message: expect.stringContaining('is a directory'),
        })
      }
      expect(existsSync(`${directory}.lock`)).toBe(false)
    })

    test('read-only takes no writes, and makes no lock', async () => {
      writeFileSync(image, new Uint8Array(512))
      const device = await open(image, { readOnly: true })
      expect(existsSync(`${image}.lock`)).toBe(false)
      expect(device.readOnly).toBe(true)
      expect(await failure(() => device.prog([span(0, 0, 1)]))).toMatchObject({ code: 'READ_ONLY' })
      expect(await failure(() => device.erase([0]))).toMatchObject({
        code: 'READ_ONLY',
        path: image,
      })
      await device.sync()
      await device.close()
    })

    test('out of range and misaligned', async () => {
      writeFileSync(image, new Uint8Array(1024))
      const device = await open(image, { readSize: 4, progSize: 16 })
      expect(await failure(() => device.read([span(2, 0, 4)]))).toMatchObject({
        code: 'OUT_OF_RANGE',
        block: 2,
      })
      expect(await failure(() => device.prog([span(0, 4, 16)]))).toMatchObject({
        code: 'MISALIGNED',
      })
      expect(await failure(() => device.erase([2]))).toMatchObject({ code: 'OUT_OF_RANGE' })
      await device.close()
    })

    test('a file cut short under us, and a blockCount of more than it holds', async () => {
      writeFileSync(image, new Uint8Array(2048))
      const device = await open(image, { blockCount: 8 })
      truncateSync(image, 1000)
      const error = await failure(() => device.read([span(0, 0, 512), span(1, 0, 512)]))
      expect(error).toMatchObject({
        code: 'SHORT_TRANSFER',
        request: 'read',
        block: 0,
        offset: 0,
        length: 1024,
        path: image,
      })
      expect((error as Error).message).toContain(`ended after 1000, for ${image} ends at byte 1000`)
      expect(await failure(() => device.read([span(7, 8, 4)]))).toMatchObject({
        code: 'SHORT_TRANSFER',
        block: 7,
        offset: 8,
        message: expect.stringContaining('is shorter'),
      })
      await device.close()
    })

    test.each([
      [{ sizeBytes: 5 }, 'give it with create'],
      [{ create: true }, 'give sizeBytes or blockCount'],
      [{ create: true, readOnly: true, sizeBytes: 5 }, 'leave out create or readOnly'],
      [{ create: true, sizeBytes: -1 }, 'sizeBytes is -1'],
      [{ blockSize: 0 }, 'blockSize is 0'],
      [{ eraseValue: -1 }, 'eraseValue is -1'],
    ])('options that cannot be: %j', async (options, message) => {
      expect(await failure(() => open(image, options))).toMatchObject({
        name: 'MisuseError',
        code: 'INVALID_ARGUMENT',
        message: expect.stringContaining(message),
      })
      expect(existsSync(image)).toBe(false)
    })
  })
})

/** A request with whatever numbers, good and bad. */
const REQUEST = fc.record({
  kind: fc.constantFrom('read' as const, 'prog' as const, 'erase' as const, 'sync' as const),
  blocks: fc.array(fc.integer({ min: -1, max: 40 }), { maxLength: 6 }),
  offset: fc.oneof(fc.constant(0), fc.integer({ min: -1, max: 20 })),
  length: fc.oneof(fc.constant(16), fc.integer({ min: 0, max: 20 })),
  value: fc.nat(255),
})
type AnyRequest = typeof REQUEST extends fc.Arbitrary<infer T> ? T : never

/** Asks them all; answers with what was read, and with the code of every failure. */
function* askAll(requests: readonly AnyRequest[]): Op<unknown[]> {
  const answers: unknown[] = []
  for (const { kind, blocks, offset, length, value } of requests) {
    const spans = blocks.map((block) => ({
      block,
      offset,
      bytes: new Uint8Array(length).fill(value),
    }))
    try {
      if (kind === 'erase') yield { kind, blocks }
      else if (kind === 'sync') yield { kind }
      else yield { kind, spans }
      answers.push(spans.map(({ bytes }) => bytes))
    } catch (error) {
      const { code, message } = error as { code: string; message: string }
      answers.push([code, message])
    }
  }
  return answers
}

test('a file answers as memory does, at once and later', async () => {
  const options = { blockSize: 16, readSize: 2, progSize: 4, eraseValue: 0xee }
  await fc.assert(
    fc.asyncProperty(
      fc.uint8Array({ maxLength: 600 }),
      fc.array(REQUEST, { maxLength: 25 }),
      async (bytes, requests) => {
        const ask = async (device: BlockDevice, runner: typeof run) => {
          const answers = await runner(askAll(requests), device)
          await device.close()
          return answers
        }
        const atOnce: typeof run = async (op, device) => runSync(op, device)
        const memory = new MemoryDevice(bytes.slice(), options)
        const expected = await ask(memory, atOnce)
        writeFileSync(image, bytes)
        expect(await ask(FileDevice.openSync(image, options), atOnce)).toEqual(expected)
        expect(new Uint8Array(readFileSync(image))).toEqual(memory.bytes)
        writeFileSync(image, bytes)
        expect(await ask(await FileDevice.open(image, options), run)).toEqual(expected)
        expect(new Uint8Array(readFileSync(image))).toEqual(memory.bytes)
      },
    ),
    { numRuns: 150 },
  )
})
