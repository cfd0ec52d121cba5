import { MemoryDevice } from '@caravan/device'
import { buildImage, ChamelonVolume, chamelonEntries, LittleFS } from '@caravan/littlefs'
import { checkLittlefs, propertyParameters } from '@caravan/testkit'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ChamelonImage } from './chamelon-image.js'

function mounted(image: ChamelonImage): ChamelonVolume {
  return ChamelonVolume.mountSync(new MemoryDevice(image.bytes, { readOnly: true }))
}

function textAt(volume: ChamelonVolume, key: string): string {
  return new TextDecoder().decode(volume.getSync(key))
}

function pattern(size: number, seed = 1): Uint8Array {
  return Uint8Array.from({ length: size }, (_, i) => (i * 31 + (i >> 8) + seed) & 0xff)
}

const problemsOf = (volume: ChamelonVolume) =>
  volume.problems.map(({ kind, key }) => `${kind} ${key}`)

/** A dictionary `/s` of 27 keys in three pairs, at blocks 64, 66 and 68. */
function threePairs(): ChamelonImage {
  const image = new ChamelonImage(512, 256)
  image.dictionary(0, 1, 's', 64)
  for (let i = 0; i < 27; i++) {
    const block = 64 + 2 * Math.floor(i / 9)
    if (i % 9 === 0 && i > 0) image.tail(block - 2, block)
    image.set(block, i + 1, `k${i}`, `v${i}`)
  }
  return image
}

const KEYS = Array.from({ length: 27 }, (_, i) => `k${i}`)

function expectAll(volume: ChamelonVolume, names: readonly string[]): void {
  expect(volume.listSync('/s').map(([name]) => name)).toEqual([...names].sort())
  for (const name of names) expect(textAt(volume, `/s/${name}`)).toBe(name.replace('k', 'v'))
}

describe('what chamelon has lost the way to is found', () => {
  test('nothing lost: all of it, and no problems', () => {
    const volume = mounted(threePairs())
    expectAll(volume, KEYS)
    expect(volume.problems).toEqual([])
  })

  test('a pair that was compacted dropped its tail: the later pairs are still there', () => {
    const image = threePairs()
    image.remove(64, 1)
    image.compactDroppingTail(64)
    expectAll(mounted(image), KEYS.slice(1))
  })

  test('the same, and the dictionary went on into a new pair since', () => {
    const image = threePairs()
    image.remove(64, 1)
    image.compactDroppingTail(64)
    image.tail(64, 70)
    image.set(70, 10, 'k9', 'again')
    image.set(70, 11, 'new', 'n')
    const volume = mounted(image)
    expect(textAt(volume, '/s/k9')).toBe('again')
    expect(textAt(volume, '/s/new')).toBe('n')
    for (const name of KEYS.slice(10))
      expect(textAt(volume, `/s/${name}`)).toBe(`v${name.slice(1)}`)
  })

  test('the middle of the chain lost its tail; what was deleted there stays deleted', () => {
    const image = threePairs()
    image.remove(68, 20)
    image.remove(66, 12)
    image.compactDroppingTail(66)
    expectAll(
      mounted(image),
      KEYS.filter((name) => name !== 'k11' && name !== 'k19'),
    )
  })

  test('two dictionaries with the same ids get each its own', () => {
    const image = threePairs()
    image.dictionary(0, 2, 't', 80)
    for (let i = 0; i < 18; i++) {
      const block = 80 + 2 * Math.floor(i / 9)
      if (i === 9) image.tail(80, 82)
      image.set(block, i + 1, `t${i}`, 'x')
    }
    image.compactDroppingTail(64)
    image.compactDroppingTail(80)
    const volume = mounted(image)
    expectAll(volume, KEYS)
    expect(volume.listSync('/t').length).toBe(18)
  })

  test('a dictionary that was removed stays removed, all of its pairs', () => {
    const image = threePairs()
    image.set(0, 2, 'other', 'x')
    image.remove(0, 1)
    const volume = mounted(image)
    expect(volume.listSync('/')).toEqual([['other', 'value']])
    expect(volume.problems).toEqual([])
  })

  test('a dictionary whose entry was lost is found with it', () => {
    const image = threePairs()
    image.dictionary(68, 28, 'inner', 90)
    image.set(90, 1, 'deep', 'here')
    image.compactDroppingTail(64)
    expect(textAt(mounted(image), '/s/inner/deep')).toBe('here')
  })

  test('entries that share the last id', () => {
    const image = new ChamelonImage(4096, 64)
    image.dictionary(0, 1, 's', 10)
    image.set(10, 0x3fe, 'before', 'b')
    for (let i = 0; i < 20; i++) image.set(10, 0x3ff, `k${i}`, `v${i}`)
    image.set(10, 0x3ff, 'k3', 'again', 0x3ff)
    const volume = mounted(image)
    expect(volume.listSync('/s').length).toBe(21)
    expect(textAt(volume, '/s/k3')).toBe('again')
    expect(textAt(volume, '/s/k4')).toBe('v4')
  })

  test.each([
    [4096, 1023],
    [4096, 1024],
    [8192, 1500],
    [8192, 2047],
    [8192, 2048],
    [16384, 4096],
  ])('an inline value whose length was cut: block %d, %d bytes', (blockSize, size) => {
    const image = new ChamelonImage(blockSize, 64)
    image.set(0, 1, 'before', 'b')
    image.set(0, 2, 'cut', pattern(size))
    image.set(0, 3, 'after', 'a')
    const volume = mounted(image)
    expect(volume.getSync('/cut')).toEqual(pattern(size))
    expect(textAt(volume, '/after')).toBe('a')
    expect(volume.problems).toEqual([])
  })
})

describe('what is lost is told by its name', () => {
  test('a value whose first block a later one took', () => {
    const image = new ChamelonImage(512, 256)
    image.setInBlocks(0, 1, 'first', pattern(900, 1), [100, 101])
    image.setInBlocks(0, 2, 'second', pattern(900, 2), [100, 102])
    image.setInBlocks(0, 3, 'third', pattern(900, 3), [103, 104])
    image.setInBlocks(0, 4, 'replaced', pattern(400, 4), [103])
    image.set(0, 5, 'replaced', 'short', 4)
    const volume = mounted(image)
    expect(problemsOf(volume)).toEqual(['lost /first', 'lost /third'])
    expect(volume.getSync('/second')).toEqual(pattern(900, 2))
    expect(volume.listSync('/').map(([name]) => name)).toEqual(['replaced', 'second'])
  })

  test('a name without content, and a pointer that leads nowhere', () => {
    const image = new ChamelonImage(512, 256)
    image.commit(0, [[0x001, 1, new TextEncoder().encode('bare')]])
    image.setInBlocks(0, 2, 'broken', pattern(900), [100, 101])
    new DataView(image.bytes.buffer).setUint32(101 * 512, 9999, true)
    image.dictionary(0, 3, 'gone', 120)
    const volume = mounted(image)
    expect(problemsOf(volume).sort()).toEqual(['lost /bare', 'lost /broken', 'lost /gone'])
    expect(volume.existsSync('/bare')).toBeUndefined()
  })

  test('a key that was renamed to itself; one that was removed is no loss', () => {
    const image = new ChamelonImage(512, 64)
    image.set(0, 1, 'self', 'same')
    image.set(0, 2, 'self', 'same', 1)
    image.remove(0, 2)
    image.set(0, 3, 'other', 'one')
    image.set(0, 4, 'other', 'two', 3)
    image.remove(0, 4)
    expect(problemsOf(mounted(image))).toEqual(['lost /self'])
  })

  test('a pair that belongs to nothing that is left', () => {
    const image = new ChamelonImage(512, 256)
    image.set(0, 1, 'a', 'x')
    image.set(40, 77, 'stray', 'y')
    const volume = mounted(image)
    expect(problemsOf(volume)).toEqual(['unplaced stray'])
    expect(volume.problems[0]?.message).toContain('block 40')
  })

  test('a flipped bit: the other half where there is one, else told', () => {
    const image = threePairs()
    const at = Buffer.from(image.bytes).indexOf('v3')
    const once = image.bytes.slice()
    once[at] = (once[at] as number) ^ 1
    const volume = ChamelonVolume.mountSync(new MemoryDevice(once))
    expectAll(volume, KEYS)
    once[at + 512] = (once[at + 512] as number) ^ 1
    const both = ChamelonVolume.mountSync(new MemoryDevice(once))
    expect(problemsOf(both)).toContain('doubtful /s/k3')
  })
})

describe('its lists of blocks', () => {
  test.each([1, 508, 512, 513, 1020, 1021, 1528, 1529, 2036, 2544, 3500, 4068, 9000, 40_000])(
    'a value of %d bytes',
    (size) => {
      const image = new ChamelonImage(512, 256)
      image.setInBlocks(
        0,
        1,
        'v',
        pattern(size),
        Array.from({ length: 100 }, (_, i) => 250 - i),
      )
      const volume = mounted(image)
      expect(volume.getSync('/v')).toEqual(pattern(size))
      for (const [offset, length] of [
        [0, 10],
        [505, 20],
        [1500, 600],
        [size - 1, 5],
        [size, 5],
      ] as const) {
        const part = pattern(size).subarray(offset, offset + length)
        expect(volume.getPartialSync('/v', { offset, length })).toEqual(part)
      }
    },
  )
})

describe('which is whose', () => {
  test('a littlefs with the same limits is none of chamelon', async () => {
    const device = new MemoryDevice({ blockSize: 512, blockCount: 64 })
    LittleFS.formatSync(device, { diskVersion: '2.0', nameMax: 32 })
    expect(await ChamelonVolume.recognises(device)).toBe(false)
    const fs = LittleFS.mountSync(device)
    fs.writeFileSync('/a', 'x')
    fs.mkdirSync('/d')
    for (let i = 0; i < 100; i++) fs.writeFileSync(`/d/${i % 7}`, `${i}`)
    expect(await ChamelonVolume.recognises(device)).toBe(false)
    expect(() => ChamelonVolume.mountSync(device)).toThrow(
      expect.objectContaining({ code: 'NOT_CHAMELON' }),
    )
  })

  test('a fresh volume is recognised, and refuses changes with the way out', async () => {
    const image = new ChamelonImage(4096, 64)
    const volume = mounted(image)
    expect(volume.listSync('/')).toEqual([])
    for (const change of [
      () => volume.setSync('/a'),
      () => volume.setPartialSync('/a'),
      () => volume.allocateSync('/a'),
      () => volume.removeSync('/a'),
      () => volume.renameSync('/a'),
      () => volume.batchSync(),
    ]) {
      expect(change).toThrow(
        expect.objectContaining({
          code: 'ReadOnly',
          message: expect.stringContaining('caravan convert IMAGE NEW'),
        }),
      )
    }
    expect(() => LittleFS.mountSync(new MemoryDevice(image.bytes))).toThrow(
      expect.objectContaining({ code: 'CHAMELON_VOLUME' }),
    )
  })
})

test('converted it is sound, and holds the same with its times', async () => {
  const image = threePairs()
  image.setInBlocks(
    0,
    2,
    'large',
    pattern(5000),
    Array.from({ length: 20 }, (_, i) => 150 + i),
  )
  image.dictionary(0, 3, 'empty', 100)
  image.commit(100, [])
  const volume = mounted(image)
  const layout = { blockSize: 512, blockCount: 256 }
  const converted = await buildImage(chamelonEntries(volume), layout)
  expect(checkLittlefs(converted, layout)).toEqual([])
  const kv = LittleFS.mountSync(new MemoryDevice(converted)).keyValue()
  expect(kv.digestSync('/')).toEqual(volume.digestSync('/'))
  expect([...kv.entriesSync('/')]).toEqual([...volume.entriesSync('/')])
  for (const [key] of volume.entriesSync('/')) {
    expect(kv.lastModifiedSync(key)).toEqual(volume.lastModifiedSync(key))
    expect(kv.sizeSync(key)).toBe(volume.sizeSync(key))
  }
})

test('damaged anywhere, it answers or refuses with an error that says why', () => {
  const image = threePairs()
  image.setInBlocks(
    0,
    2,
    'large',
    pattern(5000),
    Array.from({ length: 20 }, (_, i) => 150 + i),
  )
  const change = fc.tuple(fc.nat(image.bytes.length - 1), fc.nat(255))
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 40 }), (changes) => {
      const bytes = image.bytes.slice()
      // Most of the image is empty: what is hit is mostly where something is.
      for (const [at, byte] of changes) bytes[at % 2 === 0 ? at : at % (72 * 512)] = byte
      try {
        const volume = ChamelonVolume.mountSync(new MemoryDevice(bytes), { blockSize: 512 })
        volume.digestSync('/')
      } catch (error) {
        expect(error).toMatchObject({
          name: expect.stringMatching(/^(Format|Device|KeyValue)Error$/),
        })
      }
    }),
    propertyParameters(60),
  )
})

test.each([512, 4096])('the root itself lost its tail, blocks of %d', (blockSize) => {
  const image = new ChamelonImage(blockSize, 128)
  let id = 0
  for (const block of [0, 40, 42, 44]) {
    if (block > 0) image.tail(block === 40 ? 0 : block - 2, block)
    for (let i = 0; i < 6; i++) image.set(block, ++id, `k${id}`, `v${id}`)
  }
  image.remove(0, 1)
  image.compactDroppingTail(0)
  image.tail(0, 60)
  image.commit(60, [])
  const volume = mounted(image)
  expect(volume.listSync('/')).toHaveLength(23)
  for (let i = 2; i <= 24; i++) expect(textAt(volume, `/k${i}`)).toBe(`v${i}`)
  expect(volume.problems).toEqual([])
})
