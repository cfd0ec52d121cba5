/** The disk version of an image: nothing raises it silently, and it goes both ways by request. */

import { MemoryDevice } from '@caravan/device'
import { checkLittlefs, readLittlefsTree } from '@caravan/testkit'
import { describe, expect, it } from 'vitest'
import { checkSync, LittleFS } from '../src/index.js'
import { imageOf, manifestOf } from './golden-images.js'

const CLEAN = [
  'field-arduino-pico',
  'field-esp-idf-2.0',
  'field-esp-idf-2.1',
  'field-esp8266',
  'field-micropython-512',
  'field-zephyr',
]

function opened(name: string) {
  const { blockSize, blockCount, progSize, readSize } = manifestOf(name)
  const geometry = { blockSize, blockCount, progSize, readSize }
  const device = new MemoryDevice(geometry)
  device.bytes.set(imageOf(name))
  return { device, fs: LittleFS.mountSync(device, { nameMax: 255 }) }
}

/** As the independent checker reads it. */
function treeOf(name: string, bytes: Uint8Array) {
  const { blockSize } = manifestOf(name)
  return [...readLittlefsTree(bytes, { blockSize })].map(
    ([path, { type, content, attributes }]) => [
      path,
      type,
      Buffer.from(content ?? []).toString('hex'),
      [...(attributes ?? [])].map(
        ([type, value]) => `${type} ${Buffer.from(value).toString('hex')}`,
      ),
    ],
  )
}

function findingsOf(name: string, bytes: Uint8Array, allowMissingForwardCrc = false) {
  const { blockSize, progSize } = manifestOf(name)
  return checkLittlefs(bytes, { blockSize, progSize, allowMissingForwardCrc }).map(
    ({ code }) => code,
  )
}

describe.each(CLEAN)('%s', (name) => {
  it('keeps its version when it is written to', () => {
    const { device, fs } = opened(name)
    const { diskVersion } = manifestOf(name)
    for (let i = 0; i < 60; i++) fs.writeFileSync('/boot_count', `${i}`)
    fs.mkdirSync('/new')
    fs.unmountSync()
    const again = LittleFS.mountSync(device, { nameMax: 255 })
    expect(again.info().diskVersion).toBe(diskVersion)
    expect(findingsOf(name, device.bytes)).toEqual([])
  })

  it('goes up and down, with the tree that it has; no forward CRC is left below', () => {
    const { device, fs } = opened(name)
    const before = treeOf(name, device.bytes)
    for (const version of ['2.1', '2.0', '2.0', '2.1', '2.0'] as const) {
      fs.setDiskVersionSync(version)
      expect(fs.info().diskVersion).toBe(version)
      expect(treeOf(name, device.bytes)).toEqual(before)
      expect(findingsOf(name, device.bytes, true)).toEqual([])
      const options = { nameMax: 255, readOnly: true, diskVersion: '2.0' as const }
      if (version === '2.1') {
        expect(() => LittleFS.mountSync(device, options)).toThrow(/version 2.1 on disk/)
      } else {
        expect(LittleFS.mountSync(device, options).info().diskVersion).toBe('2.0')
        expect(checkSync(device).findings.map(({ code }) => code)).toEqual([])
      }
    }
    fs.writeFileSync('/boot_count', 'after')
    fs.unmountSync()
    expect(findingsOf(name, device.bytes)).toEqual([])
    expect(LittleFS.mountSync(device, { nameMax: 255 }).readFileSync('/boot_count', 'utf8')).toBe(
      'after',
    )
  })
})

it('writes nothing where the version is that already, and no forward CRC is left', () => {
  const { device, fs } = opened('field-esp8266')
  const before = device.bytes.slice()
  fs.setDiskVersionSync('2.0')
  expect(device.bytes).toEqual(before)
})

it('takes what was written under 2.1 afterwards along', () => {
  const { device, fs } = opened('field-esp-idf-2.0')
  fs.setDiskVersionSync('2.1')
  for (let i = 0; i < 40; i++) fs.writeFileSync(`/cfg/f${i}`, `${i}`)
  const code = 'fcrc-in-2.0'
  // The version word of both superblocks: what a tool does that only changes it.
  const lowered = device.bytes.slice()
  expect(findingsOf('field-esp-idf-2.0', lowered, true)).not.toContain(code)
  fs.setDiskVersionSync('2.0')
  expect(findingsOf('field-esp-idf-2.0', device.bytes)).toEqual([])
  for (let i = 0; i < 40; i++) expect(fs.readFileSync(`/cfg/f${i}`, 'utf8')).toBe(`${i}`)
})

it('refuses another version, a read-only mount, a full device with nothing lost', async () => {
  const { device, fs } = opened('field-zephyr')
  for (const version of ['2.2', '1.0', '']) {
    expect(() => fs.setDiskVersionSync(version as '2.0')).toThrow(/give '2.0' or '2.1'/)
  }
  expect(fs.info().diskVersion).toBe('2.1')
  const reader = LittleFS.mountSync(device, { readOnly: true })
  await expect(reader.setDiskVersion('2.0')).rejects.toMatchObject({ code: 'EROFS' })
  expect(() => {
    for (let i = 0; ; i++) fs.writeFileSync(`/f${i}`, new Uint8Array(3000))
  }).toThrow(expect.objectContaining({ code: 'ENOSPC' }))
  await fs.setDiskVersion('2.0')
  expect(findingsOf('field-zephyr', device.bytes)).toEqual([])
  expect(fs.readFileSync('/f0')).toEqual(new Uint8Array(3000))
})
