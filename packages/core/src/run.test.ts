import { describe, expect, test } from 'vitest'
import type { Answer, BlockDevice } from './device.js'
import { DeviceError, MisuseError } from './errors.js'
import type { Op, Request, Span } from './op.js'
import { askSync, run, runSync } from './run.js'

/** Eight blocks of sixteen bytes, of which block 3 is worn out and block 4 fails oddly. */
class SmallDevice implements BlockDevice {
  readonly geometry = { blockSize: 16, blockCount: 8, readSize: 1, progSize: 1 }
  readonly readOnly = false
  readonly bytes = new Uint8Array(128)
  readonly asked: string[] = []

  read(spans: readonly Span[]): Answer {
    this.asked.push('read')
    for (const { block, offset, bytes } of spans) {
      this.touch(block, 'read')
      bytes.set(this.bytes.subarray(block * 16 + offset, block * 16 + offset + bytes.length))
    }
  }

  prog(spans: readonly Span[]): Answer {
    this.asked.push('prog')
    for (const { block, offset, bytes } of spans) {
      this.touch(block, 'prog')
      this.bytes.set(bytes, block * 16 + offset)
    }
  }

  erase(blocks: readonly number[]): Answer {
    this.asked.push('erase')
    for (const block of blocks) {
      this.touch(block, 'erase')
      this.bytes.fill(0xff, block * 16, block * 16 + 16)
    }
  }

  sync(): Answer {
    this.asked.push('sync')
  }

  close(): Answer {}

  private touch(block: number, request: 'read' | 'prog' | 'erase') {
    if (block === 3)
      throw new DeviceError('BAD_BLOCK', `Block ${block} is worn.`, { request, block })
    if (block === 4) throw new TypeError('a loose wire')
  }
}

/** The same, never at once. */
class LateDevice extends SmallDevice {
  override async read(spans: readonly Span[]) {
    await later()
    super.read(spans)
  }
  override async prog(spans: readonly Span[]) {
    await later()
    super.prog(spans)
  }
  override async erase(blocks: readonly number[]) {
    await later()
    super.erase(blocks)
  }
  override async sync() {
    await later()
    super.sync()
  }
}

const later = () => new Promise<void>((resolve) => setImmediate(resolve))

const RUNNERS = [
  ['runSync', () => new SmallDevice(), async <T>(op: Op<T>, on: BlockDevice) => runSync(op, on)],
  ['run, on a device that answers at once', () => new SmallDevice(), run],
  ['run, on a device that answers later', () => new LateDevice(), run],
] as const

function* readByte(block: number): Op<number> {
  const bytes = new Uint8Array(1)
  yield { kind: 'read', spans: [{ block, offset: 0, bytes }] }
  return bytes[0] as number
}

/** An erase, a prog and a sync: the erase's first block may be bad. */
function* write(block: number, value: number): Op<void> {
  yield { kind: 'erase', blocks: [block] }
  yield { kind: 'prog', spans: [{ block, offset: 0, bytes: Uint8Array.of(value) }] }
  yield { kind: 'sync' }
}

function* writeAnywhere(first: number, value: number): Op<number> {
  for (let block = first; ; block++) {
    try {
      yield* write(block, value)
      return block
    } catch (error) {
      if (!(error instanceof DeviceError)) throw error
    }
  }
}

/** Yields what no operation may. */
function* yielding(value: unknown): Op<void> {
  yield value as Request
}

describe.each(RUNNERS)('%s', (_, makeDevice, runner) => {
  test('an operation that asks nothing', async () => {
    const device = makeDevice()
    expect(await runner(nothing('done'), device)).toBe('done')
    expect(device.asked).toEqual([])
  })

  test('requests reach the device in order, and their answers the operation', async () => {
    const device = makeDevice()
    await runner(write(2, 77), device)
    expect(await runner(readByte(2), device)).toBe(77)
    expect(device.asked).toEqual(['erase', 'prog', 'sync', 'read'])
    expect([...device.bytes.subarray(32, 35)]).toEqual([77, 0xff, 0xff])
  })

  test('a failure arrives at the yield, can be caught there, and the operation goes on', async () => {
    const device = makeDevice()
    expect(await runner(writeAnywhere(3, 9), device)).toBe(5)
    expect(device.asked).toEqual(['erase', 'erase', 'erase', 'prog', 'sync'])
    expect(device.bytes[80]).toBe(9)
  })

  test('a series goes request by request, and the first that fails is the last', async () => {
    const device = makeDevice()
    const bytes = new Uint8Array(1)
    const series = (block: number): Request => ({
      kind: 'series',
      requests: [
        { kind: 'erase', blocks: [block] },
        { kind: 'prog', spans: [{ block, offset: 0, bytes: Uint8Array.of(block) }] },
        { kind: 'sync' },
        { kind: 'read', spans: [{ block, offset: 0, bytes }] },
      ],
    })
    function* op(): Op<string> {
      yield series(2)
      try {
        // Bad: see SmallDevice.
        yield series(3)
      } catch (error) {
        return `${(error as DeviceError).code}, then ${bytes[0]}`
      }
      return 'no failure'
    }
    expect(await runner(op(), device)).toBe('BAD_BLOCK, then 2')
    expect(device.asked).toEqual(['erase', 'prog', 'sync', 'read', 'erase'])
  })

  test('what is no request is none in a series either', async () => {
    const wrong = yielding({ kind: 'series', requests: [{ kind: 'trim' }] })
    await expect(runner(wrong, makeDevice())).rejects.toMatchObject({ code: 'NOT_A_REQUEST' })
  })

  test('a DeviceError that nobody catches reaches the caller as it is', async () => {
    await expect(runner(readByte(3), makeDevice())).rejects.toMatchObject({
      name: 'DeviceError',
      code: 'BAD_BLOCK',
      block: 3,
      message: 'Block 3 is worn.',
    })
  })

  test('any other failure of the device is wrapped, with its cause', async () => {
    const error = await runner(readByte(4), makeDevice()).catch((error: unknown) => error)
    expect(error).toBeInstanceOf(DeviceError)
    expect(error).toMatchObject({
      code: 'IO',
      request: 'read',
      message: 'The device failed a read: a loose wire',
      cause: new TypeError('a loose wire'),
    })
  })

  test('what the operation throws of itself reaches the caller as it is', async () => {
    const own = new RangeError('mine')
    await expect(runner(failing(own), makeDevice())).rejects.toBe(own)
  })

  test('a failed operation runs its own finally', async () => {
    const notes: string[] = []
    await expect(runner(noting(3, notes), makeDevice())).rejects.toMatchObject({ block: 3 })
    expect(notes).toEqual(['finally'])
  })

  test.each([
    ['yield written for yield*', () => readByte(0), 'yielded another operation. Write `yield*`'],
    ['a promise', () => Promise.resolve(), 'yielded a promise. Operations never wait'],
    ['nothing', () => undefined, 'yielded a value of type undefined, which is no request'],
    ['null', () => null, 'yielded null, which is no request'],
    ['another object', () => ({ kind: 'trim' }), 'yielded a value of type object'],
  ])('a mistake is told in words: %s', async (_, make, words) => {
    const op = yielding(make())
    await expect(runner(op, makeDevice())).rejects.toMatchObject({
      name: 'MisuseError',
      code: 'NOT_A_REQUEST',
      message: expect.stringContaining(words),
    })
    await expect(runner(op, makeDevice())).rejects.toMatchObject({
      code: 'ABANDONED',
      message: expect.stringContaining('left in the middle'),
    })
  })

  test('an abandoned operation is never returned: no finally of it runs', async () => {
    const notes: string[] = []
    const op = (function* (): Op<void> {
      try {
        yield* yielding(1)
      } finally {
        notes.push('finally')
      }
    })()
    await expect(runner(op, makeDevice())).rejects.toBeInstanceOf(MisuseError)
    expect(notes).toEqual([])
  })
})

describe('runSync on a device that answers with a promise', () => {
  test('says so, and the operation cannot be run again', async () => {
    const notes: string[] = []
    const op = noting(0, notes)
    expect(() => runSync(op, new LateDevice())).toThrow(
      expect.objectContaining({
        code: 'NEEDS_ASYNC',
        message: expect.stringContaining('answered a read with a promise'),
      }),
    )
    expect(() => runSync(op, new SmallDevice())).toThrow(
      expect.objectContaining({ code: 'ABANDONED' }),
    )
    await expect(run(op, new SmallDevice())).rejects.toMatchObject({ code: 'ABANDONED' })
    expect(notes).toEqual([])
  })

  test('a later failure of that promise does not end the process', async () => {
    expect(() => runSync(readByte(3), new LateDevice())).toThrow(MisuseError)
    await later()
    await later()
  })
})

describe('an operation is run once', () => {
  test('not twice at once', async () => {
    const op = readByte(0)
    const first = run(op, new LateDevice())
    await expect(run(op, new LateDevice())).rejects.toMatchObject({
      code: 'ABANDONED',
      message: expect.stringContaining('already being run'),
    })
    expect(() => runSync(op, new SmallDevice())).toThrow(/already being run/)
    expect(await first).toBe(0)
  })
})

test('run on a device that answers at once has done all before it returns', () => {
  const device = new SmallDevice()
  void run(write(0, 1), device)
  expect(device.asked).toEqual(['erase', 'prog', 'sync'])
})

// biome-ignore lint/correctness/useYield: an operation that needs no device is one too.
function* nothing<T>(value: T): Op<T> {
  return value
}

function* failing(error: Error): Op<void> {
  yield { kind: 'sync' }
  throw error
}

function* noting(block: number, notes: string[]): Op<void> {
  try {
    yield* readByte(block)
  } finally {
    notes.push('finally')
  }
}

test('a request alone is answered as one of an operation is', () => {
  const device = new SmallDevice()
  const bytes = new Uint8Array(1)
  askSync({ kind: 'read', spans: [{ block: 2, offset: 0, bytes }] }, device)
  expect(device.asked).toEqual(['read'])
  expect(() => askSync({ kind: 'erase', blocks: [3] }, device)).toThrow(DeviceError)
  const late = new LateDevice()
  expect(() => askSync({ kind: 'sync' }, late)).toThrow(/with a promise/)
})
