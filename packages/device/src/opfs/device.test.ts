/** The device on handles that fail as browsers let them fail. A real browser: test/opfs.test.ts. */

import { describe, expect, test } from 'vitest'
import { OpfsDevice, type OpfsDeviceOptions } from './index.js'

const named = (name: string) => new DOMException('because', name)

/** A file in memory, with the faults of a test. */
class FakeHandle {
  bytes = new Uint8Array(0)
  calls: string[] = []
  /** Bytes that move in one call. */
  moveMax = Number.POSITIVE_INFINITY
  failure: DOMException | undefined

  getSize(): number {
    return this.bytes.length
  }
  truncate(size: number): void {
    this.fail('truncate')
    const grown = new Uint8Array(size)
    grown.set(this.bytes.subarray(0, size))
    this.bytes = grown
  }
  read(target: Uint8Array, { at }: { at: number }): number {
    this.fail('read')
    const piece = this.bytes.subarray(at, at + Math.min(target.length, this.moveMax))
    target.set(piece)
    return piece.length
  }
  write(source: Uint8Array, { at }: { at: number }): number {
    this.fail('write')
    const piece = source.subarray(0, Math.min(this.moveMax, this.bytes.length - at))
    this.bytes.set(piece, at)
    return piece.length
  }
  flush(): void {
    this.fail('flush')
  }
  close(): void {
    this.calls.push('close')
  }
  private fail(call: string): void {
    this.calls.push(call)
    if (this.failure !== undefined) throw this.failure
  }
}

/** A directory in which every path leads to one file. */
function directoryOf(handle: FakeHandle | DOMException, names: string[] = []) {
  const directory = {
    async getDirectoryHandle(name: string) {
      names.push(`${name}/`)
      return directory
    },
    async getFileHandle(name: string) {
      names.push(name)
      if (handle instanceof DOMException) throw handle
      return { createSyncAccessHandle: async () => handle }
    },
  }
  return directory as unknown as FileSystemDirectoryHandle
}

function open(handle: FakeHandle | DOMException, options: OpfsDeviceOptions = {}) {
  return OpfsDevice.open('flash.img', { directory: directoryOf(handle), ...options })
}

async function failure(call: () => unknown): Promise<unknown> {
  try {
    await call()
  } catch (error) {
    return error
  }
  throw new Error('It did not fail.')
}

const span = (block: number, offset: number, length: number) => ({
  block,
  offset,
  bytes: new Uint8Array(length).fill(7),
})

test('made, written, read, erased, synced; transfers in parts are completed', async () => {
  const handle = new FakeHandle()
  handle.moveMax = 3
  const device = await open(handle, { create: true, blockSize: 16, blockCount: 4, eraseValue: 5 })
  expect(handle.bytes).toHaveLength(64)
  device.prog([span(1, 2, 8), span(3, 15, 1)])
  device.erase([2])
  device.sync()
  const read = span(1, 0, 16)
  device.read([read])
  expect([...read.bytes]).toEqual([0, 0, 7, 7, 7, 7, 7, 7, 7, 7, 0, 0, 0, 0, 0, 0])
  expect([...handle.bytes.subarray(32, 48)]).toEqual(Array(16).fill(5))
  expect(handle.bytes[63]).toBe(7)
  expect(device.withBlockSize(8).geometry.blockCount).toBe(8)
  device.close()
  device.close()
  expect(handle.calls.filter((call) => call === 'close')).toHaveLength(1)
  expect(await failure(() => device.read([]))).toMatchObject({ code: 'CLOSED' })
})

test('a file that holds something keeps its size, and its directories are gone through', async () => {
  const handle = new FakeHandle()
  handle.bytes = new Uint8Array(1500)
  const names: string[] = []
  const directory = directoryOf(handle, names)
  const device = await OpfsDevice.open('/a/b/c.img', { directory, create: true, sizeBytes: 9999 })
  expect(device.geometry.blockCount).toBe(2)
  expect(names).toEqual(['a/', 'b/', 'c.img'])
})

describe('what the browser says', () => {
  test.each([
    ['NotFoundError', 'NOT_FOUND'],
    ['TypeMismatchError', 'IO'],
    ['NoModificationAllowedError', 'LOCKED'],
    ['SecurityError', 'UNSUPPORTED'],
    ['InvalidStateError', 'IO'],
  ])('%s at opening is %s', async (name, code) => {
    const cause = named(name)
    expect(await failure(() => open(cause))).toMatchObject({
      name: 'DeviceError',
      code,
      request: 'open',
      path: 'flash.img',
      cause,
    })
  })

  test('the quota is too small for a new file: it is given back', async () => {
    const handle = new FakeHandle()
    handle.failure = named('QuotaExceededError')
    const error = await failure(() => open(handle, { create: true, sizeBytes: 1000 }))
    expect(error).toMatchObject({ code: 'NO_SPACE', request: 'open' })
    expect(handle.calls).toContain('close')
  })

  test.each(['prog', 'erase', 'sync', 'read'] as const)('a failure of %s', async (request) => {
    const handle = new FakeHandle()
    const device = await open(handle, { create: true, sizeBytes: 1024 })
    handle.failure = named('QuotaExceededError')
    const calls = {
      prog: () => device.prog([span(0, 0, 1)]),
      read: () => device.read([span(0, 0, 1)]),
      erase: () => device.erase([0]),
      sync: () => device.sync(),
    }
    expect(await failure(calls[request])).toMatchObject({ code: 'NO_SPACE', request })
  })

  test('no private files; not in a worker', async () => {
    expect(await failure(() => OpfsDevice.open('x'))).toMatchObject({ code: 'UNSUPPORTED' })
    const directory = {
      getFileHandle: async () => ({}),
    } as unknown as FileSystemDirectoryHandle
    const error = await failure(() => OpfsDevice.open('x', { directory }))
    expect(error).toMatchObject({ code: 'UNSUPPORTED' })
    expect((error as Error).message).toContain('Open it in a worker.')
  })
})

test('short files, read-only devices, wrong requests', async () => {
  const handle = new FakeHandle()
  handle.bytes = new Uint8Array(600)
  const device = await open(handle, { blockCount: 2, readOnly: true })
  expect(await failure(() => device.read([span(1, 0, 100)]))).toMatchObject({
    code: 'SHORT_TRANSFER',
    block: 1,
    message: expect.stringContaining('ended after 88'),
  })
  expect(await failure(() => device.prog([span(0, 0, 1)]))).toMatchObject({ code: 'READ_ONLY' })
  expect(await failure(() => device.erase([0]))).toMatchObject({ code: 'READ_ONLY' })
  expect(await failure(() => device.read([span(2, 0, 1)]))).toMatchObject({ code: 'OUT_OF_RANGE' })
})

test.each<[string, OpfsDeviceOptions, string]>([
  ['', {}, 'is no path'],
  ['a/../b', {}, 'is no path'],
  ['a', { sizeBytes: 5 }, 'give it with create'],
  ['a', { create: true }, 'give sizeBytes or blockCount'],
  ['a', { create: true, readOnly: true, sizeBytes: 5 }, 'leave out create or readOnly'],
  ['a', { create: true, sizeBytes: -1 }, 'sizeBytes is -1'],
  ['a', { eraseValue: 256 }, 'eraseValue is 256'],
])('options that cannot be: %j %j', async (path, options, words) => {
  const directory = directoryOf(new FakeHandle())
  expect(await failure(() => OpfsDevice.open(path, { directory, ...options }))).toMatchObject({
    code: 'INVALID_ARGUMENT',
    message: expect.stringContaining(words),
  })
})
