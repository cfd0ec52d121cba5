/**
 * The key-value store, and those of abstract-level that a program would take instead: keys in one
 * dictionary, values of 100 bytes.
 */

import { rmSync } from 'node:fs'
import { MemoryDevice } from '@caravan/device'
import { LittleFS } from '@caravan/littlefs'
import { ClassicLevel } from 'classic-level'
import { MemoryLevel } from 'memory-level'
import { scaledGeometry, temporaryFolder } from './fs-rows.js'
import type { Row, Run, Surroundings } from './row.js'
import { expectBytes, expectCount, makeBytes, scaled } from './workload.js'

const VALUE_BYTES = 100
/** Keys touched in one `work`, spread over all. */
const TOUCHED = 1000

/** A store with that many keys, as it is used here. */
interface Store {
  readonly get?: (key: string) => Uint8Array
  readonly getInto?: (key: string, target: Uint8Array) => number
  readonly set?: (key: string, value: Uint8Array) => void
  readonly getLater?: (key: string) => Promise<Uint8Array>
  readonly setLater?: (key: string, value: Uint8Array) => Promise<void>
  readonly close: () => void | Promise<void>
  readonly deviceBytes?: number
}

type OpenStore = (
  surroundings: Surroundings,
  keys: readonly string[],
  value: Uint8Array,
) => Promise<Store>

function openCaravan(surroundings: Surroundings, keys: readonly string[], value: Uint8Array) {
  const device = new MemoryDevice(scaledGeometry(surroundings))
  const { cacheSize, blockCycles } = surroundings.reference.configurations.B
  LittleFS.formatSync(device, { cacheSize, blockCycles })
  const kv = LittleFS.mountSync(device, { cacheSize, blockCycles }).keyValue()
  for (const key of keys) kv.setSync(key, value)
  return { kv, close: () => device.close(), deviceBytes: device.bytes.length }
}

const openSync: OpenStore = async (surroundings, keys, value) => {
  const { kv, ...device } = openCaravan(surroundings, keys, value)
  return {
    ...device,
    get: (key) => kv.getSync(key),
    getInto: (key, target) => kv.getIntoSync(key, target),
    set: (key, data) => kv.setSync(key, data),
  }
}

const openPromises: OpenStore = async (surroundings, keys, value) => {
  const { kv, ...device } = openCaravan(surroundings, keys, value)
  return { ...device, getLater: (key) => kv.get(key), setLater: (key, data) => kv.set(key, data) }
}

const BYTES = { keyEncoding: 'utf8', valueEncoding: 'view' } as const

const openMemoryLevel: OpenStore = async (_, keys, value) => {
  const db = new MemoryLevel<string, Uint8Array>(BYTES)
  await db.open()
  for (const key of keys) await db.put(key, value)
  return levelOf(db)
}

/** Without fsync, on a tmpfs: as near to memory as it comes. */
const openClassicLevel: OpenStore = async (surroundings, keys, value) => {
  const folder = temporaryFolder(surroundings)
  const db = new ClassicLevel<string, Uint8Array>(folder, BYTES)
  await db.open()
  for (const key of keys) await db.put(key, value)
  return {
    ...levelOf(db),
    async close() {
      await db.close()
      rmSync(folder, { recursive: true })
    },
  }
}

function levelOf(db: MemoryLevel<string, Uint8Array> | ClassicLevel<string, Uint8Array>): Store {
  return {
    get: (key) => db.getSync(key) as Uint8Array,
    getLater: async (key) => (await db.get(key)) as Uint8Array,
    setLater: (key, data) => db.put(key, data),
    close: () => db.close(),
  }
}

interface Work {
  readonly name: string
  readonly keyCount: number
  readonly start: (store: Store, keys: readonly string[], value: Uint8Array) => Run
  readonly stores: Readonly<Record<string, OpenStore>>
}

const caravan = { caravan: openSync }
const levels = { 'memory-level': openMemoryLevel, 'classic-level': openClassicLevel }

const WORKS: readonly Work[] = [
  ...[100, 10_000].map((keyCount) => ({
    name: `kv: getInto among ${keyCount}`,
    keyCount,
    start: startGetInto,
    stores: caravan,
  })),
  ...[100, 10_000].map((keyCount) => ({
    name: `kv: get among ${keyCount}`,
    keyCount,
    start: startGet,
    stores: { ...caravan, ...levels },
  })),
  ...[100, 10_000].map((keyCount) => ({
    name: `kv: set among ${keyCount}`,
    keyCount,
    start: startSet,
    stores: caravan,
  })),
  {
    name: 'kv: await get among 10000',
    keyCount: 10_000,
    start: startGetLater,
    stores: { caravan: openPromises, ...levels },
  },
  {
    name: 'kv: await set among 10000',
    keyCount: 10_000,
    start: startSetLater,
    stores: { caravan: openPromises, ...levels },
  },
]

export const keyValueRows: readonly Row[] = WORKS.flatMap(({ name, keyCount, start, stores }) =>
  Object.entries(stores).map(([subject, open]) => ({
    name,
    subject,
    configuration: '',
    unit: 'ops/s',
    yardstick: 'crc',
    isComparable: subject === 'caravan',
    async start(surroundings) {
      const count = scaled(surroundings, keyCount)
      const keys = Array.from({ length: count }, (_, i) => `/d/key${i}`)
      const value = makeBytes(VALUE_BYTES, 9)
      const store = await open(surroundings, keys, value)
      // Far from each other, so that nothing is near because it was just used.
      const touched = Array.from({ length: TOUCHED }, (_, i) => keys[(i * 7919) % count] as string)
      const { close, deviceBytes = 0 } = store
      return { ...start(store, touched, value), close, deviceBytes }
    },
  })),
)

function startGet(store: Store, keys: readonly string[], value: Uint8Array): Run {
  const get = store.get as NonNullable<Store['get']>
  let last: Uint8Array
  return {
    amount: keys.length,
    work() {
      for (let i = 0; i < keys.length; i++) last = get(keys[i] as string)
    },
    check: () => expectBytes(last, value, 'the last value'),
  }
}

function startGetInto(store: Store, keys: readonly string[], value: Uint8Array): Run {
  const getInto = store.getInto as NonNullable<Store['getInto']>
  const target = new Uint8Array(value.length)
  let bytes = 0
  return {
    amount: keys.length,
    work() {
      bytes = 0
      for (let i = 0; i < keys.length; i++) bytes += getInto(keys[i] as string, target)
    },
    check() {
      expectCount(bytes, keys.length * value.length, 'bytes copied')
      expectBytes(target, value, 'the last value')
    },
  }
}

function startSet(store: Store, keys: readonly string[], value: Uint8Array): Run {
  const set = store.set as NonNullable<Store['set']>
  const get = store.get as NonNullable<Store['get']>
  let turn = 0
  return {
    amount: keys.length,
    work() {
      value[0] = ++turn
      for (let i = 0; i < keys.length; i++) set(keys[i] as string, value)
    },
    check() {
      for (const key of keys) expectBytes(get(key), value, key)
    },
  }
}

function startGetLater(store: Store, keys: readonly string[], value: Uint8Array): Run {
  const get = store.getLater as NonNullable<Store['getLater']>
  let last: Uint8Array
  return {
    amount: keys.length,
    async work() {
      for (let i = 0; i < keys.length; i++) last = await get(keys[i] as string)
    },
    check: () => expectBytes(last, value, 'the last value'),
  }
}

function startSetLater(store: Store, keys: readonly string[], value: Uint8Array): Run {
  const set = store.setLater as NonNullable<Store['setLater']>
  const get = store.getLater as NonNullable<Store['getLater']>
  let turn = 0
  return {
    amount: keys.length,
    async work() {
      value[0] = ++turn
      for (let i = 0; i < keys.length; i++) await set(keys[i] as string, value)
    },
    async check() {
      for (const key of keys) expectBytes(await get(key), value, key)
    },
  }
}
