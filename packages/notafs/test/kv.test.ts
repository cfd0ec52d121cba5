import type { BlockDevice, KeyValueStore } from '@caravan/core'
import { MemoryDevice } from '@caravan/device'
import { NotaFS } from '@caravan/notafs'
import {
  keyValueConformance,
  LateDevice,
  type StoreCapabilities,
  type StoreFactory,
} from '@caravan/testkit'
import { describe, test } from 'vitest'

function factoryOf({
  pageSize,
  pageCount,
  late = false,
  checksum = 'ADLER-32',
  every = 1,
}: any): StoreFactory {
  const mounts = new WeakMap<KeyValueStore, { fs: NotaFS; device: BlockDevice }>()
  let clock = 1_700_000_000_000
  const connect = async (device: BlockDevice): Promise<KeyValueStore> => {
    const fs = await NotaFS.mount(late ? new LateDevice(device) : device, {
      now: () => clock++,
      commitEvery: every,
    })
    const opened = fs.keyValue()
    mounts.set(opened, { fs, device })
    return opened
  }
  return {
    async open() {
      const device = new MemoryDevice({ blockSize: pageSize, blockCount: pageCount })
      await NotaFS.format(device, { pageSize, checksum })
      return connect(device)
    },
    async reopen(opened) {
      const m = mounts.get(opened)!
      await opened.disconnect()
      await m.fs.unmount()
      const f = (await NotaFS.mount(m.device)).checkSync()
      if (f.length > 0) throw new Error(JSON.stringify(f.slice(0, 5)))
      return connect(m.device)
    },
  }
}
const SETUPS: [string, any, StoreCapabilities][] = [
  [
    'sync',
    { pageSize: 4096, pageCount: 600 },
    { mode: 'sync', times: 'double', dictionaryTimes: true },
  ],
  [
    'async',
    { pageSize: 512, pageCount: 1024 },
    { mode: 'async', times: 'double', dictionaryTimes: true },
  ],
  [
    'remount',
    { pageSize: 512, pageCount: 400 },
    { mode: 'async', remountBetween: true, times: 'double', dictionaryTimes: true },
  ],
  [
    'late',
    { pageSize: 1024, pageCount: 255, late: true },
    { mode: 'async', times: 'double', dictionaryTimes: true },
  ],
  [
    'nocheck',
    { pageSize: 1024, pageCount: 255, checksum: 'NO-CHECK' },
    { mode: 'sync', times: 'double', dictionaryTimes: true },
  ],
  [
    'grouped',
    { pageSize: 1024, pageCount: 255, every: 7 },
    { mode: 'sync', times: 'double', dictionaryTimes: true },
  ],
]
describe.each(SETUPS)('notafs, %s', (_, setup, capabilities) => {
  for (const { name, run } of keyValueConformance(factoryOf(setup), capabilities)) test(name, run)
})
