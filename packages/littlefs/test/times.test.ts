/** Times in the image's own dialect, in the one that the mount is told, or in none. */

import { MemoryDevice } from '@caravan/device'
import { describe, expect, it } from 'vitest'
import { LittleFS, type TimeDialect } from '../src/index.js'
import { deviceOf } from './golden-images.js'
import { freshDevice } from './node-face.js'

/** A clock that is set by hand. */
class Clock {
  ms = 1_700_000_000_123
  readonly now = () => this.ms
}

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
const u64 = (value: bigint) => {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64LE(value)
  return bytes.toString('hex')
}

/** Written by hand from the platforms' own formats, for 1,700,000,000.123 s: day 19675. */
const EXPECTED: Readonly<Record<TimeDialect, { type: number; bytes: string; shownMs: number }>> = {
  t4: { type: 0x74, bytes: '00f15365', shownMs: 1_700_000_000_000 },
  t8: { type: 0x74, bytes: '00f1536500000000', shownMs: 1_700_000_000_000 },
  t12: {
    type: 0x74,
    bytes: `db4c0000${u64(80_000_123_000_000_000n)}`,
    shownMs: 1_700_000_000_123,
  },
  ns: { type: 1, bytes: u64(1_700_000_000_123_000_000n), shownMs: 1_700_000_000_123 },
  nuttx: {
    type: 0,
    bytes: `01000000b68100000000000000000000${u64(1_700_000_000_123_000_000n).repeat(3)}`,
    shownMs: 1_700_000_000_123,
  },
}

describe.each(Object.entries(EXPECTED))('%s', (name, { type, bytes, shownMs }) => {
  const dialect = name as TimeDialect

  it('is written where the mount is told, with the content, and read back', () => {
    const device = freshDevice()
    const clock = new Clock()
    const fs = LittleFS.mountSync(device, { times: dialect, now: clock.now })
    fs.writeFileSync('/whole', 'x'.repeat(200))
    const fd = fs.openSync('/piece', 'w')
    fs.writeSync(fd, 'piece')
    fs.closeSync(fd)
    for (const path of ['/whole', '/piece']) {
      expect(hex(fs.getAttributeSync(path, type))).toBe(bytes)
      expect(fs.statSync(path).mtimeMs).toBe(shownMs)
    }
    clock.ms += 86_400_000
    const again = LittleFS.mountSync(device, { now: clock.now })
    expect(again.statSync('/whole').mtimeMs).toBe(shownMs)
    // The image uses it: so does whoever mounts it without being told.
    again.appendFileSync('/whole', 'y')
    expect(again.statSync('/whole').mtimeMs).toBe(shownMs + 86_400_000)
    expect(again.statSync('/piece').mtimeMs).toBe(shownMs)
    expect(hex(again.getAttributeSync('/whole', type))).not.toBe(bytes)
    again.utimesSync('/piece', 5, 77)
    expect(again.statSync('/piece').mtimeMs).toBe(77_000)
    expect(LittleFS.mountSync(device).statSync('/piece').mtimeMs).toBe(77_000)
    expect(again.statSync('/piece').atimeMs).toBe(dialect === 'nuttx' ? 5000 : 77_000)
  })
})

it('a dialect that holds nanoseconds keeps them; one that does not, what it can', () => {
  const device = freshDevice()
  const fs = LittleFS.mountSync(device, { times: 'ns' })
  fs.writeFileSync('/f', '')
  fs.setAttributeSync('/f', 1, Buffer.from(u64(1_234_567_890_123_456_789n), 'hex'))
  expect(fs.statSync('/f', { bigint: true }).mtimeNs).toBe(1_234_567_890_123_456_789n)
  fs.cpSync('/f', '/g', { preserveTimestamps: true })
  expect(fs.statSync('/g', { bigint: true }).mtimeNs).toBe(1_234_567_890_123_456_789n)
  const narrow = LittleFS.mountSync(freshDevice(), { times: 't4' })
  narrow.writeFileSync('/f', '')
  narrow.utimesSync('/f', 0, 1e11)
  expect(hex(narrow.getAttributeSync('/f', 0x74))).toBe('ffffffff')
  narrow.utimesSync('/f', 0, -5)
  expect(hex(narrow.getAttributeSync('/f', 0x74))).toBe('00000000')
})

it("NuttX' owner and mode are shown, and survive a change", () => {
  const fs = LittleFS.mountSync(freshDevice(), { times: 'nuttx' })
  fs.mkdirSync('/d')
  fs.writeFileSync('/f', 'x')
  const attribute = Buffer.from(fs.getAttributeSync('/f', 0))
  attribute.writeUInt32LE(0o100640, 4)
  attribute.writeUInt32LE(7, 8)
  fs.setAttributeSync('/f', 0, attribute)
  fs.writeFileSync('/f', 'y')
  const { mode, uid, gid } = fs.statSync('/f')
  expect([mode, uid, gid]).toEqual([0o100640, 7, 0])
  expect(fs.statSync('/d').mode).toBe(0o040777)
})

it("an image without any gets none: the mount's time, then that of the last change in it", () => {
  const device = freshDevice()
  LittleFS.mountSync(device).writeFileSync('/old', 'x')
  const clock = new Clock()
  const mountedMs = clock.ms
  const fs = LittleFS.mountSync(device, { now: clock.now })
  clock.ms += 5000
  fs.mkdirSync('/d')
  fs.writeFileSync('/d/new', 'x')
  const times = (path: string) => fs.statSync(path).mtimeMs - mountedMs
  expect([times('/old'), times('/d/new'), times('/d'), times('/')]).toEqual([0, 5000, 5000, 5000])
  clock.ms += 1000
  const fd = fs.openSync('/old', 'r+')
  fs.writeSync(fd, 'y')
  expect(fs.fstatSync(fd).mtimeMs - mountedMs).toBe(6000)
  fs.closeSync(fd)
  fs.renameSync('/old', '/d/renamed')
  expect([times('/d/renamed'), times('/d')]).toEqual([6000, 6000])
  fs.utimesSync('/d/renamed', 1, 2)
  expect(fs.statSync('/d/renamed').mtimeMs).toBe(2000)
  for (const path of ['/d', '/d/new', '/d/renamed']) expect(fs.getAttributesSync(path).size).toBe(0)
})

it("'none' writes none where there are some", () => {
  const device = freshDevice()
  LittleFS.mountSync(device, { times: 't8' }).writeFileSync('/f', 'x')
  const fs = LittleFS.mountSync(device, { times: 'none' })
  fs.writeFileSync('/g', 'x')
  expect(fs.getAttributesSync('/g').size).toBe(0)
  expect(() => LittleFS.mountSync(device, { times: 't9' as 't8' })).toThrow(
    expect.objectContaining({ code: 'INVALID_ARGUMENT' }),
  )
})

it("an ESP32's image is read and written as its own", () => {
  const device = deviceOf('field-esp-idf-2.1')
  const copy = new MemoryDevice(device.bytes.slice(), device.geometry)
  const fs = LittleFS.mountSync(copy, { now: () => 1_800_000_000_000 })
  const [timed] = [...fs.walkSync()].filter(({ attributes }) => attributes.get(0x74)?.length === 8)
  expect(timed).toBeDefined()
  const held = Buffer.from(timed?.attributes.get(0x74) as Uint8Array).readBigUInt64LE()
  expect(fs.statSync(timed?.path as string).mtimeMs).toBe(Number(held) * 1000)
  fs.writeFileSync('/made-here', 'x')
  expect(hex(fs.getAttributeSync('/made-here', 0x74))).toBe('00d2496b00000000')
})
