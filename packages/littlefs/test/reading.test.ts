/** What reading shows of images that the C library wrote. */

import { FormatError } from '@caravan/core'
import { MemoryDevice } from '@caravan/device'
import { describe, expect, it } from 'vitest'
import { ReferenceDirent as Dirent, ReferenceFS } from '../src/index.js'
import { cleanNames, deviceOf, hex, imageOf, manifestOf, sha256, toHex } from './golden-images.js'

const mountGolden = (name: string) => ReferenceFS.mountSync(deviceOf(name))

const thrown = (call: () => unknown): unknown => {
  try {
    call()
  } catch (error) {
    return error
  }
  return undefined
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all = []
  for await (const item of items) all.push(item)
  return all
}

describe('readdir', () => {
  const fs = mountGolden('corrupt-none')

  it('lists names in the order of the directory', () => {
    expect(fs.readdirSync('/')).toEqual(['big.bin', 'docs', 'logs', 'note'])
    expect(mountGolden('names-prefixes').readdirSync('/').length).toBe(30)
  })

  it('lists entries with their types, sizes and where they are', () => {
    const entries = fs.readdirSync('/docs', { withFileTypes: true })
    expect(entries).toEqual([
      new Dirent('in', '/docs', 'file', 18),
      new Dirent('two', '/docs', 'file', 984),
    ])
    expect(entries.map((entry) => [entry.isFile(), entry.isDirectory()])).toEqual([
      [true, false],
      [true, false],
    ])
    const top = fs.readdirSync('', { withFileTypes: true })
    expect(top.map(({ name, parentPath }) => [name, parentPath])[1]).toEqual(['docs', '/'])
    expect(top[1]?.isDirectory()).toBe(true)
  })

  it('lists everything below, as paths from there or as entries', () => {
    const paths = ['big.bin', 'docs', 'logs', 'note', 'logs/x', 'docs/in', 'docs/two']
    expect(fs.readdirSync('/', { recursive: true }).sort()).toEqual(paths.sort())
    const entries = fs.readdirSync('/', { recursive: true, withFileTypes: true })
    const found = entries.map(({ name, parentPath }) => `${parentPath}/${name}`.slice(1))
    expect(found.map((path) => path.replace(/^\//, '')).sort()).toEqual(paths.sort())
    expect(fs.readdirSync('/docs/', { recursive: true })).toEqual(['in', 'two'])
  })

  it('lists names as bytes, for those that are not UTF-8', () => {
    const device = new MemoryDevice({ blockSize: 512, blockCount: 32 })
    ReferenceFS.formatSync(device)
    const written = ReferenceFS.mountSync(device)
    const name = hex('66 ff fe 2e 74')
    const below = hex('64 2f ff')
    written.writeFileSync(name, 'odd')
    written.mkdirSync('d')
    written.writeFileSync(below, 'odder')
    expect(written.readdirSync('/')).toEqual(['d', 'f\ufffd\ufffd.t'])
    expect(written.readdirSync('/', { encoding: 'buffer' })).toEqual([hex('64'), name])
    const all = written.readdirSync('/', { encoding: 'buffer', recursive: true })
    expect(all.map(toHex)).toEqual(['64', toHex(name), toHex(below)])
    const typed = written.readdirSync('d', { encoding: 'buffer', withFileTypes: true })
    expect(typed).toEqual([new Dirent(hex('ff'), 'd', 'file', 5)])
    expect(written.readFileSync(name, 'utf8')).toBe('odd')
    expect(thrown(() => written.readFileSync('f\ufffd\ufffd.t'))).toMatchObject({ code: 'ENOENT' })
    expect([...written.walkSync()].map(({ pathBytes }) => toHex(pathBytes))).toContain(
      `2f${toHex(below)}`,
    )
  })

  it('finds a thousand names, and each by itself: dir-1000-entries-512', () => {
    const large = mountGolden('dir-1000-entries-512')
    const [directory] = large.readdirSync('/') as [string]
    const names = large.readdirSync(directory)
    expect(new Set(names).size).toBe(1000)
    for (const name of names) expect(large.statSync(`${directory}/${name}`).isFile()).toBe(true)
  })
})

describe('stat, readFile and attributes', () => {
  it('are what the manifest says: every entry of every clean image', () => {
    let count = 0
    for (const name of cleanNames) {
      const fs = mountGolden(name)
      for (const entry of manifestOf(name).entries ?? []) {
        const { type, size, isFile } = {
          ...fs.statSync(entry.path),
          isFile: fs.statSync(entry.path).isFile(),
        }
        const types = { file: 'reg', directory: 'dir', other: 'other' }
        expect([types[type], size, isFile], `${name}: ${entry.path}`).toEqual([
          entry.type,
          entry.size,
          entry.type === 'reg',
        ])
        const attributes = [...fs.getAttributesSync(entry.path)]
        const expected = Object.entries(entry.attrs).map(([key, value]) => [Number(key), value])
        expect(attributes.map(([key, value]) => [key, toHex(value)])).toEqual(expected)
        if (entry.sha256 !== null) {
          expect(sha256(fs.readFileSync(entry.path)), `${name}: ${entry.path}`).toBe(entry.sha256)
        }
        count++
      }
    }
    expect(count).toBeGreaterThan(4000)
  })

  it('all 256 types, each by itself and all in order: attrs-all-types', () => {
    const fs = mountGolden('attrs-all-types')
    const all = fs.getAttributesSync('/x')
    expect([...all.keys()]).toEqual(Array.from({ length: 256 }, (_, type) => type))
    for (const [type, value] of all) expect(fs.getAttributeSync('/x', type)).toEqual(value)
  })

  it('are copies: what a program does to them harms nothing', () => {
    const fs = mountGolden('corrupt-none')
    for (const read of [
      () => fs.readFileSync('/note'),
      () => fs.getAttributeSync('/note', 0x74),
      () => fs.getAttributesSync('/note').get(0x74) as Uint8Array,
      () => [...fs.walkSync('/note')][0]?.attributes.get(0x74) as Uint8Array,
    ]) {
      const before = toHex(read())
      read().fill(0)
      expect(toHex(read())).toBe(before)
    }
  })

  it('say what is missing, in the words of node:fs', () => {
    const fs = mountGolden('corrupt-none')
    expect(thrown(() => fs.getAttributeSync('/note', 0x75))).toMatchObject({
      code: 'ENODATA',
      path: '/note',
      message: expect.stringContaining('it has no attribute 0x75'),
    })
    expect(String(thrown(() => fs.statSync('/docs/none')))).toBe(
      "FsError: ENOENT: no such file or directory, stat '/docs/none'",
    )
    expect(String(thrown(() => fs.readFileSync('/docs')))).toContain('EISDIR')
    expect(String(thrown(() => fs.readdirSync('/note')))).toContain(
      "ENOTDIR: not a directory, scandir '/note'",
    )
  })
})

describe('readFileInPieces', () => {
  const fs = mountGolden('ctz-sizes-512')
  const files = [...fs.walkSync()].filter(({ type }) => type === 'file')

  it.each([1000, 512, 65536, 3])('gives the whole file in pieces of %d bytes', async (size) => {
    for (const { path } of size < 10 ? files.slice(0, 10) : files) {
      const pieces = [...fs.readFileInPiecesSync(path, size)]
      expect(pieces.every((piece, i) => i === pieces.length - 1 || piece.length === size)).toBe(
        true,
      )
      expect(Buffer.concat(pieces).equals(fs.readFileSync(path))).toBe(true)
      const late = await collect(fs.readFileInPieces(path, size))
      expect(Buffer.concat(late).equals(Buffer.concat(pieces))).toBe(true)
    }
  })

  it('may be left in the middle', () => {
    for (const piece of fs.readFileInPiecesSync(files.at(-1)?.path ?? '', 100)) {
      expect(piece).toHaveLength(100)
      break
    }
    expect(fs.statSync('/').isDirectory()).toBe(true)
  })

  // The blocks of what was being read were given to other files, whose content came out instead.
  describe('keeps to the file as it was at the first piece, though it is', () => {
    const changes: Record<string, (fs: ReferenceFS) => void> = {
      shortened: (fs) => fs.writeFileSync('/f', 'short'),
      'written anew': (fs) => fs.writeFileSync('/f', new Uint8Array(4000).fill(2)),
      removed: (fs) => fs.removeSync('/f'),
      renamed: (fs) => fs.renameSync('/f', '/other'),
      replaced: (fs) => {
        fs.writeFileSync('/other', new Uint8Array(4000).fill(2))
        fs.renameSync('/other', '/f')
      },
    }
    it.each(Object.keys(changes))('%s, and all free blocks are written', async (name) => {
      for (const memoryBudget of [undefined, 1]) {
        const device = new MemoryDevice({ blockSize: 512, blockCount: 40 })
        ReferenceFS.formatSync(device)
        const fs = ReferenceFS.mountSync(device, memoryBudget === undefined ? {} : { memoryBudget })
        const content = new Uint8Array(4000).fill(1)
        const change = () => {
          changes[name]?.(fs)
          expect(() => {
            for (let i = 0; ; i++) fs.writeFileSync(`/fill${i}`, new Uint8Array(2000).fill(3))
          }).toThrow(expect.objectContaining({ code: 'ENOSPC' }))
        }
        for (const form of ['sync', 'async']) {
          fs.writeFileSync('/f', content)
          const pieces = []
          if (form === 'sync') {
            for (const piece of fs.readFileInPiecesSync('/f', 1000)) {
              if (pieces.push(piece) === 1) change()
            }
          } else {
            for await (const piece of fs.readFileInPieces('/f', 1000)) {
              if (pieces.push(piece) === 1) change()
            }
          }
          expect(Buffer.compare(Buffer.concat(pieces), content), form).toBe(0)
          // What was kept for the reader is free again.
          for (const path of fs.readdirSync('/')) fs.removeSync(path)
          fs.writeFileSync('/f', new Uint8Array(15_000))
          fs.removeSync('/f')
        }
        fs.unmountSync()
      }
    })
  })

  it.each([0, -1, 1.5, Number.NaN])('refuses pieces of %d bytes', async (size) => {
    const path = files.at(-1)?.path ?? ''
    const misuse = expect.objectContaining({ name: 'MisuseError', code: 'INVALID_ARGUMENT' })
    expect(() => fs.readFileInPiecesSync(path, size).next()).toThrow(misuse)
    await expect(fs.readFileInPieces(path, size).next()).rejects.toEqual(misuse)
  })
})

describe('walk', () => {
  it('goes depth first, children in order of their bytes: every clean image', () => {
    for (const name of cleanNames) {
      const walked = [...mountGolden(name).walkSync()].map(({ pathBytes }) => pathBytes)
      // In depth-first order a slash comes before any byte of a longer name.
      const keys = walked.map((path) => Buffer.from(path).map((byte) => (byte === 0x2f ? 0 : byte)))
      for (let i = 1; i < keys.length; i++) {
        const order = Buffer.compare(keys[i - 1] as Uint8Array, keys[i] as Uint8Array)
        expect(order, `${name}: ${walked[i]}`).toBe(-1)
      }
      const paths = walked.map((path) => Buffer.from(path).toString()).sort()
      const expected = manifestOf(name)
        .entries?.map(({ path }) => path)
        .sort()
      expect(paths, name).toEqual(expected)
    }
  })

  it('begins with the path itself, be it a file', () => {
    const fs = mountGolden('corrupt-none')
    expect([...fs.walkSync('docs/')].map(({ path }) => path)).toEqual([
      '/docs',
      '/docs/in',
      '/docs/two',
    ])
    expect([...fs.walkSync('/docs/../note')].map(({ path }) => path)).toEqual(['/note'])
  })

  it('reports what cannot be listed, and goes on', () => {
    const fs = mountGolden('corrupt-dir-pointer-out-of-range')
    const walked = [...fs.walkSync()]
    const failed = walked.filter(({ error }) => error !== undefined)
    expect(failed).toHaveLength(1)
    expect(failed[0]?.error).toBeInstanceOf(FormatError)
    expect(walked.length).toBeGreaterThan(3)
  })
})

describe('a directory that leads back to one above it: corrupt-dir-pointer-to-root', () => {
  const fs = mountGolden('corrupt-dir-pointer-to-root')
  const loop = expect.objectContaining({ name: 'FormatError', code: 'DIRECTORY_LOOP' })

  it('ends a walk with an error at its place', () => {
    const walked = [...fs.walkSync()]
    expect(walked.filter(({ error }) => error !== undefined).map(({ error }) => error)).toEqual([
      loop,
    ])
    expect(walked.length).toBeLessThan(12)
  })

  it('ends a recursive readdir, df and blockUse', () => {
    expect(() => fs.readdirSync('/', { recursive: true })).toThrow(loop)
    const { usedBlocks } = fs.dfSync()
    expect(usedBlocks).toBeLessThan(64)
    expect(fs.blockUseSync().length).toBe(usedBlocks)
  })

  it('can be followed by hand, as long as the path is', () => {
    const looping = fs.readdirSync('/', { withFileTypes: true }).find((entry) => {
      if (!entry.isDirectory()) return false
      return fs.readdirSync(entry.name).includes(entry.name)
    })
    const path = `/${looping?.name}`.repeat(20)
    expect(fs.readdirSync(path)).toEqual(fs.readdirSync('/'))
  })
})

describe('df and blockUse', () => {
  it('count each block once, and agree: every clean image', () => {
    for (const name of cleanNames) {
      const fs = mountGolden(name)
      const { blockSize, blockCount, usedBlocks, freeBlocks } = fs.dfSync()
      const use = fs.blockUseSync()
      expect(new Set(use.map(({ block }) => block)).size, name).toBe(use.length)
      expect(use.length, name).toBe(usedBlocks)
      expect(usedBlocks + freeBlocks, name).toBe(blockCount)
      expect(use.every(({ block }) => block >= 0 && block < blockCount)).toBe(true)
      const active = use.filter(({ kind, active }) => kind === 'metadata' && active).length
      expect(use.filter(({ kind }) => kind === 'metadata').length, name).toBe(2 * active)
      // The reference counts a block as often as it is referred to: never less.
      const { usedBlocks: upperBound, entries } = manifestOf(name)
      expect(usedBlocks, name).toBeLessThanOrEqual(upperBound ?? Number.POSITIVE_INFINITY)
      const paths = new Set(entries?.map(({ path }) => path))
      for (const { path } of use) if (path !== undefined) expect(paths.has(path), name).toBe(true)
      expect(fs.info().blockSize).toBe(blockSize)
    }
  })

  it.each([
    ['fresh-512-ff', 2],
    ['dir-100-entries-512', 20],
    ['ctz-200-blocks-4096', 202],
    ['dir-many-dirs', 166],
    ['superblock-expanded-twice', 10],
    ['field-esp-idf-2.1', 18],
  ])('are what the reference counts where nothing is shared: %s uses %d', (name, used) => {
    expect(manifestOf(name).usedBlocks).toBe(used)
    expect(mountGolden(name).dfSync().usedBlocks).toBe(used)
  })

  it('say whose a block is: corrupt-none', () => {
    const use = new Map(
      mountGolden('corrupt-none')
        .blockUseSync()
        .map((each) => [each.block, each]),
    )
    expect(use.get(0)).toEqual({ block: 0, kind: 'metadata', path: '/', active: true })
    expect(use.get(1)).toEqual({ block: 1, kind: 'metadata', path: '/', active: false })
    expect(use.get(2)).toMatchObject({ kind: 'metadata', path: '/docs' })
    expect(use.get(10)).toEqual({ block: 10, kind: 'data', path: '/big.bin', active: true })
  })

  it('follow tree and thread: corrupt-tail-cut, where the list ends too early', () => {
    expect(manifestOf('corrupt-tail-cut').usedBlocks).toBe(7)
    expect(mountGolden('corrupt-tail-cut').dfSync().usedBlocks).toBe(13)
  })
})

describe('a filesystem that was unmounted', () => {
  it('is used no more, by any call', async () => {
    const fs = ReferenceFS.mountSync(new MemoryDevice(imageOf('corrupt-none')))
    const walk = fs.walkSync()
    walk.next()
    await fs.unmount()
    const unmounted = expect.objectContaining({ name: 'MisuseError', code: 'UNMOUNTED' })
    expect(() => fs.readdirSync('/')).toThrow(unmounted)
    expect(() => walk.next()).toThrow(unmounted)
    expect(() => fs.writeFileSync('/x', '')).toThrow(unmounted)
    expect(() => fs.openSync('/note')).toThrow(unmounted)
    expect(() => fs.unmountSync()).toThrow(unmounted)
    await expect(fs.readFile('/note')).rejects.toEqual(unmounted)
    await expect(fs.mkdir('/x')).rejects.toEqual(unmounted)
  })
})
