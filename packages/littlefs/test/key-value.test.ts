import { readFileSync } from 'node:fs'
import { type BlockDevice, type KeyValueStore, Timestamp } from '@caravan/core'
import { MemoryDevice } from '@caravan/device'
import { type FormatOptions, type KeyValueOptions, LittleFS } from '@caravan/littlefs'
import {
  CrashDevice,
  checkLittlefs,
  keyValueConformance,
  LateDevice,
  renderAnswers,
  type StoreCapabilities,
  type StoreFactory,
} from '@caravan/testkit'
import { describe, expect, test } from 'vitest'

interface Setup {
  readonly blockSize: number
  readonly blockCount: number
  readonly late?: boolean
  readonly format?: FormatOptions
  readonly store?: KeyValueOptions
}

/** Stores on fresh devices, each judged by the independent checker when it is mounted again. */
function factoryOf({ blockSize, blockCount, late = false, format, store }: Setup): StoreFactory {
  const mounts = new WeakMap<KeyValueStore, { fs: LittleFS; device: BlockDevice }>()
  let clock = 1_700_000_000_000
  const options = { now: () => clock++, ...store }
  const connect = async (device: BlockDevice): Promise<KeyValueStore> => {
    const fs = await LittleFS.mount(late ? new LateDevice(device) : device)
    const opened = fs.keyValue(options)
    mounts.set(opened, { fs, device })
    return opened
  }
  return {
    async open() {
      const device = new MemoryDevice({ blockSize, blockCount, progSize: 16, readSize: 16 })
      await LittleFS.format(device, format)
      return connect(device)
    },
    async reopen(opened) {
      const mounted = mounts.get(opened)
      if (mounted === undefined) throw new Error('That store is not one of ours.')
      await opened.disconnect()
      await mounted.fs.unmount()
      return connect(mounted.device)
    },
  }
}

const SETUPS: [string, Setup, StoreCapabilities][] = [
  ['sync', { blockSize: 4096, blockCount: 256 }, { mode: 'sync', times: 'ps' }],
  ['async', { blockSize: 512, blockCount: 1024 }, { mode: 'async', times: 'ps' }],
  [
    'remounted between all steps',
    { blockSize: 512, blockCount: 333, store: { time: 't8' } },
    { mode: 'async', remountBetween: true, times: 's' },
  ],
  [
    'on a device that answers late',
    { blockSize: 4096, blockCount: 77, late: true, store: { time: 'ns' } },
    { mode: 'async', times: 'ns' },
  ],
  [
    'version 2.0, short names, no times',
    {
      blockSize: 1024,
      blockCount: 200,
      format: { diskVersion: '2.0', nameMax: 32 },
      store: { time: 'none' },
    },
    { mode: 'sync', times: 'none', nameMax: 32 },
  ],
]

describe.each(SETUPS)('littlefs, %s', (_, setup, capabilities) => {
  for (const { name, run } of keyValueConformance(factoryOf(setup), capabilities)) test(name, run)
})

test('docs/key-value.md shows the table that the suite asks for', () => {
  const text = readFileSync(new URL('../../../docs/key-value.md', import.meta.url), 'utf8')
  expect(text).toContain(renderAnswers())
})

/** Counts the bytes that are read. */
class CountingDevice extends MemoryDevice {
  readBytes = 0
  override read(spans: Parameters<MemoryDevice['read']>[0]): void {
    for (const { bytes } of spans) this.readBytes += bytes.length
    super.read(spans)
  }
}

function freshStore(blockSize = 4096, blockCount = 1024, options: MountOptions = {}) {
  const device = new CountingDevice({ blockSize, blockCount, progSize: 16 })
  LittleFS.formatSync(device, { blockSize })
  const fs = LittleFS.mountSync(device, { blockSize, ...options })
  return { device, fs, kv: fs.keyValue({ now: () => 1_700_000_000_000 }) }
}

function imageOf(device: MemoryDevice): Uint8Array {
  const { blockSize, blockCount } = device.geometry
  const bytes = new Uint8Array(blockSize * blockCount)
  const spans = Array.from({ length: blockCount }, (_, block) => ({
    block,
    offset: 0,
    bytes: bytes.subarray(block * blockSize, (block + 1) * blockSize),
  }))
  device.read(spans)
  return bytes
}

/** What the device is asked for while a function runs, in bytes read. */
function bytesRead(device: CountingDevice, run: () => void): number {
  device.readBytes = 0
  run()
  return device.readBytes
}

describe('sums are kept, and what changed is read again, nothing else', () => {
  const VALUE_BYTES = 20_000
  // Sums are kept with the directories, for which there must be memory.
  const memoryBudget = 2 ** 24
  function filled() {
    const made = freshStore(4096, 1024, { memoryBudget })
    for (let i = 0; i < 40; i++) {
      made.kv.setSync(`/d${i % 4}/${i}`, new Uint8Array(VALUE_BYTES).fill(i))
    }
    return made
  }

  test('digest', () => {
    const { device, kv, fs } = filled()
    const digest = () => kv.digestSync('/')
    expect(bytesRead(device, digest)).toBeGreaterThanOrEqual(40 * VALUE_BYTES)
    expect(bytesRead(device, digest)).toBe(0)
    kv.setSync('/d2/2', new Uint8Array(VALUE_BYTES).fill(99))
    const afterOne = bytesRead(device, digest)
    expect(afterOne).toBeGreaterThanOrEqual(VALUE_BYTES)
    expect(afterOne).toBeLessThan(VALUE_BYTES * 1.5)
    // Renamed and removed: nothing to read at all.
    kv.renameSync('/d2/2', '/d3/new')
    kv.removeSync('/d1')
    expect(bytesRead(device, digest)).toBe(0)
    // Changed through the filesystem's own face: seen too.
    const before = kv.digestSync('/')
    fs.writeFileSync('/d3/new', new Uint8Array(VALUE_BYTES))
    const afterWrite = bytesRead(device, digest)
    expect(afterWrite).toBeGreaterThanOrEqual(VALUE_BYTES)
    expect(afterWrite).toBeLessThan(VALUE_BYTES * 1.5)
    expect(kv.digestSync('/')).not.toEqual(before)
    fs.unmountSync()
  })

  test('lastModified and size', () => {
    const { device, kv } = filled()
    const sums = () => {
      kv.lastModifiedSync('/')
      kv.sizeSync('/')
    }
    sums()
    expect(bytesRead(device, sums)).toBe(0)
    kv.allocateSync('/d0/late', 10, { lastModified: new Timestamp(30_000, 1n) })
    expect(bytesRead(device, sums)).toBe(0)
    expect(kv.lastModifiedSync('/')).toEqual(new Timestamp(30_000, 1n))
    expect(kv.sizeSync('/')).toBe(40 * VALUE_BYTES + 10)
  })

  test('a value that is read twice in memory costs no read at all', () => {
    const { device, kv } = freshStore(4096, 1024, { memoryBudget })
    kv.setSync('/small', 'in the metadata')
    expect(bytesRead(device, () => kv.getSync('/small'))).toBe(0)
  })
})

test('a batch that cannot be one step is refused before anything is written', () => {
  const device = new CrashDevice({ blockSize: 512, blockCount: 128, readSize: 16, progSize: 16 })
  LittleFS.formatSync(device)
  const kv = LittleFS.mountSync(device).keyValue()
  kv.setSync('/a/x', '1')
  kv.setSync('/b/x', '1')
  device.startRecording()
  const both = [
    { op: 'set', key: '/a/x', value: '2' },
    { op: 'set', key: '/b/x', value: '2' },
  ] as const
  expect(() => kv.batchSync(both, { atomic: true })).toThrow(
    expect.objectContaining({ code: 'NotAtomic' }),
  )
  expect(device.recordedCount).toBe(0)
  expect(kv.batchSync(both).atomic).toBe(false)
  expect(kv.getSync('/b/x')).toEqual(new TextEncoder().encode('2'))
})

describe("chamelon's faults, and that they are not ours", () => {
  /** What is there after a remount, judged by the checker too. */
  function remounted(device: MemoryDevice, blockSize: number) {
    const { blockCount } = device.geometry
    expect(checkLittlefs(imageOf(device), { blockSize, blockCount })).toEqual([])
    return LittleFS.mountSync(device, { blockSize }).keyValue()
  }

  test('1: 5000 keys and 100,000 overwrites in one dictionary', () => {
    const { device, fs, kv } = freshStore(4096, 2048)
    const expected = new Map<string, string>()
    for (let i = 0; i < 5000; i++) {
      kv.setSync(`/d/key${i}`, `value ${i}`)
      expected.set(`key${i}`, `value ${i}`)
    }
    for (let i = 0; i < 100_000; i++) {
      const name = `key${(i * 7919) % 5000}`
      kv.setSync(`/d/${name}`, `again ${i}`)
      expected.set(name, `again ${i}`)
    }
    fs.unmountSync()
    const again = remounted(device, 4096)
    expect(again.listSync('/d').length).toBe(5000)
    for (const [name, value] of expected) {
      expect(new TextDecoder().decode(again.getSync(`/d/${name}`))).toBe(value)
    }
  }, 120_000)

  test.each([4096, 512])('2: the first of 100 keys removed, 99 left, blocks of %d', (blockSize) => {
    const { device, fs, kv } = freshStore(blockSize)
    for (let i = 0; i < 100; i++) kv.setSync(`/d/k${String(i).padStart(3, '0')}`, `v${i}`)
    kv.removeSync('/d/k000')
    expect(kv.listSync('/d').length).toBe(99)
    fs.unmountSync()
    const again = remounted(device, blockSize)
    expect(again.listSync('/d').length).toBe(99)
    for (let i = 1; i < 100; i++)
      expect(again.sizeSync(`/d/k${String(i).padStart(3, '0')}`)).toBe(`v${i}`.length)
  })

  test('3: an overwritten key is listed once, with its new time', () => {
    let days = 1
    const { fs, device } = freshStore(512)
    const kv = fs.keyValue({ now: () => new Timestamp(days, 0n) })
    for (let i = 0; i < 30; i++) kv.setSync(`/s/k${i}`, `v${i}`)
    days = 2
    kv.setSync('/s/k0', 'new')
    for (const store of [kv, LittleFS.mountSync(device, { blockSize: 512 }).keyValue()]) {
      expect(store.listSync('/s').filter(([name]) => name === 'k0')).toHaveLength(1)
      expect(store.lastModifiedSync('/s/k0')?.days).toBe(2)
      expect(store.lastModifiedSync('/s/k1')?.days).toBe(1)
    }
  })

  test('4: values set in many mounts stay what they are', () => {
    const { device, fs } = freshStore(4096, 100)
    fs.unmountSync()
    for (let i = 0; i < 20; i++) {
      const mounted = LittleFS.mountSync(device, { blockSize: 4096 })
      mounted.keyValue().setSync(`/v${i}`, new Uint8Array(6000).fill(i))
      mounted.unmountSync()
    }
    const kv = remounted(device, 4096)
    for (let i = 0; i < 20; i++) expect(kv.getSync(`/v${i}`)).toEqual(new Uint8Array(6000).fill(i))
  })

  test.each([4096, 8192])(
    '5: values of every size from 1000 to 4200 bytes, blocks of %d',
    (blockSize) => {
      const { device, fs } = freshStore(blockSize, 8192)
      const inlineMax = Math.min(1022, blockSize / 8)
      fs.unmountSync()
      const wide = LittleFS.mountSync(device, { blockSize, cacheSize: 1024, inlineMax })
      const kv = wide.keyValue()
      const bytes = (size: number) => Uint8Array.from({ length: size }, (_, i) => i * size)
      for (let size = 1000; size <= 4200; size++) kv.setSync(`/${size}`, bytes(size))
      wide.unmountSync()
      const again = LittleFS.mountSync(device, { blockSize }).keyValue()
      for (let size = 1000; size <= 4200; size++) {
        if (Buffer.compare(again.getSync(`/${size}`), bytes(size)) !== 0) throw new Error(`${size}`)
      }
    },
    60_000,
  )

  test.each([70, 97, 300, 301])(
    '6: %d blocks are used to the last, and no further',
    (blockCount) => {
      const { device, fs, kv } = freshStore(512, blockCount)
      let count = 0
      const fill = () => {
        for (;;) kv.setSync(`/${count}`, new Uint8Array(400).fill(count++ & 0xff))
      }
      expect(fill).toThrow(expect.objectContaining({ code: 'NoSpace' }))
      const held = kv.listSync('/').length
      expect(held).toBeGreaterThan(blockCount * 0.7)
      kv.removeSync('/0')
      kv.setSync('/last', new Uint8Array(400))
      fs.unmountSync()
      const again = remounted(device, 512)
      for (let i = 1; i < held; i++)
        expect(again.getSync(`/${i}`)).toEqual(new Uint8Array(400).fill(i & 0xff))
    },
  )

  test('8: a flipped bit is no good data, and the other half is taken', () => {
    const { device, fs, kv } = freshStore(4096, 64)
    kv.setSync('/k', 'the value')
    fs.unmountSync()
    const bytes = imageOf(device)
    const at = Buffer.from(bytes).indexOf('the value')
    bytes[at] = (bytes[at] as number) ^ 1
    const again = LittleFS.mountSync(new MemoryDevice(bytes), { blockSize: 4096 }).keyValue()
    // Older, but whole: never a value that nobody set.
    expect(again.existsSync('/k')).toBeUndefined()
  })

  test('10: right after every split the tree can be listed, whole', () => {
    const { device, kv } = freshStore(512)
    for (let i = 0; i < 40; i++) {
      kv.setSync(`/k${i}`, `v${i}`)
      const other = LittleFS.mountSync(device, { blockSize: 512, readOnly: true })
      expect(other.readdirSync('/').length).toBe(i + 1)
      expect([...other.walkSync('/')].length).toBe(i + 2)
    }
  })

  test('11: a get asks the device for nothing, among 100 keys and among 20,000', () => {
    const readsOf = (count: number): number => {
      const { device, kv } = freshStore(4096, 4096)
      kv.batchSync(
        Array.from({ length: count }, (_, i) => ({
          op: 'set' as const,
          key: `/d/${i}`,
          value: `${i}`,
        })),
      )
      return bytesRead(device, () => {
        for (let i = 0; i < 100; i++) expect(kv.getSync(`/d/${(i * 97) % count}`)).toBeDefined()
      })
    }
    expect([readsOf(100), readsOf(20_000)]).toEqual([0, 0])
  })
})
