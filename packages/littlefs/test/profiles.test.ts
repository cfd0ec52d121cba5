/** Profiles beside what the C library wrote in each platform's configuration, and what they refuse. */

import { readFileSync } from 'node:fs'
import { MemoryDevice } from '@caravan/device'
import { checkLittlefs } from '@caravan/testkit'
import { describe, expect, it } from 'vitest'
import {
  buildImage,
  DEVICE_PROFILES,
  type DeviceProfile,
  type ImageEntry,
  judgeForProfile,
  LittleFS,
  optionsOfProfile,
  planImage,
} from '../src/index.js'
import { imageOf, manifestOf } from './golden-images.js'

const TIME = 1_700_000_000

/**
 * What is recorded of which profile. `times`: the files' `t` attributes are those that the platform
 * writes; else the recording has them in another dialect, which its devices read as well or pass over.
 */
const RECORDED: readonly { profile: string; golden: string; times: boolean }[] = [
  { profile: 'esp-idf', golden: 'field-esp-idf-2.1', times: true },
  { profile: 'esp-idf-2.0', golden: 'field-esp-idf-2.0', times: true },
  { profile: 'esp8266', golden: 'field-esp8266', times: false },
  { profile: 'arduino-pico', golden: 'field-arduino-pico', times: true },
  { profile: 'micropython-1.21', golden: 'field-micropython', times: false },
  { profile: 'micropython-1.21', golden: 'field-micropython-512', times: false },
  { profile: 'zephyr', golden: 'field-zephyr', times: true },
]

/** mklittlefs fills the blocks that it erases with zeros; the flash itself erases to ones. */
const ERASED_BY_TOOL = new Map([['field-esp8266', 0x00]])

function profileNamed(name: string): DeviceProfile {
  const profile = DEVICE_PROFILES.find((each) => each.name === name)
  if (profile === undefined) throw new RangeError(`no profile ${name}`)
  return profile
}

/** What stands in an image but for block addresses. */
function contentsOf(fs: LittleFS) {
  const withBlocks = new Set(
    fs.blockUseSync().flatMap(({ kind, path }) => (kind === 'data' ? [path] : [])),
  )
  return [...fs.walkSync()].map(({ path, type, size, attributes }) => ({
    ...{ path, type, size, attributes: [...attributes] },
    bytes: type === 'file' ? Buffer.from(fs.readFileSync(path)).toString('hex') : '',
    isInline: type === 'file' && !withBlocks.has(path),
  }))
}

function entriesOf(fs: LittleFS): ImageEntry[] {
  return [...fs.walkSync()].map(({ path, type, attributes }) =>
    type === 'file'
      ? { path, data: fs.readFileSync(path), attributes }
      : { path, type: 'directory' as const, attributes },
  )
}

describe.each(RECORDED)('$profile beside $golden', ({ profile: name, golden, times }) => {
  const profile = profileNamed(name)
  const manifest = manifestOf(golden)
  const { blockSize, blockCount } = manifest
  const image = imageOf(golden)

  it('reads the recorded image, as its driver would', () => {
    const { diskVersion, fileMax, attrMax, cacheSize } = optionsOfProfile(profile, { blockSize })
    const nameMax = profile.driverNameMax ?? profile.nameMax
    const fs = LittleFS.mountSync(new MemoryDevice(image, { blockSize }), {
      readOnly: true,
      ...(diskVersion === undefined ? {} : { diskVersion }),
      ...{ nameMax, fileMax: fileMax ?? 0, attrMax: attrMax ?? 0, cacheSize: cacheSize ?? 0 },
    })
    expect(judgeForProfile(profile, fs.info())).toEqual([])
    const listed = [...fs.walkSync()].map(({ path, size }) => ({ path, size })).sort(byPath)
    const wanted = (manifest.entries ?? []).map(({ path, size }) => ({ path, size })).sort(byPath)
    expect(listed).toEqual(wanted)
  })

  it('builds the same: superblock, limits, what is inline, attributes, what is erased', async () => {
    const options = optionsOfProfile(profile, { blockSize, blockCount })
    expect(options).toMatchObject({ progSize: manifest.progSize, cacheSize: manifest.cacheSize })
    expect(profile.readSize).toBe(manifest.readSize)
    const recorded = LittleFS.mountSync(new MemoryDevice(image, { blockSize }), { nameMax: 255 })
    const built = await buildImage(entriesOf(recorded), { ...options, blockCount })
    expect(built.length).toBe(image.length)
    const fs = LittleFS.mountSync(new MemoryDevice(built, { blockSize }))
    const facts = ({
      diskVersion,
      nameMax,
      fileMax,
      attrMax,
      ...info
    }: ReturnType<typeof fs.info>) => ({
      ...{ diskVersion, nameMax, fileMax, attrMax },
      ...{ blockSize: info.blockSize, blockCount: info.blockCount },
    })
    expect(facts(fs.info())).toEqual(facts(recorded.info()))
    expect(contentsOf(fs)).toEqual(contentsOf(recorded))
    const inlineMax = Math.min(profile.cacheSize, blockSize / 8, profile.attrMax)
    for (const { type, size, isInline } of contentsOf(recorded)) {
      expect(isInline).toBe(type === 'file' && size <= inlineMax)
    }
    const { progSize, eraseValue } = profile
    expect(checkLittlefs(built, { blockSize, progSize, eraseValue })).toEqual([])
    expect(built[built.length - 1]).toBe(eraseValue)
    expect(Number(manifest.eraseValue)).toBe(ERASED_BY_TOOL.get(golden) ?? eraseValue)
    expect(image[image.length - 1]).toBe(Number(manifest.eraseValue))
  })

  const itWithTimes = times ? it : undefined
  itWithTimes?.('writes times as the platform does', async () => {
    const recorded = LittleFS.mountSync(new MemoryDevice(image, { blockSize }), { nameMax: 255 })
    const stamped = [...recorded.walkSync()].filter(({ attributes }) => attributes.has(0x74))
    const entries = stamped.map(({ path, type }) =>
      type === 'file' ? { path, data: 'x', mtime: TIME } : { path, mtime: TIME },
    )
    const options = optionsOfProfile(profile, { blockSize, blockCount })
    const built = await buildImage(entries, { ...options, blockCount })
    const fs = LittleFS.mountSync(new MemoryDevice(built, { blockSize }))
    expect(stamped.length > 0).toBe(profile.times !== 'none')
    for (const { path, attributes } of stamped) {
      const written = fs.getAttributesSync(path)
      expect([...written.keys()]).toEqual(profile.creationBytes === 0 ? [0x74] : [0x63, 0x74])
      for (const [type, bytes] of attributes) expect(written.get(type)).toEqual(bytes)
    }
  })
})

describe.each(DEVICE_PROFILES)('$name', (profile) => {
  const { title, diskVersion } = profile

  it('has sizes that a driver takes, and a name of its own', () => {
    const { readSize, progSize, cacheSize, blockSize } = profile
    expect(cacheSize % readSize).toBe(0)
    expect(cacheSize % progSize).toBe(0)
    expect(blockSize % Math.min(cacheSize, blockSize)).toBe(0)
    expect(DEVICE_PROFILES.filter(({ name }) => name === profile.name)).toEqual([profile])
  })

  const [itOf1, itOf2] = diskVersion === '1' ? [it, undefined] : [undefined, it]
  itOf1?.('takes no littlefs 2', () => {
    expect(() => optionsOfProfile(profile)).toThrow(`${title} takes littlefs 1`)
    const facts = { blockSize: profile.blockSize, nameMax: 255, fileMax: 1, attrMax: 1 }
    expect(codesOf(judgeForProfile(profile, { ...facts, diskVersion: '2.0' }))).toEqual([
      'DEVICE_REFUSES_VERSION',
    ])
  })

  itOf2?.('builds what it mounts, and judges so', async () => {
    const sizeBytes = 64 * profile.blockSize
    const options = optionsOfProfile(profile, { sizeBytes })
    const { blockSize = 0, blockCount = 0 } = options
    const entries = [
      { path: '/d', type: 'directory' as const, mtime: TIME },
      { path: '/d/f', data: new Uint8Array(600), mtime: TIME },
    ]
    const built = await buildImage(entries, { ...options, blockCount })
    expect(built.length).toBe(sizeBytes)
    const fs = LittleFS.mountSync(new MemoryDevice(built, { blockSize }))
    const info = fs.info()
    expect(judgeForProfile(profile, info)).toEqual([])
    expect(fs.dfSync().usedBlocks).toBe((await planImage(entries, options)).blocksNeeded)
    const stats = fs.statSync('/d/f')
    if (profile.times !== 'none') expect(stats.mtimeMs).toBe(TIME * 1000)
    else expect(fs.getAttributesSync('/d/f').size).toBe(0)

    const long = { path: `/${'n'.repeat(profile.nameMax + 1)}`, data: 'x' }
    expect((await planImage([long], options)).problems).toMatchObject([{ code: 'ENAMETOOLONG' }])

    const nameMax = (profile.driverNameMax ?? profile.nameMax) + 1
    expect(codesOf(judgeForProfile(profile, { ...info, nameMax }))).toEqual([
      'DEVICE_REFUSES_LIMIT',
    ])
    const other = judgeForProfile(profile, { ...info, blockSize: 24 })
    expect(codesOf(other)).toContain('DEVICE_REFUSES_BLOCK_SIZE')
    expect(() => optionsOfProfile(profile, { blockSize: 24 })).toThrow(title)
    const version = diskVersion === '2.0' ? '2.1' : '2.0'
    expect(codesOf(judgeForProfile(profile, { ...info, diskVersion: version }))).toEqual([
      diskVersion === '2.0' ? 'DEVICE_REFUSES_VERSION' : 'DEVICE_RAISES_VERSION',
    ])
  })
})

function codesOf(findings: readonly { code: string }[]): string[] {
  return findings.map(({ code }) => code)
}

function byPath(a: { path: string }, b: { path: string }): number {
  return a.path < b.path ? -1 : 1
}

describe('docs/profiles.md', () => {
  const page = readFileSync(new URL('../../../docs/profiles.md', import.meta.url), 'utf8')

  it('has a row on every profile, in order, as the table has it', () => {
    const rows = page.split('\n').filter((line) => line.startsWith('| `'))
    const profileRows = rows.filter((line) => line.split('|').length === COLUMNS + 2)
    expect(profileRows).toEqual(DEVICE_PROFILES.map(rowOf))
  })
})

const COLUMNS = 9

function rowOf(profile: DeviceProfile): string {
  const { name, title, blockSize, blockSizes, small, readSize, progSize, cacheSize } = profile
  const {
    nameMax,
    driverNameMax = nameMax,
    diskVersion,
    times,
    creationBytes,
    eraseValue,
  } = profile
  const others = blockSizes === 'any' ? `${blockSize}, the flash's` : blockSizes.join(', ')
  const blocks = small === undefined ? others : `${blockSize}; ${small.blockSize} below 512 KiB`
  const names = driverNameMax === nameMax ? `${nameMax}` : `${nameMax}, driver ${driverNameMax}`
  const kept = times === 'none' ? 'none' : `\`${times}\`${creationBytes === 0 ? '' : ' and `c`'}`
  const erased = `0x${eraseValue.toString(16)}`
  const sizes = `${readSize}, ${progSize}, ${cacheSize}`
  const cells = [`\`${name}\``, title, blocks, sizes, profile.blockCycles, names]
  return `| ${[...cells, diskVersion, kept, erased].join(' | ')} |`
}
