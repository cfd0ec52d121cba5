/** What is at the edge of what a log, an entry or a setting holds. */

import { MemoryDevice } from '@caravan/device'
import { CrashDevice, checkLittlefs } from '@caravan/testkit'
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

/**
 * The story: a file's attribute filled the log that stood before a directory on the list. Removing
 * the directory went half way, as that log could not take over its share of the global state; and
 * with a removal that could not end, no mount could write any more.
 */
describe('a log filled by one entry', () => {
  const sizes = [204, 211, 218]
  const options = { blockSize: 256, blockCount: 64, readSize: 16, progSize: 16 }

  const before = (size: number) => {
    const device = new CrashDevice(options)
    ReferenceFS.formatSync(device)
    const fs = ReferenceFS.mountSync(device)
    fs.writeFileSync('/zz', '')
    fs.setAttributeSync('/zz', 1, new Uint8Array(size))
    fs.mkdirSync('/d')
    fs.mkdirSync('/e')
    // Each of the two now holds a share of the global state.
    fs.writeFileSync('/e/x', 'x')
    fs.renameSync('/e/x', '/d/x')
    return { device, fs }
  }

  it.each(sizes)('before directories that are removed, %i bytes', (size) => {
    const { device, fs } = before(size)
    fs.removeSync('/e')
    fs.removeSync('/d/x')
    fs.removeSync('/d')
    expect(fs.readdirSync('/')).toEqual(['zz'])
    const again = ReferenceFS.mountSync(device)
    again.writeFileSync('/after', 'x')
    again.removeSync('/zz')
    expect(ReferenceFS.mountSync(device).readdirSync('/')).toEqual(['after'])
    expect(checkLittlefs(device.bytes, options)).toEqual([])
  })

  it.each(sizes)('on a full device: refused with nothing changed, %i bytes', (size) => {
    const { device, fs } = before(size)
    const fill = (): void => {
      for (let size = 16_000; size > 0; size -= 16) {
        try {
          fs.writeFileSync('/fill', new Uint8Array(size))
          return
        } catch {
          // One a little smaller may fit.
        }
      }
    }
    fill()
    const { freeBlocks } = fs.dfSync()
    expect(freeBlocks).toBeLessThan(2)
    expect(() => fs.removeSync('/e')).toThrow(/ENOSPC/)
    expect(fs.readdirSync('/')).toEqual(['d', 'e', 'fill', 'zz'])
    const again = ReferenceFS.mountSync(device)
    again.removeSync('/fill')
    again.removeSync('/e')
    expect(checkLittlefs(device.bytes, options)).toEqual([])
  })

  it('a new directory is put behind it', () => {
    const { device, fs } = before(218)
    for (let i = 0; i < 20; i++) fs.mkdirSync(`/a${i}`)
    expect(fs.readdirSync('/')).toHaveLength(23)
    expect(checkLittlefs(device.bytes, options)).toEqual([])
  })
})
