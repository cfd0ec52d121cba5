/** What is at the edge of what a log, an entry or a setting holds. */

import { MemoryDevice } from '@caravan/device'
import { checkLittlefs } from '@caravan/testkit'
import { describe, expect, it } from 'vitest'
import { ReferenceFS } from '../src/index.js'

describe('a log that cannot be split', () => {
  // The id of entry 1023 says "none" in a tag: one file too many cost the whole filesystem.
  it('takes no more entries than a log may have', () => {
    const device = new MemoryDevice({ blockSize: 32768, blockCount: 3 })
    ReferenceFS.formatSync(device)
    const fs = ReferenceFS.mountSync(device)
    const fill = (count: number) => {
      for (let i = 0; i < count; i++) fs.writeFileSync(`/${i}`, '')
    }
    expect(() => fill(1100)).toThrow(/ENOSPC/)
    const names = fs.readdirSync('/')
    expect(names.length).toBe(253)
    const again = ReferenceFS.mountSync(device)
    expect(again.readdirSync('/')).toEqual(names)
    expect(checkLittlefs(device.bytes, { blockSize: 32768 })).toEqual([])
    for (const name of names) again.removeSync(`/${name}`)
    expect(ReferenceFS.mountSync(device).readdirSync('/')).toEqual([])
  })
})

describe('an inline file that is larger than this mount makes them', () => {
  const content = Uint8Array.from({ length: 300 }, (_, i) => i)

  const mountSmaller = () => {
    const device = new MemoryDevice({ blockSize: 4096, blockCount: 16 })
    ReferenceFS.formatSync(device)
    ReferenceFS.mountSync(device, { cacheSize: 512 }).writeFileSync('/f', content)
    return { device, fs: ReferenceFS.mountSync(device, { cacheSize: 64 }) }
  }

  it.each([0, 10, 64, 65, 200, 299, 300, 301, 5000])('is cut to %i bytes', (size) => {
    const { device, fs } = mountSmaller()
    fs.truncateSync('/f', size)
    const expected = new Uint8Array(size)
    expected.set(content.subarray(0, size))
    expect(ReferenceFS.mountSync(device).readFileSync('/f')).toEqual(expected)
    expect(checkLittlefs(device.bytes, { blockSize: 4096 })).toEqual([])
  })

  it('is written in the middle, and cut before it is saved', () => {
    const { device, fs } = mountSmaller()
    const handle = fs.openSync('/f', { read: true, write: true })
    handle.seek(250)
    handle.writeSync(new Uint8Array(20))
    handle.truncateSync(260)
    handle.closeSync()
    const expected = content.slice(0, 260)
    expected.fill(0, 250)
    expect(ReferenceFS.mountSync(device).readFileSync('/f')).toEqual(expected)
    expect(checkLittlefs(device.bytes, { blockSize: 4096 })).toEqual([])
  })
})
