import type { BlockDevice, KeyValueStore } from '@caravan/core'
import { MemoryDevice } from '@caravan/device'
import { type FormatOptions, NotaFS, type NotaFSOptions } from '@caravan/notafs'
import {
  checkNotafs,
  keyValueConformance,
  LateDevice,
  type StoreCapabilities,
  type StoreFactory,
} from '@caravan/testkit'
import { describe, test } from 'vitest'

interface Setup {
  readonly pageSize: number
  readonly pageCount: number
  readonly late?: boolean
  readonly checksum?: NonNullable<FormatOptions['checksum']>
  readonly mount?: NotaFSOptions
}

/** Stores on fresh disks, each judged by the independent checker when it is mounted again. */
function factoryOf(setup: Setup): StoreFactory {
  const { pageSize, pageCount, late = false, checksum = 'ADLER-32', mount } = setup
  const mounts = new WeakMap<KeyValueStore, { fs: NotaFS; device: MemoryDevice }>()
  let clock = 1_700_000_000_000
  const connect = async (device: MemoryDevice): Promise<KeyValueStore> => {
    const seen: BlockDevice = late ? new LateDevice(device) : device
    const fs = await NotaFS.mount(seen, { now: () => clock++, ...mount })
    const store = fs.keyValue()
    mounts.set(store, { fs, device })
    return store
  }
  return {
    async open() {
      const device = new MemoryDevice({ blockSize: pageSize, blockCount: pageCount })
      await NotaFS.format(device, { pageSize, checksum })
      return connect(device)
    },
    async reopen(store) {
      const mounted = mounts.get(store)
      if (mounted === undefined) throw new Error('That store is not one of ours.')
      await store.disconnect()
      await mounted.fs.unmount()
      const [finding] = checkNotafs(mounted.device.bytes).findings
      if (finding !== undefined) throw new Error(finding.message)
      return connect(mounted.device)
    },
  }
}

const TIMES = { times: 'double', dictionaryTimes: true } as const

const SETUPS: [string, Setup, StoreCapabilities][] = [
  ['sync', { pageSize: 4096, pageCount: 600 }, { mode: 'sync', ...TIMES }],
  ['async', { pageSize: 512, pageCount: 1024 }, { mode: 'async', ...TIMES }],
  [
    'remounted between all steps',
    { pageSize: 512, pageCount: 400 },
    { mode: 'async', remountBetween: true, ...TIMES },
  ],
  [
    'on a device that answers late, ids of one byte, no cache',
    { pageSize: 1024, pageCount: 255, late: true, mount: { cacheBytes: 0, transactionBytes: 0 } },
    { mode: 'async', ...TIMES },
  ],
  [
    'without checksums',
    { pageSize: 1024, pageCount: 255, checksum: 'NO-CHECK' },
    { mode: 'sync', ...TIMES },
  ],
  [
    'commits grouped',
    { pageSize: 1024, pageCount: 255, mount: { commitEvery: 7 } },
    { mode: 'sync', ...TIMES },
  ],
]

describe.each(SETUPS)('notafs, %s', (_, setup, capabilities) => {
  for (const { name, run } of keyValueConformance(factoryOf(setup), capabilities)) test(name, run)
})
