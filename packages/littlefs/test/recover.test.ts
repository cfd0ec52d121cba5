/** Bringing back what a mount does not show. */

import { MemoryDevice } from '@caravan/device'
import { LittleFS, locate, type RecoveredFile, recover } from '@caravan/littlefs'
import { contentOf, Random, seedFromEnvironment } from '@caravan/testkit'
import { describe, expect, it } from 'vitest'
import { cleanNames, goldenNames, imageOf, manifestOf, sha256 } from './golden-images.js'

const deviceFor = (name: string) => new MemoryDevice(imageOf(name), { readOnly: true })

const fresh = (blockSize = 4096, blockCount = 64) => {
  const device = new MemoryDevice({ blockSize, blockCount })
  LittleFS.formatSync(device)
  return { device, fs: LittleFS.mountSync(device, { times: 'none', blockCycles: -1 }) }
}

async function versionsOf(files: readonly RecoveredFile[], path: string): Promise<string[]> {
  const versions = files.filter((file) => file.path === path)
  return Promise.all(versions.map(async (file) => sha256(await file.content())))
}

describe('removed files and earlier versions', () => {
  it('each with why, how much is left, and its attributes', async () => {
    const { device, fs } = fresh()
    const [one, two, large] = [contentOf(1, 30), contentOf(2, 900), contentOf(3, 9000)]
    fs.writeFileSync('/config', one)
    fs.writeFileSync('/config', two)
    fs.setAttributeSync('/config', 7, new Uint8Array([9]))
    fs.writeFileSync('/gone', large)
    fs.rmSync('/gone')
    fs.writeFileSync('/config', 'now')
    const files = (await recover(device)).filter(({ size }) => size > 0)
    expect(files).toMatchObject([
      { path: '/config', why: 'earlier', left: 'whole', size: 900, sizeLeft: 900 },
      { path: '/config', why: 'earlier', left: 'whole', size: 30 },
      { path: '/gone', why: 'removed', left: 'whole', size: 9000, sizeLeft: 9000 },
    ])
    expect(files[0]?.attributes).toEqual(new Map([[7, new Uint8Array([9])]]))
    expect(await versionsOf(files, '/config')).toEqual([sha256(two), sha256(one)])
    expect(await versionsOf(files, '/gone')).toEqual([sha256(large)])
  })

  it('a block that something else uses by now is lost, the rest is there', async () => {
    const { device, fs } = fresh(512, 32)
    const large = contentOf(3, 6000)
    fs.writeFileSync('/gone', large)
    const [first] = fs.blockUseSync().filter(({ path }) => path === '/gone')
    fs.rmSync('/gone')
    // As a writer would that took the block for something else.
    device.bytes.fill(0xff, 512 * (first?.block ?? 0), 512 * ((first?.block ?? 0) + 1))
    const [gone] = (await recover(device)).filter(({ path, size }) => path === '/gone' && size > 0)
    expect(gone).toMatchObject({ why: 'removed', left: 'partial', size: 6000 })
    const content = (await gone?.content()) ?? new Uint8Array()
    let left = 0
    for (const { start, end } of gone?.ranges ?? []) {
      expect(sha256(content.subarray(start, end))).toBe(sha256(large.subarray(start, end)))
      left += end - start
    }
    expect(left).toBe(gone?.sizeLeft)
    expect(left).toBeGreaterThan(5000)
  })

  it('whatever is called whole is what was once written under that path', async () => {
    const { seed, runs } = seedFromEnvironment(10)
    let found = 0
    for (let run = 0; run < runs; run++) {
      const random = new Random(seed + run)
      // No block is used a second time.
      const { device, fs } = fresh(random.pick([256, 512, 4096]), 4000)
      const written = new Map<string, Set<string>>()
      for (let step = 0; step < 60; step++) {
        const directory = random.pick(['', '/d', '/d/e'])
        const path = `${directory}/f${random.int(5)}`
        if (directory !== '') fs.mkdirSync(directory, { recursive: true })
        if (random.oneIn(5)) fs.rmSync(path, { force: true })
        else if (random.oneIn(25)) fs.rmSync('/d', { recursive: true, force: true })
        else {
          const content = contentOf(random.seed(), random.pick([3, 40, 500, 3000, 9000]))
          fs.writeFileSync(path, content)
          written.set(
            path,
            (written.get(path) ?? new Set([sha256(new Uint8Array())])).add(sha256(content)),
          )
        }
      }
      for (const file of await recover(device)) {
        if (file.left !== 'whole') continue
        const all = file.path.startsWith('/lost+found/')
          ? [...written.values()].flatMap((each) => [...each])
          : [...(written.get(file.path) ?? [])]
        expect(all, `seed ${seed + run}, ${file.path}`).toContain(sha256(await file.content()))
        found++
      }
    }
    expect(found).toBeGreaterThan(5 * runs)
  })
})

describe('lost directories', () => {
  it('of an entry that leads nowhere: its files, under its name', async () => {
    const files = await recover(deviceFor('corrupt-dir-pointer-out-of-range'))
    const lost = files.filter(({ why }) => why === 'lost directory')
    const whole = manifestOf('corrupt-none').entries?.filter(
      ({ path, type }) => type === 'reg' && path.startsWith('/docs/'),
    )
    for (const { path, sha256: sum } of whole ?? []) {
      expect(await versionsOf(lost, path), path).toContain(sum)
    }
    expect(whole?.length).toBeGreaterThan(0)
  })

  it('of a directory that was removed with all in it', async () => {
    const { device, fs } = fresh()
    fs.mkdirSync('/www/img', { recursive: true })
    fs.writeFileSync('/www/img/logo', contentOf(5, 5000))
    fs.rmSync('/www', { recursive: true })
    const files = (await recover(device)).filter(({ size }) => size > 0)
    expect(files).toMatchObject([{ path: '/www/img/logo', why: 'lost directory', left: 'whole' }])
    expect(await versionsOf(files, '/www/img/logo')).toEqual([sha256(contentOf(5, 5000))])
  })

  it('where no superblock is left: with the block size given', async () => {
    const name = 'corrupt-root-both-noise'
    const { blockSize } = manifestOf(name)
    await expect(recover(deviceFor(name))).rejects.toMatchObject({ code: 'NOT_LITTLEFS' })
    const files = await recover(deviceFor(name), { blockSize })
    expect(files.length).toBeGreaterThan(0)
    const sums = new Set(manifestOf('corrupt-none').entries?.map((entry) => entry.sha256))
    const contents = await Promise.all(files.map(async (file) => sha256(await file.content())))
    expect(contents.filter((sum) => sums.has(sum)).length).toBeGreaterThan(0)
    for (const { path } of files) expect(path).toMatch(/^\/lost\+found\/block-\d+\//)
  })
})

describe('any image', () => {
  // The largest take long, and hold nothing that the others do not.
  const images = goldenNames.filter((name) => {
    const { blockSize, blockCount } = manifestOf(name)
    return !name.startsWith('corrupt2') && blockSize * blockCount <= 2 ** 19
  })

  it.each(images)('%s: an answer', async (name) => {
    const { blockSize } = manifestOf(name)
    for (const file of await recover(deviceFor(name), { blockSize })) {
      expect(file.sizeLeft, file.path).toBeLessThanOrEqual(file.size)
      if (file.left !== 'nothing') expect((await file.content()).length).toBe(file.size)
    }
  })
})

describe('a dump of a whole flash', () => {
  const rest = contentOf(1, 0x9000)
  const dumpOf = (image: Uint8Array) =>
    new MemoryDevice(Uint8Array.from([...rest, ...image, ...rest]), { readOnly: true })

  it.each(cleanNames.filter((name) => /^(field|superblock|random|fresh-512|prog-16)/.test(name)))(
    '%s in it is found',
    async (name) => {
      const { blockSize } = manifestOf(name)
      expect(await locate(dumpOf(imageOf(name)))).toMatchObject([{ offset: 0x9000, blockSize }])
    },
  )

  it('the beginning of an older one hides nothing of what was written over its end', async () => {
    const older = imageOf('random-tree-0')
    const { blockSize } = manifestOf('random-tree-0')
    for (const name of ['attrs', 'random-tree-0', 'superblock-expanded']) {
      const later = imageOf(name)
      for (const blocks of [2, 5]) {
        const start = blocks * blockSize
        const dump = new Uint8Array(Math.max(older.length, start + later.length))
        dump.set(older)
        dump.set(later, start)
        const found = await locate(new MemoryDevice(dump, { readOnly: true }))
        expect(found, `${name} behind ${blocks} blocks`).toMatchObject([
          { offset: 0, blockSize },
          { offset: start, blockSize: manifestOf(name).blockSize, isWhole: true },
        ])
        expect(found[1]?.evidence).toContain('in what the one at 0x0 claims')
      }
    }
  })

  it('copies of a superblock that a filesystem has, or had, are no others', async () => {
    const device = new MemoryDevice({ blockSize: 512, blockCount: 64 })
    LittleFS.formatSync(device)
    const fs = LittleFS.mountSync(device, { times: 'none', blockCycles: 1 })
    for (let i = 0; i < 300; i++) fs.writeFileSync(`/f${i % 3}`, `${i}`)
    const image = Uint8Array.from([...device.bytes])
    const text = new TextDecoder('latin1').decode(image)
    expect(text.split('littlefs').length - 1).toBeGreaterThan(4)
    expect(await locate(new MemoryDevice(image))).toMatchObject([{ offset: 0 }])
  })

  it('also by its second superblock alone, and beside another one', async () => {
    const { blockSize } = manifestOf('attrs')
    const image = imageOf('attrs')
    const two = new MemoryDevice(Uint8Array.from([...image, ...rest, ...image]), { readOnly: true })
    expect(await locate(two)).toMatchObject([{ offset: 0 }, { offset: image.length + rest.length }])
    image.fill(0xff, 0, blockSize)
    expect(await locate(dumpOf(image))).toMatchObject([{ offset: 0x9000, blockSize }])
    expect(await locate(new MemoryDevice(Uint8Array.from(rest)))).toEqual([])
  })

  it('with what speaks for each, also where that is little', async () => {
    const { blockSize, blockCount } = manifestOf('attrs')
    const image = imageOf('attrs')
    const sizeBytes = blockSize * blockCount
    expect(await locate(dumpOf(image))).toEqual([
      {
        ...{ offset: 0x9000, blockSize, blockCount, sizeBytes, diskVersion: '2.1' },
        ...{ superblocks: 'both', isSound: true, isWhole: true },
        evidence: ['both superblocks', 'CRC good', 'size plausible'],
      },
    ])
    const cut = new MemoryDevice(image.slice(0, sizeBytes - blockSize), { readOnly: true })
    expect(await locate(cut)).toMatchObject([
      { isWhole: false, evidence: ['both superblocks', 'CRC good', 'ends beyond the dump'] },
    ])
    // A bit of each commit is wrong: the magic stands there still.
    for (const block of [0, 1]) image[block * blockSize + 20] = 0xee
    expect(await locate(dumpOf(image))).toMatchObject([{ isSound: false }])
  })

  it('one whose size cannot be hides nothing of what follows', async () => {
    const { blockSize, blockCount } = manifestOf('attrs')
    const image = imageOf('attrs')
    const cut = image.slice(0, 2 * blockSize)
    const behind = new Uint8Array(2 * blockSize).fill(0xff)
    const dump = Uint8Array.from([...cut, ...behind, ...image])
    const huge = new DataView(dump.buffer)
    for (const block of [0, 1]) {
      const at = dump.indexOf(blockCount, block * blockSize + 8 + 8 + 4 + 8)
      huge.setUint32(at, 0x7fffffff, true)
    }
    const found = await locate(new MemoryDevice(dump))
    expect(found.map(({ offset, isWhole }) => [offset, isWhole])).toEqual([
      [0, false],
      [4 * blockSize, true],
    ])
  })
})
