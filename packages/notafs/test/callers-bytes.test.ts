/** What a caller does with its bytes after a call has returned changes nothing of what was written. */

import { MemoryDevice } from '@caravan/device'
import { NotaFS } from '@caravan/notafs'
import { FaultyDevice } from '@caravan/testkit'
import { expect, test } from 'vitest'

const SIZES = [10, 2000]

test.each([1, 3])(
  'set, batch, write and transactions, commits of %d changes',
  async (commitEvery) => {
    const device = new MemoryDevice({ blockSize: 512, blockCount: 400 })
    NotaFS.formatSync(device, { pageSize: 512 })
    const fs = NotaFS.mountSync(device, { commitEvery })
    const kv = fs.keyValue()
    for (const size of SIZES) {
      const fresh = () => new Uint8Array(size).fill(1)
      const expected = fresh()
      const given: Uint8Array[] = []
      const give = () => {
        const bytes = fresh()
        given.push(bytes)
        return bytes
      }
      kv.setSync('set', give())
      kv.batchSync([{ op: 'set', key: 'batch', value: give() }])
      fs.writeFileSync('/file', give())
      fs.transactionSync((tx) => {
        tx.setSync('transaction', give())
        given.at(-1)?.fill(2)
      })
      // Taken when the call is made, not when it is awaited.
      const setting = kv.set('promise', give())
      for (const bytes of given) bytes.fill(2)
      await setting
      const keys = ['set', 'batch', 'file', 'transaction', 'promise']
      for (const key of keys) expect(kv.getSync(key), key).toEqual(expected)
      fs.flushSync()
      const again = NotaFS.mountSync(device).keyValue()
      for (const key of keys) expect(again.getSync(key), key).toEqual(expected)
    }
  },
)

test('where the write fails, too', () => {
  const device = new MemoryDevice({ blockSize: 512, blockCount: 400 })
  NotaFS.formatSync(device, { pageSize: 512 })
  const faulty = new FaultyDevice(device)
  const fs = NotaFS.mountSync(faulty)
  const kv = fs.keyValue()
  kv.setSync('first', 'x')
  faulty.fault = { way: 'refused', from: 0, only: 'prog' }
  for (const size of SIZES) {
    const bytes = new Uint8Array(size).fill(1)
    expect(() => kv.setSync('key', bytes)).toThrow()
    bytes.fill(2)
    // Nothing more is written; what is read is what was to be written, or what was before.
    const found = kv.existsSync('key') === undefined ? undefined : kv.getSync('key')
    expect(found?.includes(2) ?? false).toBe(false)
  }
})
