/**
 * Migration in place, cut at every request: the littlefs 1 or the littlefs 2, whole, and a second run
 * finishes.
 */

import { MemoryDevice } from '@caravan/device'
import { LittleFS, LittleFS1, migrateInPlaceSync, migrateToImage } from '@caravan/littlefs'
import { checkLittlefs, Random, seedFromEnvironment } from '@caravan/testkit'
import { describe, expect, it } from 'vitest'
import { DIRECTORY, FILE, Version1Image, version1Case, version1Image } from './version1-images.js'
import { drawVersion1 } from './version1-made.js'
import { cutMigration, now, version1Tree } from './version1-run.js'

const NAMES = ['churn-dirs', 'rename-failed', 'field-adafruit-rmdir-r', 'fresh-512', 'dir-20-128']

describe('cut at every request', () => {
  it.each(NAMES)('%s', (name) => {
    const { blockSize, blockCount, readSize, progSize } = version1Case(name)
    const bytes = version1Image(name)
    const tree = version1Tree(bytes, blockSize)
    const image = { bytes, tree, geometry: { blockSize, blockCount, readSize, progSize } }
    const counts = { version1: 0, version2: 0, refused: 0 }
    const random = new Random(seedFromEnvironment().seed)
    expect(cutMigration(image, random, counts)).toBeUndefined()
    expect(counts.refused).toBe(0)
    expect(counts.version1).toBeGreaterThan(3)
    expect(counts.version2).toBeGreaterThan(3)
  })

  it('images that are made at random', () => {
    const { seed, runs } = seedFromEnvironment(3)
    const counts = { version1: 0, version2: 0, refused: 0 }
    for (let run = 0; run < runs; run++) {
      const own = (seed + run) >>> 0
      const random = new Random(own)
      expect(cutMigration(drawVersion1(random), random, counts), `seed ${own}`).toBeUndefined()
    }
    expect(counts.version1).toBeGreaterThan(3 * runs)
  })
})

describe('a superblock half erased by a cut', () => {
  const NAME = 'field-adafruit-rmdir-r'
  const { blockSize } = version1Case(NAME)

  /** Images cut in an erase of a superblock: its magic is left, and a size that nobody wrote. */
  function halfErased(): Uint8Array<ArrayBuffer>[] {
    const images: Uint8Array<ArrayBuffer>[] = []
    const image = version1Image(NAME)
    const device = new (class extends MemoryDevice {
      override erase(blocks: readonly number[]): void {
        for (const block of blocks.filter((each) => each < 2)) {
          const start = block * blockSize
          images.push(image.slice().fill(0xff, start, start + 32))
        }
        super.erase(blocks)
      }
    })(image, { blockSize })
    migrateInPlaceSync(device)
    return images
  }

  it('is not asked for the block size: the sound one beside it is', () => {
    const before = version1Tree(version1Image(NAME), blockSize)
    const versions = halfErased().map((image) => {
      const { version, tree, errors } = now(image, blockSize)
      expect(errors).toEqual([])
      expect(tree).toEqual(before)
      const device = new MemoryDevice(image)
      if (version === 1) migrateInPlaceSync(device)
      else expect(() => migrateInPlaceSync(device)).toThrow(/This is a littlefs 2/)
      expect(now(image, blockSize)).toEqual({ version: 2, tree: before, errors: [] })
      return version
    })
    expect(versions).toEqual([1, 2])
  })
})

describe('what is migrated in place', () => {
  it('is an ordinary littlefs 2, which goes on being written to', () => {
    const image = version1Image('churn-512')
    const before = version1Tree(image, 512)
    const device = new MemoryDevice(image, { blockSize: 512 })
    const { entryCount, wasMigrated } = migrateInPlaceSync(device)
    expect(entryCount).toBe(before.length - 1)
    expect(wasMigrated).toBe(false)
    const fs = LittleFS.mountSync(device)
    fs.writeFileSync('/new', 'text')
    for (const line of before) {
      const [path = '', type] = line.split(' ')
      if (type === 'file') fs.writeFileSync(path, 'changed')
    }
    fs.unmountSync()
    const after = LittleFS.mountSync(device, { readOnly: true })
    expect(after.readFileSync('/new', 'utf8')).toBe('text')
    expect(checkLittlefs(image, { blockSize: 512, blockCount: 128 })).toEqual([])
  })

  it('needs no free block where everything fits in halves that are not in force', () => {
    const image = new Version1Image(512, 5)
    image.block(2, { entries: [] })
    image.block(3, {
      revision: 2,
      entries: [
        { type: FILE, data: [4, 5], name: 'full' },
        { type: FILE, data: [0xffffffff, 0], name: 'empty' },
      ],
    })
    image.bytes.set(Buffer.from('hello'), 4 * 512)
    const device = new MemoryDevice(image.bytes, { blockSize: 512 })
    migrateInPlaceSync(device)
    const fs = LittleFS.mountSync(device, { readOnly: true })
    expect(fs.readdirSync('/')).toEqual(['empty', 'full'])
    expect(fs.readFileSync('/full', 'utf8')).toBe('hello')
    expect(fs.readFileSync('/empty', 'utf8')).toBe('')
  })

  it('gets times where told, in the dialect that is told', () => {
    const time = { dialect: 't8', mtimeNs: 1_700_000_000_000_000_000n } as const
    const image = version1Image('field-mbed-default')
    const device = new MemoryDevice(image, { blockSize: 512 })
    migrateInPlaceSync(device, { time })
    const fs = LittleFS.mountSync(device, { readOnly: true })
    const files = [...fs.walkSync('/')].filter(({ type }) => type === 'file')
    expect(files.length).toBeGreaterThan(5)
    for (const { path } of files) expect(fs.statSync(path).mtimeMs).toBe(1_700_000_000_000)
  })

  it('refuses what is damaged, and writes nothing', () => {
    for (const name of ['corrupt-dir-both', 'corrupt-ctz-pointer', 'corrupt-name-slash']) {
      const image = version1Image(name)
      const before = image.slice()
      const device = new MemoryDevice(image, { blockSize: 512 })
      expect(() => migrateInPlaceSync(device)).toThrow(/is damaged, and is not migrated in place/)
      expect(Buffer.compare(image, before)).toBe(0)
    }
  })

  it('refuses a littlefs 2, which it is already', () => {
    const device = new MemoryDevice(version1Image('v2-migrated'), { blockSize: 512 })
    expect(() => migrateInPlaceSync(device)).toThrow(/This is a littlefs 2/)
  })
})

describe('migration into a new image', () => {
  it('gets what can be read, and names what is lost', async () => {
    const device = new MemoryDevice(version1Image('corrupt-dir-both'), { readOnly: true })
    const { bytes, problems } = await migrateToImage(device)
    expect(problems).toEqual([
      { path: '/docs', isLost: true, what: expect.stringContaining('good checksum') },
    ])
    const fs = LittleFS.mountSync(new MemoryDevice(bytes, { readOnly: true }))
    expect(fs.readdirSync('/cfg')).toHaveLength(24)
    expect(fs.readdirSync('/docs')).toEqual([])
  })

  it('keeps a name that no path leads to under another', async () => {
    const device = new MemoryDevice(version1Image('corrupt-name-slash'), { readOnly: true })
    const { bytes, problems } = await migrateToImage(device)
    expect(problems.map(({ path, isLost }) => `${path} ${isLost}`)).toEqual(['/bo/t false'])
    const fs = LittleFS.mountSync(new MemoryDevice(bytes, { readOnly: true }))
    expect(fs.readFileSync('/bo%2Ft')).toHaveLength(31)
  })

  it('of what a migration in place has left behind its last step, takes the littlefs 2', async () => {
    const image = version1Image('base')
    const cut = new CutBehind(image, 2)
    expect(() => migrateInPlaceSync(cut)).toThrow(/The device failed/)
    const left = new MemoryDevice(image, { blockSize: 512 })
    expect(LittleFS1.recognisesSync(left)).toBe(false)
    const fs = LittleFS.mountSync(left)
    fs.writeFileSync('/boot', 'changed since')
    fs.unmountSync()
    const { bytes } = await migrateToImage(left)
    const made = LittleFS.mountSync(new MemoryDevice(bytes, { readOnly: true }))
    expect(made.readFileSync('/boot', 'utf8')).toBe('changed since')
  })

  it('directories in a loop are left out', async () => {
    const image = new Version1Image(512, 8)
    const loop = { type: DIRECTORY, data: [2, 3], name: 'round' }
    image.block(2, { entries: [loop, { type: FILE, data: [0xffffffff, 0], name: 'f' }] })
    const { bytes, problems } = await migrateToImage(new MemoryDevice(image.bytes))
    expect(problems.map(({ path }) => path)).toEqual(['/round'])
    const fs = LittleFS.mountSync(new MemoryDevice(bytes, { readOnly: true }))
    expect(fs.readdirSync('/')).toEqual(['f', 'round'])
  })
})

class Cut extends Error {}

/** Power goes when the superblocks' pair is erased for the n-th time. */
class CutBehind extends MemoryDevice {
  private left: number

  constructor(image: Uint8Array<ArrayBuffer>, count: number) {
    super(image, { blockSize: 512 })
    this.left = count
  }

  override erase(blocks: readonly number[]): void {
    if (blocks.some((block) => block < 2) && --this.left === 0) throw new Cut()
    super.erase(blocks)
  }
}
