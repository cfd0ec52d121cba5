/** Mounting: which images, with which options, and what is said about the others. */

import { FormatError } from '@caravan/core'
import { MemoryDevice } from '@caravan/device'
import { describe, expect, it } from 'vitest'
import { type MountOptions, ReferenceFS } from '../src/index.js'
import { cleanNames, deviceOf, imageOf, manifestOf } from './golden-images.js'

const thrown = (call: () => unknown): unknown => {
  try {
    call()
  } catch (error) {
    return error
  }
  return undefined
}

/** What a mount without a word about the image finds. */
function mountImage(image: Uint8Array, options: MountOptions = {}): ReferenceFS {
  return ReferenceFS.mountSync(new MemoryDevice(image), options)
}

describe('what the superblock says', () => {
  it('is shown by info: every clean image', () => {
    for (const name of cleanNames) {
      const { blockSize, blockCount, nameMax, fileMax, attrMax, diskVersion } = manifestOf(name)
      const info = ReferenceFS.mountSync(deviceOf(name)).info()
      const expected = { blockSize, blockCount, nameMax, fileMax, attrMax, diskVersion }
      expect(info, name).toMatchObject(expected)
      expect(info.needsSuperblock, name).toBe(diskVersion === '2.0')
    }
  })

  it('finds the root where the superblock was moved to: superblock-expanded-twice', () => {
    const { rootPair } = ReferenceFS.mountSync(deviceOf('superblock-expanded-twice')).info()
    expect(rootPair).toEqual([38, 35])
  })

  it('is told where the block size given cuts its commits', async () => {
    const { image, blockSize } = { image: imageOf('field-esp-idf-2.1'), blockSize: 4096 }
    for (const other of [128, 256, 512, 2048, 8192]) {
      expect(
        thrown(() => mountImage(image, { blockSize: other })),
        String(other),
      ).toMatchObject({
        code: 'WRONG_GEOMETRY',
        message: expect.stringContaining(`Give ${blockSize}, or none to have it found.`),
      })
    }
  })

  it('must agree with the block size given', () => {
    const error = thrown(() => mountImage(imageOf('corrupt-none'), { blockSize: 1024 }))
    expect(error).toMatchObject({ name: 'FormatError', code: 'WRONG_GEOMETRY' })
    expect(String(error)).toContain(
      'The superblock says blocks of 512 bytes, and the block size given is 1024. Give 512, or none to have it found.',
    )
    const half = thrown(() => mountImage(imageOf('corrupt-none'), { blockSize: 256 }))
    expect(String(half)).toContain('says blocks of 512 bytes, and the block size given is 256')
  })

  it('must agree with the block count given', () => {
    const image = imageOf('corrupt-none')
    expect(mountImage(image, { blockCount: 64 }).info().blockCount).toBe(64)
    const error = thrown(() => mountImage(image, { blockCount: 63 }))
    expect(error).toMatchObject({ name: 'FormatError', code: 'WRONG_GEOMETRY' })
    expect(String(error)).toContain('says 64 blocks, and the block count given is 63')
  })

  it.each([
    ['nameMax', 254, 255],
    ['fileMax', 1000, 2147483647],
    ['attrMax', 1021, 1022],
  ] as const)('may not allow more than the driver: %s', (limit, most, said) => {
    const image = imageOf('corrupt-none')
    const error = thrown(() => mountImage(image, { [limit]: most }))
    expect(error).toMatchObject({ name: 'FormatError', code: 'UNSUPPORTED_LIMIT' })
    expect(String(error)).toContain(`a ${limit} of ${said}, and at most ${most} is accepted`)
    expect(mountImage(image, { [limit]: said }).info()[limit]).toBe(said)
  })

  it('limits names by itself where it is stricter: the image limits', () => {
    const { nameMax, attrMax, fileMax } = manifestOf('limits')
    const fs = ReferenceFS.mountSync(deviceOf('limits'))
    expect(fs.info()).toMatchObject({ nameMax, attrMax, fileMax })
    expect(nameMax).toBeLessThan(255)
    expect(() => fs.writeFileSync(`/${'x'.repeat(nameMax + 1)}`, '')).toThrow(
      expect.objectContaining({ code: 'ENAMETOOLONG' }),
    )
    expect(() => fs.setAttributeSync('/', 1, new Uint8Array(attrMax + 1))).toThrow(
      expect.objectContaining({ code: 'ENOSPC' }),
    )
    expect(() => fs.truncateSync('/new', fileMax + 1)).toThrow()
  })

  it('may be of a version that is accepted', () => {
    const two0 = { diskVersion: '2.0' } as const
    expect(thrown(() => mountImage(imageOf('diskver-2.1'), two0))).toMatchObject({
      name: 'FormatError',
      code: 'UNSUPPORTED_VERSION',
    })
    expect(mountImage(imageOf('diskver-2.0'), two0).info()).toMatchObject({
      diskVersion: '2.0',
      needsSuperblock: false,
    })
    for (const name of ['corrupt-version-1.7', 'corrupt-version-2.2', 'corrupt-version-3.0']) {
      const error = thrown(() => mountImage(imageOf(name)))
      expect(error, name).toMatchObject({ code: 'UNSUPPORTED_VERSION' })
      expect(String(error)).toContain(`version ${name.slice(-3)} on disk`)
    }
  })
})

describe('options that cannot be', () => {
  it.each([
    { nameMax: 1023 },
    { nameMax: 0 },
    { fileMax: 2 ** 31 },
    { attrMax: 1023 },
    { attrMax: 1.5 },
    { inlineMax: 65 },
    { inlineMax: -1 },
    { metadataMax: 513 },
    { metadataMax: 0 },
    { cacheSize: 0 },
    { blockCycles: -2 },
  ])('are refused: %j', (options) => {
    const error = thrown(() => mountImage(imageOf('corrupt-none'), options))
    expect(error).toMatchObject({ name: 'MisuseError', code: 'INVALID_ARGUMENT' })
    const [[name, value]] = Object.entries(options) as [[string, number]]
    expect(String(error)).toContain(`${name} is ${value}: give a whole number`)
  })

  it('a block size below what the format needs', () => {
    const error = thrown(() => mountImage(imageOf('fresh-128-ff'), { blockSize: 64 }))
    expect(error).toMatchObject({ name: 'FormatError', code: 'WRONG_GEOMETRY' })
  })
})

describe('the block size', () => {
  it('is found in every clean image', () => {
    for (const name of cleanNames) {
      const { blockSize } = manifestOf(name)
      expect(mountImage(imageOf(name)).info().blockSize, name).toBe(blockSize)
    }
  })

  it('is found where block 0 is erased, or noise: every clean image whose block 1 has a superblock', () => {
    let count = 0
    for (const name of cleanNames) {
      const { blockSize } = manifestOf(name)
      for (const value of [0xff, 0x00, 0x6c]) {
        const image = imageOf(name)
        image.fill(value, 0, blockSize)
        const fs = thrown(() => mountImage(image, { blockSize })) ?? mountImage(image)
        // Where the lost half was the only one with the superblock, nobody finds it.
        if (!(fs instanceof ReferenceFS)) continue
        expect(fs.info().blockSize, name).toBe(blockSize)
        count++
      }
    }
    expect(count).toBeGreaterThan(150)
  })

  it('is found in the second superblock where the first one is damaged', () => {
    const image = imageOf('field-esp-idf-2.1')
    // The block size in the first superblock, under a CRC that no longer fits.
    image[25] = 0x20
    const fs = mountImage(image)
    expect(fs.info()).toMatchObject({ blockSize: 4096, rootPair: [1, 0] })
    const whole = mountImage(imageOf('field-esp-idf-2.1'))
    expect(fs.readdirSync('/')).toEqual(whole.readdirSync('/'))
  })

  it.each([128, 130, 132, 384, 1000, 3072, 4104, 100_000])('may be %d bytes', (blockSize) => {
    for (const lost of [undefined, 0, 1]) {
      const device = new MemoryDevice({ blockSize, blockCount: 20 })
      ReferenceFS.formatSync(device)
      ReferenceFS.mountSync(device).writeFileSync('/x', 'x'.repeat(300))
      if (lost !== undefined) device.erase([lost])
      // Where block 0 is lost, only sizes that are multiples of 4 bytes are looked for.
      const options = blockSize % 4 !== 0 && lost === 0 ? { blockSize } : {}
      const fs = mountImage(device.bytes, options)
      expect(fs.info().blockSize).toBe(blockSize)
    }
  })

  it('that the image says must fit the device', () => {
    const device = new MemoryDevice(imageOf('corrupt-none'), { blockSize: 1024, progSize: 1024 })
    expect(thrown(() => ReferenceFS.mountSync(device))).toMatchObject({
      name: 'FormatError',
      code: 'WRONG_GEOMETRY',
    })
  })

  it('is not guessed where there is no littlefs', () => {
    for (const image of [
      new Uint8Array(0),
      new Uint8Array(100),
      new Uint8Array(100_000),
      new Uint8Array(70_000).fill(0xff),
      new TextEncoder().encode('littlefs '.repeat(5000)),
    ]) {
      const error = thrown(() => mountImage(image))
      expect(error).toBeInstanceOf(FormatError)
      expect(error).toMatchObject({ code: 'NOT_LITTLEFS' })
      expect(String(error)).toContain('Check that this is a littlefs image')
    }
  })
})

describe('metadata that cannot be', () => {
  it.each([
    ['corrupt-root-tail-self', 'TAIL_CYCLE'],
    ['corrupt-tail-cycle-self', 'TAIL_CYCLE'],
    ['corrupt-tail-cycle-to-root', 'TAIL_CYCLE'],
    ['corrupt-tail-out-of-range', 'CORRUPT_PAIR'],
    ['corrupt-root-both-noise', 'NOT_LITTLEFS'],
    ['corrupt-root-both-crc-bad', 'NOT_LITTLEFS'],
    ['corrupt-one-block', undefined],
  ])('is refused and ends: %s', (name, code) => {
    const error = thrown(() => mountImage(imageOf(name)))
    expect(error).toBeInstanceOf(FormatError)
    if (code !== undefined) expect(error).toMatchObject({ code })
  })

  it('of one half is borne: corrupt-root-one-erased', () => {
    const damaged = mountImage(imageOf('corrupt-root-one-erased'))
    expect(damaged.readdirSync('/')).toEqual(mountImage(imageOf('corrupt-none')).readdirSync('/'))
  })
})
