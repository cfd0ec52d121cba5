/** Images from entries and back: what is built is what was given, sound, and as large as planned. */

import { MemoryDevice } from '@caravan/device'
import { checkLittlefs, propertyParameters } from '@caravan/testkit'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  type BuildOptions,
  buildImage,
  extractEntries,
  type ImageEntry,
  planImage,
  ReferenceFS,
} from '../src/index.js'

const geometry = fc.record({
  blockSize: fc.constantFrom(128, 256, 512, 1024, 4096, 65536),
  progSize: fc.constantFrom(1, 4, 16, 64, 128),
  diskVersion: fc.constantFrom('2.0' as const, '2.1' as const),
  cacheSize: fc.constantFrom(16, 64, 512),
  eraseValue: fc.constantFrom(0xff, 0x00),
})

const name = fc.oneof(
  fc.constantFrom('a', 'ab', 'abc', 'b', 'index.html', 'été', 'ü-1', 'A'),
  fc.string({ minLength: 1, maxLength: 12, unit: fc.constantFrom(...'abcdefgh0123456789._-') }),
)

const path = fc
  .array(name, { minLength: 1, maxLength: 4 })
  .map((names) => `/${names.map((each) => (/^\.+$/.test(each) ? `${each}x` : each)).join('/')}`)

const size = fc.oneof(fc.nat(20), fc.nat(300), fc.nat(5000))

const file = fc.record({ path, size, seed: fc.nat(255), time: fc.option(fc.nat(2 ** 31)) })

const tree = fc.record({
  files: fc.array(file, { maxLength: 60 }),
  directories: fc.array(path, { maxLength: 8 }),
})

interface Wanted {
  readonly bytes: Uint8Array | undefined
  readonly time: number | null
}

/** Entries without contradictions, and what must be there in the end, directories on the way too. */
function resolve(input: {
  files: { path: string; size: number; seed: number; time: number | null }[]
  directories: string[]
}) {
  const wanted = new Map<string, Wanted>()
  const entries: ImageEntry[] = []
  const claim = (at: string, asFile: boolean): boolean => {
    const parts = at.split('/').slice(1)
    const parents = parts.map((_, i) => `/${parts.slice(0, i).join('/')}`).slice(1)
    if (parents.some((parent) => wanted.get(parent)?.bytes !== undefined)) return false
    const there = wanted.get(at)
    if (there !== undefined && (asFile || there.bytes !== undefined)) return false
    for (const parent of parents) {
      if (!wanted.has(parent)) wanted.set(parent, { bytes: undefined, time: null })
    }
    return true
  }
  for (const at of input.directories) {
    if (!claim(at, false)) continue
    wanted.set(at, { bytes: undefined, time: null })
    entries.push({ path: at })
  }
  for (const { path: at, size: length, seed, time } of input.files) {
    if (!claim(at, true)) continue
    const bytes = new Uint8Array(length).map((_, i) => seed + i * 7)
    wanted.set(at, { bytes, time })
    entries.push({ path: at, data: bytes, ...(time === null ? {} : { mtime: time }) })
  }
  return { entries, wanted }
}

async function treeOf(image: Uint8Array, blockSize: number): Promise<Map<string, Wanted>> {
  const found = new Map<string, Wanted>()
  for await (const entry of extractEntries(new MemoryDevice(image, { blockSize }))) {
    if (entry.path === '/') continue
    const pieces: Uint8Array[] = []
    if (entry.type === 'file') for await (const piece of entry.stream()) pieces.push(piece)
    const bytes = entry.type === 'file' ? new Uint8Array(Buffer.concat(pieces)) : undefined
    const time = entry.attributes.get(0x74)
    found.set(entry.path, {
      bytes,
      time: time === undefined ? null : Number(Buffer.from(time).readBigInt64LE()),
    })
  }
  return found
}

const sorted = (map: Map<string, Wanted>) => [...map].sort(([a], [b]) => (a < b ? -1 : 1))

describe('an image built from entries', () => {
  it('is sound, holds exactly them, and takes the blocks that were planned', async () => {
    await fc.assert(
      fc.asyncProperty(geometry, tree, async (chosen, input) => {
        const options: BuildOptions = {
          ...chosen,
          progSize: Math.min(chosen.progSize, chosen.blockSize),
        }
        const { entries, wanted } = resolve(input)
        const plan = await planImage(entries, options)
        expect(plan.problems).toEqual([])
        const blockCount = plan.blocksNeeded
        const image = await buildImage(entries, { ...options, blockCount })
        const { blockSize, progSize, eraseValue } = chosen
        expect(checkLittlefs(image, { blockSize, progSize, eraseValue })).toEqual([])
        expect(sorted(await treeOf(image, blockSize))).toEqual(sorted(wanted))
        const fs = ReferenceFS.mountSync(new MemoryDevice(image, { blockSize }))
        expect(fs.dfSync().usedBlocks).toBe(plan.blocksNeeded)
        expect(plan.metadataBlocks + plan.dataBlocks).toBe(plan.blocksNeeded)
        const inBlocks = (kind: string) =>
          fs.blockUseSync().filter((use) => use.kind === kind).length
        expect(inBlocks('metadata')).toBe(plan.metadataBlocks)
        expect(inBlocks('data')).toBe(plan.dataBlocks)
      }),
      propertyParameters(200),
    )
  })

  it('is at its smallest as small as planned, and in a block less there is no room', async () => {
    await fc.assert(
      fc.asyncProperty(geometry, tree, async (chosen, input) => {
        const { blockSize, eraseValue } = chosen
        const progSize = Math.min(chosen.progSize, blockSize)
        const { entries, wanted } = resolve(input)
        const { smallestBlocks: blockCount } = await planImage(entries, { ...chosen, progSize })
        const options = { ...chosen, progSize, blockCount }
        const { fits, packing, blocksNeeded } = await planImage(entries, options)
        expect({ fits, blocksNeeded }).toEqual({ fits: true, blocksNeeded: blockCount })
        const image = await buildImage(entries, { ...options, packing })
        expect(checkLittlefs(image, { blockSize, progSize, eraseValue })).toEqual([])
        expect(sorted(await treeOf(image, blockSize))).toEqual(sorted(wanted))
        const device = new MemoryDevice(image, { blockSize })
        expect(ReferenceFS.mountSync(device).dfSync().usedBlocks).toBe(blockCount)
        const less = { ...options, blockCount: blockCount - 1 }
        expect(await planImage(entries, less)).toMatchObject({ fits: false, missingBlocks: 1 })
        if (less.blockCount < 2) return
        await expect(buildImage(entries, { ...less, packing: 'dense' })).rejects.toMatchObject({
          code: 'ENOSPC',
        })
      }),
      propertyParameters(60),
    )
  })

  it('that is packed full is written to as any other', () => {
    const device = new MemoryDevice({ blockSize: 512, blockCount: 64, progSize: 16 })
    const options = { blockSize: 512, packing: 'dense' as const }
    ReferenceFS.formatSync(device, options)
    const fs = ReferenceFS.mountSync(device, options)
    fs.addTreeSync(Array.from({ length: 30 }, (_, i) => ({ path: `/d/f${i}`, data: `${i}` })))
    const again = ReferenceFS.mountSync(device, { blockSize: 512 })
    for (let i = 0; i < 30; i++) again.writeFileSync(`/d/f${i}`, `again ${i}`)
    again.writeFileSync('/new', 'x')
    for (let i = 0; i < 30; i++) {
      expect(again.readFileSync(`/d/f${i}`, 'utf8')).toBe(`again ${i}`)
    }
    expect(checkLittlefs(device.bytes, { blockSize: 512, progSize: 16, eraseValue: 0xff })).toEqual(
      [],
    )
  })

  it('is the same bytes for the same entries, and goes back in as it came out', async () => {
    const { entries, wanted } = resolve({
      files: Array.from({ length: 300 }, (_, i) => ({
        path: `/d${i % 7}/e${i % 3}/file-${i}`,
        size: (i * 37) % 3000,
        seed: i % 256,
        time: i % 2 ? 1700000000 + i : null,
      })),
      directories: ['/empty', '/d1/empty'],
    })
    const options = { blockSize: 512, blockCount: 2048, progSize: 16 }
    const image = await buildImage(entries, options)
    expect(Buffer.compare(await buildImage(entries, options), image)).toBe(0)
    expect(Buffer.compare(await buildImage(entries.map(inPieces), options), image)).toBe(0)
    const into = new Uint8Array(image.length).fill(0x5a)
    expect(await buildImage(entries, { ...options, into })).toBe(into)
    expect(Buffer.compare(into, image)).toBe(0)
    const short = buildImage(entries, { ...options, into: into.subarray(1) })
    await expect(short).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    const again = await buildImage(reentered(image), options)
    expect(sorted(await treeOf(again, 512))).toEqual(sorted(wanted))
    expect(checkLittlefs(again, { blockSize: 512, progSize: 16 })).toEqual([])
  })

  /** The same entry, with its content as a stream. */
  function inPieces({ data, ...entry }: ImageEntry): ImageEntry {
    if (!(data instanceof Uint8Array)) return entry
    async function* pieces(bytes: Uint8Array) {
      for (let at = 0; at < bytes.length; at += 700) yield bytes.subarray(at, at + 700)
    }
    return { ...entry, stream: pieces(data) }
  }

  async function* reentered(image: Uint8Array): AsyncGenerator<ImageEntry> {
    for await (const entry of extractEntries(new MemoryDevice(image, { blockSize: 512 }))) {
      const { pathBytes, type, attributes } = entry
      if (type === 'directory') yield { path: pathBytes, attributes }
      else yield { path: pathBytes, attributes, stream: entry.stream() }
    }
  }

  it('keeps small files in the metadata also where they come with promises', async () => {
    async function* pieces() {
      yield Uint8Array.of(1, 2, 3)
      yield Uint8Array.of(4)
    }
    const entries = [
      { path: '/a', stream: pieces(), size: 4 },
      { path: '/b', stream: [Uint8Array.of(1, 2, 3), Uint8Array.of(4)], size: 4 },
    ]
    const layout = { blockSize: 512, blockCount: 8 }
    const { blocksNeeded } = await planImage(entries, layout)
    const image = await buildImage(entries, layout)
    const fs = ReferenceFS.mountSync(new MemoryDevice(image, { blockSize: 512 }))
    expect(fs.dfSync().usedBlocks).toBe(blocksNeeded)
    for (const each of ['/a', '/b']) expect([...fs.readFileSync(each)]).toEqual([1, 2, 3, 4])
  })

  it('takes no half of what does not fit', async () => {
    const entries = [
      { path: '/big', data: new Uint8Array(100_000) },
      { path: '/small', data: 'x' },
    ]
    const plan = await planImage(entries, { blockSize: 4096, blockCount: 20 })
    expect(plan).toMatchObject({
      fits: false,
      missingBlocks: 7,
      dataBytes: 100_000,
      largest: [{ path: '/big' }],
    })
    await expect(buildImage(entries, { blockSize: 4096, blockCount: 20 })).rejects.toMatchObject({
      code: 'ENOSPC',
    })
  })

  it('says everything that stands against a tree, each with its path', async () => {
    const entries: ImageEntry[] = [
      { path: '/a', data: 'x' },
      { path: '/a/b', data: 'x' },
      { path: '/d/e', data: 'x' },
      { path: '/d', data: 'x' },
      { path: `/${'n'.repeat(40)}`, data: 'x' },
      { path: '/large', data: new Uint8Array(101) },
      { path: '/attribute', data: 'x', attributes: new Map([[1, new Uint8Array(2000)]]) },
    ]
    const { problems, fits } = await planImage(entries, {
      nameMax: 32,
      fileMax: 100,
      blockCount: 100,
    })
    expect(fits).toBe(false)
    expect(problems.map(({ path: at, code }) => [at.slice(0, 10), code])).toEqual([
      ['/a/b', 'ENOTDIR'],
      ['/d', 'EISDIR'],
      ['/nnnnnnnnn', 'ENAMETOOLONG'],
      ['/large', 'EFBIG'],
      ['/attribute', 'INVALID_ARGUMENT'],
    ])
  })
})

describe('many entries added to what is there', () => {
  it('are merged: directories kept, files replaced, the rest untouched', async () => {
    await fc.assert(
      fc.asyncProperty(geometry, tree, tree, async (chosen, before, added) => {
        const { blockSize, diskVersion, cacheSize } = chosen
        const progSize = Math.min(chosen.progSize, blockSize)
        const first = resolve(before)
        const device = new MemoryDevice({
          blockSize,
          blockCount: 4096 * (128 / Math.min(blockSize, 1024)),
          progSize,
        })
        ReferenceFS.formatSync(device, { diskVersion, cacheSize })
        const fs = ReferenceFS.mountSync(device, { blockSize, cacheSize, blockCycles: 3 })
        fs.addTreeSync(first.entries)
        const second = resolve(added)
        const clash = [...second.wanted].some(([at, node]) => {
          const there = first.wanted.get(at)
          return there !== undefined && (there.bytes === undefined) !== (node.bytes === undefined)
        })
        const wanted = clash ? first.wanted : merged(first.wanted, second.wanted)
        if (clash) {
          const image = device.bytes.slice()
          await expect(fs.addTree(second.entries)).rejects.toMatchObject({ name: 'FsError' })
          expect(sorted(await treeOf(image, blockSize))).toEqual(sorted(first.wanted))
        } else {
          await fs.addTree(second.entries)
        }
        fs.unmountSync()
        expect(sorted(await treeOf(device.bytes, blockSize))).toEqual(sorted(wanted))
        expect(checkLittlefs(device.bytes, { blockSize, progSize, eraseValue: 0xff })).toEqual([])
      }),
      propertyParameters(30),
    )
  })

  function merged(before: Map<string, Wanted>, added: Map<string, Wanted>): Map<string, Wanted> {
    const wanted = new Map(before)
    for (const [at, node] of added) {
      const there = before.get(at)
      // A file that is replaced keeps the attributes that the new one does not say.
      wanted.set(at, { bytes: node.bytes, time: node.time ?? there?.time ?? null })
    }
    return wanted
  }

  it('takes sources that come piece by piece, and none of them where one fails', async () => {
    const device = new MemoryDevice({ blockSize: 512, blockCount: 64 })
    ReferenceFS.formatSync(device)
    const fs = ReferenceFS.mountSync(device, { blockSize: 512 })
    async function* pieces() {
      for (let i = 0; i < 5; i++) yield new Uint8Array(300).fill(i)
    }
    await fs.addTree([{ path: '/s', stream: pieces() }])
    expect(fs.statSync('/s').size).toBe(1500)
    async function* broken() {
      yield new Uint8Array(300)
      throw new RangeError('the source ended early')
    }
    const used = fs.dfSync().usedBlocks
    const failing = fs.addTree([
      { path: '/t', data: 'x' },
      { path: '/u', stream: broken() },
    ])
    await expect(failing).rejects.toThrow('the source ended early')
    expect(fs.readdirSync('/')).toEqual(['s'])
    expect(fs.dfSync().usedBlocks).toBe(used)
    expect(() => fs.addTreeSync([{ path: '/v', stream: pieces() }])).toThrow(/addTree\(\)/)
    fs.writeFileSync('/after', 'goes on')
    expect(fs.readFileSync('/after', 'utf8')).toBe('goes on')
  })
})
