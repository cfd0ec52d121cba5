import { isKeyValueError } from '@caravan/core'
import { MemoryDevice } from '@caravan/device'
import { NotaFS, type NotaFSOptions } from '@caravan/notafs'
import { checkNotafs, contentOf, LateDevice, Random, seedFromEnvironment } from '@caravan/testkit'
import { describe, expect, test } from 'vitest'
import { contentsOf, difference, step } from './changes.js'
import { failRequests } from './device-errors-run.js'
import { liveWithModel } from './model-run.js'

function fresh(pageSize = 512, pageCount = 400, options: NotaFSOptions = {}) {
  const device = new CountingDevice({ blockSize: pageSize, blockCount: pageCount })
  NotaFS.formatSync(device, { pageSize })
  let clock = 1_700_000_000_000
  const fs = NotaFS.mountSync(device, { now: () => clock++, ...options })
  return { device, fs, kv: fs.keyValue() }
}

/** Counts what is asked. */
class CountingDevice extends MemoryDevice {
  pagesRead = 0
  pagesWritten = 0
  syncs = 0
  /** Runs of consecutive sectors of all that was written: each is a system call on a file. */
  piecesWritten = 0
  programs = 0
  override read(spans: Parameters<MemoryDevice['read']>[0]): void {
    this.pagesRead += spans.length
    super.read(spans)
  }
  override prog(spans: Parameters<MemoryDevice['prog']>[0]): void {
    this.pagesWritten += spans.length
    this.programs++
    this.piecesWritten += spans.filter(({ block }, i) => spans[i - 1]?.block !== block - 1).length
    super.prog(spans)
  }
  override sync(): void {
    this.syncs++
    super.sync()
  }
}

function expectSound(image: Uint8Array): void {
  expect(checkNotafs(image).findings).toEqual([])
}

describe('transactions', () => {
  test('all of it or nothing, and others see the state before until it ends', async () => {
    const { fs, kv, device } = fresh()
    kv.setSync('a', 'old')
    await fs.transaction(async (tx) => {
      await tx.set('a', 'new')
      await tx.set('d/b', 'b')
      expect(new TextDecoder().decode(await kv.get('a'))).toBe('old')
      expect(await kv.exists('d')).toBeUndefined()
      expect(new TextDecoder().decode(await tx.get('a'))).toBe('new')
    })
    expect(fs.readFileSync('/a', 'utf8')).toBe('new')
    const failing = fs.transaction(async (tx) => {
      await tx.remove('a')
      await tx.set('e', 'e')
      throw new RangeError('on purpose')
    })
    await expect(failing).rejects.toThrow('on purpose')
    expect(kv.listSync('/')).toEqual([
      ['a', 'value'],
      ['d', 'dictionary'],
    ])
    expectSound(device.bytes)
  })

  test('files: touch, append, ranges, truncate, rename, recursive remove', () => {
    const { fs, device } = fresh()
    fs.transactionSync((tx) => {
      tx.touchSync('t')
      tx.appendSync('f', 'abc')
      tx.appendSync('f', 'def')
      tx.writeSync('f', 8, 'xy')
      tx.truncateSync('f', 9)
      tx.makeDirectorySync('d/e')
      tx.renameSync('f', 'd/e/g')
      tx.setSync('gone/x/y', 'z')
      tx.removeSync('gone')
    })
    expect(fs.readFileSync('/d/e/g', 'utf8')).toBe('abcdef\0\0x')
    expect(fs.readdirSync('/', { recursive: true }).sort()).toEqual(['d', 'd/e', 'd/e/g', 't'])
    expectSound(device.bytes)
  })

  test('changes past an open transaction are refused, not mixed in', () => {
    const { fs, kv } = fresh()
    fs.transactionSync((tx) => {
      tx.setSync('a', 'a')
      expect(() => kv.setSync('b', 'b')).toThrow(expect.objectContaining({ code: 'EBUSY' }))
      expect(() => fs.writeFileSync('/b', 'b')).toThrow(expect.objectContaining({ code: 'EBUSY' }))
    })
    expect(kv.listSync('/')).toEqual([['a', 'value']])
  })

  test('a long one goes to the device ahead of its commit, and leaves nothing where it fails', () => {
    const { fs, kv, device } = fresh(512, 2000, { transactionBytes: 8192 })
    const free = fs.statfsSync('/').bfree
    device.pagesWritten = 0
    expect(() =>
      fs.transactionSync((tx) => {
        for (let i = 0; i < 40; i++) tx.setSync(`k${i}`, contentOf(i, 6000))
        expect(device.pagesWritten).toBeGreaterThan(400)
        throw new RangeError('on purpose')
      }),
    ).toThrow('on purpose')
    expect(fs.statfsSync('/').bfree).toBe(free)
    fs.transactionSync((tx) => {
      for (let i = 0; i < 40; i++) tx.setSync(`k${i}`, contentOf(i, 6000))
    })
    for (let i = 0; i < 40; i++) expect(kv.getSync(`k${i}`)).toEqual(contentOf(i, 6000))
    expectSound(device.bytes)
  })
})

test('a snapshot stays as it was while everything is overwritten', () => {
  const { fs, kv, device } = fresh(512, 2000)
  const { seed } = seedFromEnvironment()
  const random = new Random(seed)
  let model: ReadonlyMap<string, Uint8Array> = new Map()
  for (let i = 0; i < 10; i++) model = step(fs, model, random, `seed ${seed}`)
  const snapshot = fs.snapshotSync()
  const before = model
  for (let i = 0; i < 60; i++) model = step(fs, model, random, `seed ${seed}`)
  const values = [...before].filter(([key]) => !key.endsWith('/'))
  for (const [key, value] of values) expect(snapshot.getSync(key)).toEqual(value)
  const seen = [...snapshot.entriesSync('/')].filter(([, kind]) => kind === 'value')
  expect(seen.map(([key]) => key.slice(1)).sort()).toEqual(values.map(([key]) => key).sort())
  snapshot.close()
  expect(() => snapshot.getSync('a')).toThrow(expect.objectContaining({ code: 'ABANDONED' }))
  expect(difference(model, contentsOf(fs))).toBeUndefined()
  // What it held is free again: the disk takes as much as before.
  kv.removeSync('full')
  expectSound(device.bytes)
})

describe('content in memory goes to the device while a change of it is on its way', () => {
  test('by a handle: another change ends the group', () => {
    const { fs, kv, device } = fresh(512, 400, { commitEvery: 2 })
    kv.setSync('f', contentOf(1, 6000))
    const fd = fs.openSync('/f', 'r+')
    fs.writeSync(fd, new Uint8Array(600), 0, 600, 700)
    fs.writeFileSync('/other', 'ends the group')
    fs.closeSync(fd)
    fs.unmountSync()
    expectSound(device.bytes)
    const expected = contentOf(1, 6000).slice()
    expected.fill(0, 700, 1300)
    expect(NotaFS.mountSync(device).readFileSync('/f')).toEqual(expected)
  })

  test('to make room for it', () => {
    expect(liveWithModel(1854320678, 40)).toBe(40)
  })

  // What a transaction writes ahead goes when it fails: the state before must not stand on it.
  test.each([1093050628, 1093050656])('written ahead by a transaction: seed %i', (seed) => {
    expect(liveWithModel(seed, 80)).toBe(80)
  })
})

test('random changes, remounted: the map that is told the same, and a sound disk', () => {
  const { seed, runs } = seedFromEnvironment(8)
  for (let run = 0; run < runs; run++) expect(liveWithModel(seed + run, 40)).toBe(40)
})

test('a device that fails: nothing but the state before, or after', () => {
  const { seed, runs } = seedFromEnvironment(6)
  let errors = 0
  for (let run = 0; run < runs; run++) errors += failRequests(seed + run)
  expect(errors).toBeGreaterThan(runs)
})

test('a full disk: the error, free space exact, and removing always works', () => {
  const { fs, kv, device } = fresh(512, 128)
  for (let round = 0; round < 6; round++) {
    let count = 0
    try {
      for (; ; count++) kv.setSync(`k${count}`, contentOf(count, 700))
    } catch (error) {
      expect(isKeyValueError(error, 'NoSpace')).toBe(true)
    }
    expect(count).toBeGreaterThan(10)
    expectSound(device.bytes)
    for (let i = 0; i < count; i++) kv.removeSync(`k${i}`)
    expect(kv.listSync('/')).toEqual([])
    expectSound(device.bytes)
  }
  expect(fs.statfsSync('/').bfree).toBeGreaterThan(100)
})

test('what a set writes does not grow with the names', () => {
  const written = [100, 1000, 10_000].map((count) => {
    const { kv, device } = fresh(512, 20_000)
    kv.batchSync(
      Array.from({ length: count }, (_, i) => ({ op: 'set', key: `key${i}`, value: 'v' })),
    )
    device.pagesWritten = 0
    device.syncs = 0
    for (let i = 0; i < 20; i++) kv.setSync(`key${(i * 37) % count}`, 'changed')
    expect(device.syncs).toBe(20)
    return device.pagesWritten / 20
  })
  expect(written[2]).toBeLessThan((written[0] as number) + 5)
})

test('many small values go to the device ahead of their commit side by side', () => {
  const { kv, device } = fresh(512, 8000, { transactionBytes: 128 * 512 })
  device.programs = 0
  kv.batchSync(
    Array.from({ length: 3000 }, (_, i) => ({ op: 'set' as const, key: `k${i}`, value: `${i}` })),
  )
  expect(device.pagesWritten).toBeGreaterThan(3000)
  expect(device.programs).toBeLessThan(40)
  for (let i = 0; i < 3000; i += 97) {
    expect(new TextDecoder().decode(kv.getSync(`k${i}`))).toBe(`${i}`)
  }
  expectSound(device.bytes)
})

test('a small commit is one request of one piece, and every eighth a root besides', () => {
  const { kv, device } = fresh(512, 8000)
  kv.batchSync(
    Array.from({ length: 500 }, (_, i) => ({ op: 'set' as const, key: `k${i}`, value: 'before' })),
  )
  // The gaps behind leaves are as the last commits were large.
  for (let i = 0; i < 16; i++) kv.setSync(`k${i}`, 'x')
  device.programs = 0
  device.piecesWritten = 0
  for (let i = 0; i < 80; i++) kv.setSync(`k${(i * 7) % 500}`, 'after')
  expect(device.programs).toBe(80)
  expect(device.piecesWritten).toBeLessThanOrEqual(80 + 10 + 4)
})

test('a mount reads what the last commit wrote, not what the disk holds', () => {
  const read = [10, 1000].map((count) => {
    const { fs, kv, device } = fresh(512, 20_000)
    kv.batchSync(
      Array.from({ length: count }, (_, i) => ({
        op: 'set',
        key: `key${i}`,
        value: contentOf(i, 2000),
      })),
    )
    kv.setSync('last', 'x')
    fs.unmountSync()
    device.pagesRead = 0
    NotaFS.mountSync(device)
    return device.pagesRead
  })
  expect(read[1]).toBeLessThan((read[0] as number) + 12)
})

test('large files: reading a part asks for few pages, appending rewrites the end alone', () => {
  const { fs, kv, device } = fresh(512, 20_000, { cacheBytes: 0 })
  kv.setSync('large', contentOf(1, 4_000_000))
  device.pagesRead = 0
  expect(kv.getPartialSync('large', { offset: 3_000_001, length: 10 })).toEqual(
    contentOf(1, 4_000_000).subarray(3_000_001, 3_000_011),
  )
  expect(device.pagesRead).toBeLessThan(8)
  device.pagesWritten = 0
  fs.transactionSync((tx) => tx.appendSync('large', 'end'))
  expect(device.pagesWritten).toBeLessThan(16)
  expect(kv.sizeSync('large')).toBe(4_000_003)
  expectSound(device.bytes)
})

test('going back: log, an older generation read-only, repair', () => {
  const { fs, kv, device } = fresh()
  for (const value of ['one', 'two', 'three']) kv.setSync('key', value)
  fs.unmountSync()
  const [newest, before] = NotaFS.logSync(device)
  expect([newest?.generation, before?.generation, before?.isWhole]).toEqual([4, 3, true])
  const old = NotaFS.mountSync(device, { generation: 3 })
  expect(new TextDecoder().decode(old.keyValue().getSync('key'))).toBe('two')
  expect(() => old.writeFileSync('/x', 'x')).toThrow(expect.objectContaining({ code: 'EROFS' }))
  expect(() => NotaFS.mountSync(device, { generation: 99 })).toThrow(/Generation 99 is not there/)
  // The value of the newest generation rots.
  const use = NotaFS.mountSync(device)
    .pageUseSync()
    .find(({ path }) => path === '/key')
  device.bytes[(use?.page as number) * 512 + 5] = 0x21
  const result = NotaFS.repairSync(device)
  expect(result.generation).toBe(3)
  expect(result.lost.map(({ generation }) => generation)).toEqual([4])
  const repaired = NotaFS.mountSync(device)
  expect(repaired.readFileSync('/key', 'utf8')).toBe('two')
  expect(repaired.checkSync()).toEqual([])
  expectSound(device.bytes)
})

test('a torn root sector is passed over, told, and written anew by the next change', () => {
  const { kv, device } = fresh()
  kv.setSync('key', 'value')
  device.bytes.fill(0xff, 2 * 512, 2 * 512 + 100)
  const fs = NotaFS.mountSync(device)
  expect(fs.checkSync().map(({ code }) => code)).toEqual(['DAMAGED_ROOT'])
  fs.keyValue().setSync('other', 'value')
  expect(fs.checkSync()).toEqual([])
  expectSound(device.bytes)
})

test('other disks are refused in words', () => {
  const { device } = fresh()
  const refused = (change: (bytes: Uint8Array) => void) => {
    const bytes = device.bytes.slice()
    change(bytes)
    return () => NotaFS.mountSync(new MemoryDevice(bytes))
  }
  expect(refused((bytes) => bytes.subarray(0, 8).reverse())).toThrow(/big-endian/)
  expect(refused((bytes) => bytes.fill(0, 0, 8))).toThrow(/no notafs disk/)
  expect(refused((bytes) => bytes.fill(0x41, 25, 33))).toThrow(/checksum 'AAAAAAAA'/)
  expect(() => NotaFS.mountSync(new MemoryDevice(device.bytes.slice(0, 100 * 512)))).toThrow(
    /cut short/,
  )
})

test('open files: what one writes the others read; a removed one stays readable', async () => {
  const { fs, kv, device } = fresh()
  await fs.writeFile('/f', 'content')
  const handle = await fs.promises.open('/f', 'r+')
  await handle.write(new TextEncoder().encode('CON'), 0, 3, 0)
  expect(await fs.readFile('/f', 'utf8')).toBe('CONtent')
  await fs.rename('/f', '/g')
  await handle.sync()
  expect(kv.getSync('g')).toEqual(new TextEncoder().encode('CONtent'))
  await fs.unlink('/g')
  for (let i = 0; i < 40; i++) await fs.writeFile('/other', contentOf(i, 900))
  const target = new Uint8Array(7)
  await handle.read(target, 0, 7, 0)
  expect(new TextDecoder().decode(target)).toBe('CONtent')
  await handle.close()
  expect(await fs.readdir('/')).toEqual(['other'])
  expectSound(device.bytes)
})

test('grouped commits: visible at once, durable together, by flush or by count', () => {
  const { fs, kv, device } = fresh(512, 400, { commitEvery: 3 })
  const durable = () => NotaFS.mountSync(device).keyValue().listSync('/').length
  kv.setSync('a', 'a')
  expect([kv.listSync('/').length, durable()]).toEqual([1, 0])
  kv.setSync('b', 'b')
  kv.setSync('c', 'c')
  expect(durable()).toBe(3)
  kv.setSync('d', 'd')
  expect(durable()).toBe(3)
  fs.flushSync()
  expect(durable()).toBe(4)
})

test('readers on a device that answers late see each change whole, beside a writer', async () => {
  const device = new MemoryDevice({ blockSize: 512, blockCount: 300 })
  await NotaFS.format(device, { pageSize: 512 })
  const fs = await NotaFS.mount(new LateDevice(device), { cacheBytes: 0 })
  const kv = fs.keyValue()
  await kv.set('key', contentOf(0, 5000))
  const versions = new Set([contentOf(0, 5000)].map((bytes) => bytes.join()))
  const writing = (async () => {
    for (let i = 1; i < 30; i++) {
      versions.add(contentOf(i, 5000).join())
      await kv.set('key', contentOf(i, 5000))
    }
  })()
  for (let i = 0; i < 60; i++) expect(versions.has((await kv.get('key')).join())).toBe(true)
  await writing
  expectSound(device.bytes)
})
