/** The faces of an image: paths over links, stats, handles, streams, side by side; the key-value contract. */

import { createHash } from 'node:crypto'
import type { BlockDevice } from '@caravan/core'
import { PartitionDevice } from '@caravan/device'
import { nodeFs } from '@caravan/fs/node'
import {
  JitterDevice,
  keyValueReaderConformance,
  LateDevice,
  Random,
  READER_FIXTURE,
} from '@caravan/testkit'
import { describe, expect, it, test } from 'vitest'
import { Docteur, DocteurKeyValue } from '../src/index.js'
import { nodePlatform } from '../src/node/index.js'
import {
  commitContent,
  type EntrySpec,
  imageOf,
  objectId,
  prefixDelta,
  treeContent,
  varint,
  writeImage,
} from './pack-writer.js'
import { deviceOf } from './repositories.js'

const text = (content: string) => Buffer.from(content)

/** A tree of directories, files and links: contents by path, links as `-> target`. */
function treeImage(
  files: Readonly<Record<string, string>>,
  more: readonly EntrySpec[] = [],
): Uint8Array {
  const objects: EntrySpec[] = []
  const build = (prefix: string): string => {
    const rows = new Map<string, readonly [string, string, string]>()
    for (const [path, content] of Object.entries(files)) {
      if (!path.startsWith(prefix)) continue
      const [name = '', ...rest] = path.slice(prefix.length).split('/')
      if (rest.length > 0) rows.set(`${name}/`, ['40000', name, build(`${prefix}${name}/`)])
      else {
        const isLink = content.startsWith('-> ')
        const bytes = text(isLink ? content.slice(3) : content)
        objects.push({ kind: 'blob', content: bytes })
        rows.set(name, [isLink ? '120000' : '100644', name, objectId('blob', bytes)])
      }
    }
    const sorted = [...rows].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, row]) => row)
    const content = treeContent(sorted)
    objects.push({ kind: 'tree', content })
    return objectId('tree', content)
  }
  const commit = commitContent(build(''))
  const all = new Map(
    [{ kind: 'commit' as const, content: commit }, ...objects, ...more].map((entry, i) => [
      entry.kind === undefined ? `${i}` : objectId(entry.kind, entry.content),
      entry,
    ]),
  )
  return writeImage({ commit: objectId('commit', commit), entries: [...all.values()] }).bytes
}

const LINKS = {
  'a/b/c.txt': 'deep',
  'a/d.txt': 'd',
  file: 'content',
  'to-file': '-> file',
  'to-dir': '-> a/b',
  'to-dir-slash': '-> a/b/',
  'a/up': '-> ../file',
  'a/b/upup': '-> ../../a/./d.txt',
  'to-link': '-> to-dir/upup',
  loop: '-> loop',
  ping: '-> pong',
  pong: '-> ping/x',
  here: '-> .',
  broken: '-> nowhere',
  outside: '-> ../file',
  'a/outside': '-> ../../etc/passwd',
  absolute: '-> /file',
  'file-slash': '-> file/',
  empty: '-> ',
}

describe('paths over links', () => {
  const fs = Docteur.mountSync(deviceOf(treeImage(LINKS)))

  it.each([
    ['/to-file', 'content', '/file'],
    ['/to-dir/c.txt', 'deep', '/a/b/c.txt'],
    ['/to-dir-slash/c.txt', 'deep', '/a/b/c.txt'],
    ['/a/up', 'content', '/file'],
    ['/to-link', 'd', '/a/d.txt'],
    ['/here/here/here/to-dir/upup', 'd', '/a/d.txt'],
    // As POSIX has it, not by the text: `..` of what the link leads to.
    ['/to-dir/../d.txt', 'd', '/a/d.txt'],
    ['/to-dir/../../file', 'content', '/file'],
    ['/../../file', 'content', '/file'],
  ])('%s', async (path, content, real) => {
    expect(fs.readFileSync(path, 'utf8')).toBe(content)
    expect(await fs.readFile(path, 'utf8')).toBe(content)
    expect(fs.realpathSync(path)).toBe(real)
    expect(fs.statSync(path)).toMatchObject({ type: 'file', size: content.length })
  })

  it.each([
    ['/loop', 'ELOOP'],
    ['/ping', 'ELOOP'],
    ['/broken', 'ENOENT'],
    ['/outside', 'ENOENT'],
    ['/a/outside', 'ENOENT'],
    ['/absolute', 'ENOENT'],
    ['/file-slash', 'ENOTDIR'],
    ['/empty', 'ENOENT'],
    ['/file/x', 'ENOTDIR'],
    ['/file/', 'ENOTDIR'],
    ['/to-file/', 'ENOTDIR'],
    ['/nowhere/../file', 'ENOENT'],
  ])('%s is refused: %s', async (path, code) => {
    for (const call of ['statSync', 'readFileSync', 'realpathSync'] as const) {
      expect(() => fs[call](path)).toThrow(expect.objectContaining({ code }))
    }
    await expect(fs.stat(path)).rejects.toThrow(expect.objectContaining({ code }))
  })

  it('lstat and readlink see the link itself, wherever it leads', async () => {
    for (const [name, content] of Object.entries(LINKS)) {
      if (!content.startsWith('-> ')) continue
      const stats = fs.lstatSync(`/${name}`)
      expect([name, stats.isSymbolicLink(), stats.size]).toEqual([name, true, content.length - 3])
      expect(stats.mode & 0o170000).toBe(0o120000)
      expect(fs.readlinkSync(`/${name}`)).toBe(content.slice(3))
      expect(await fs.readlink(`/${name}`, 'buffer')).toEqual(
        new Uint8Array(text(content.slice(3))),
      )
    }
    expect(() => fs.readlinkSync('/file')).toThrow(/EINVAL/)
    expect(() => fs.readlinkSync('/a')).toThrow(/EINVAL/)
    const links = fs
      .readdirSync('/', { withFileTypes: true })
      .filter((each) => each.isSymbolicLink())
    expect(links.length).toBe(Object.values(LINKS).filter((to) => to.startsWith('-> ')).length - 3)
  })

  it('a recursive listing and a walk meet every entry once', () => {
    const count = Object.keys(LINKS).length + 2
    expect(fs.readdirSync('/', { recursive: true })).toHaveLength(count)
    expect([...fs.walkSync()]).toHaveLength(count + 1)
    expect([...fs.walkSync('/to-dir/')].map(({ path }) => path)).toEqual([
      '/to-dir',
      '/to-dir/c.txt',
      '/to-dir/upup',
    ])
  })

  it('the key-value face follows them too, and goes round nothing', () => {
    const store = fs.keyValue()
    expect(Buffer.from(store.getSync('/to-link')).toString()).toBe('d')
    expect(store.existsSync('/to-dir')).toBe('dictionary')
    expect(store.listSync('/here').length).toBe(store.listSync('/').length)
    expect(store.existsSync('/broken')).toBe('value')
    expect(() => store.getSync('/broken')).toThrow(/NotFound.*a link that leads nowhere/)
    const keys = [...store.entriesSync()].map(([key]) => key)
    expect(keys).toHaveLength(Object.keys(LINKS).length + 2)
    expect(keys.filter((key) => key.startsWith('/to-dir/'))).toEqual([])
    expect(store.sizeSync('/a')).toBe('deep'.length + 'd'.length + 'content'.length + 'd'.length)
  })

  it('answers as node:fs where it is handed over', async () => {
    const handed = nodeFs(fs)
    expect(handed.readFileSync('/to-file')).toEqual(Buffer.from('content'))
    const pieces: Buffer[] = []
    for await (const piece of handed.createReadStream('/a/up')) pieces.push(piece as Buffer)
    expect(Buffer.concat(pieces).toString()).toBe('content')
  })

  it('refuses every change', () => {
    for (const change of [
      () => fs.writeFileSync('/x', ''),
      () => fs.mkdirSync('/x'),
      () => fs.rmSync('/file'),
      () => fs.renameSync('/file', '/x'),
      () => fs.openSync('/file', 'r+'),
      () => fs.utimesSync('/file', 1, 1),
      () => fs.appendFileSync('/file', 'x'),
    ]) {
      expect(change).toThrow(/EROFS/)
    }
  })
})

describe('modes, times, ids', () => {
  const image = imageOf([
    ['100644', 'a', text('a')],
    ['100755', 'b', text('b')],
    ['100664', 'c', text('c')],
    ['100600', 'odd', text('odd')],
    ['100644', '\xff\xfe', text('bytes')],
  ])
  const fs = Docteur.mountSync(deviceOf(image.bytes))

  it('are as git has them', () => {
    const modes = ['a', 'b', 'c', 'odd'].map((name) => fs.statSync(`/${name}`).mode.toString(8))
    expect(modes).toEqual(['100644', '100755', '100664', '100600'])
    expect(fs.statSync('/b').mtime).toEqual(new Date(1_700_000_000_000))
    expect(fs.entrySync('/a').id).toBe(objectId('blob', text('a')))
    fs.accessSync('/b', fs.constants.X_OK)
    expect(() => fs.accessSync('/a', fs.constants.X_OK)).toThrow(/EACCES/)
    expect(fs.readFileSync(Uint8Array.of(0x2f, 0xff, 0xfe))).toEqual(new Uint8Array(text('bytes')))
    const names = fs.readdirSync('/', { encoding: 'buffer' }) as Uint8Array[]
    expect(names.some((name) => name[0] === 0xff)).toBe(true)
  })

  it('digest is the object id, lastModified the time of the commit', () => {
    const store = fs.keyValue()
    expect(Buffer.from(store.digestSync('/a')).toString('hex')).toBe(objectId('blob', text('a')))
    expect(Buffer.from(store.digestSync('/')).toString('hex')).toBe(fs.info().commit.tree)
    expect(store.lastModifiedSync('/a')?.toMs()).toBe(1_700_000_000_000)
    expect(() => store.lastModifiedSync('/none')).toThrow(/NotFound/)
  })

  it('unmounting ends it', async () => {
    const other = Docteur.mountSync(deviceOf(image.bytes))
    other.readFileSync('/a')
    expect(other.cachedBytes).toBeGreaterThan(0)
    await other.unmount()
    expect(other.cachedBytes).toBe(0)
    expect(() => other.readFileSync('/a')).toThrow(/unmounted/)
  })
})

describe('the key-value contract', () => {
  const files = Object.fromEntries(
    Object.entries(READER_FIXTURE).map(([key, value]) => [key.slice(1), value]),
  )
  const image = treeImage(files)
  for (const mode of ['sync', 'async'] as const) {
    const device = mode === 'sync' ? deviceOf(image) : new LateDevice(deviceOf(image))
    const open = async () => (await Docteur.mount(device)).keyValue()
    const cases = keyValueReaderConformance(
      { open, reopen: open },
      { mode, digests: 'format', remountBetween: mode === 'async' },
    )
    for (const { name, run } of cases) test(`${mode}: ${name}`, run)
  }

  it('a store that was disconnected says so', async () => {
    const fs = Docteur.mountSync(deviceOf(image))
    const store = fs.keyValue()
    expect(store).toBeInstanceOf(DocteurKeyValue)
    await store.disconnect()
    expect(() => store.getSync('/v')).toThrow(/disconnected/)
    expect(fs.existsSync('/v')).toBe(true)
  })
})

/** Content that neither compresses to nothing nor not at all. */
function largeContent(sizeBytes: number, seed: number): Buffer {
  const random = new Random(seed)
  const block = Buffer.from(Array.from({ length: 4096 }, () => random.int(256) & random.int(256)))
  const bytes = Buffer.alloc(sizeBytes)
  for (let at = 0; at < sizeBytes; at += block.length) {
    block.writeUInt32LE(at, 0)
    block.copy(bytes, at)
  }
  return bytes
}

describe('large blobs', () => {
  const base = largeContent(6_000_000, 1)
  const first = Buffer.concat([text('first '), base])
  const second = Buffer.concat([text('second '.repeat(40)), first])
  const ids = [base, first, second].map((content) => objectId('blob', content))
  const tree = treeContent(ids.map((id, i) => ['100644', `f${i}`, id] as const))
  const commit = commitContent(objectId('tree', tree))
  const { bytes: image } = writeImage({
    commit: objectId('commit', commit),
    entries: [
      { kind: 'commit', content: commit },
      { kind: 'tree', content: tree },
      { kind: 'blob', content: base },
      { content: prefixDelta(base.length, text('first ')), base: 2, id: ids[1] as string },
      {
        content: prefixDelta(first.length, text('second '.repeat(40))),
        baseId: ids[1] as string,
        id: ids[2] as string,
      },
    ],
  })

  it.each([
    ['held whole', 256 * 2 ** 20],
    ['put together in pieces', 2 ** 20],
  ])(
    '%s: at any position, whole, and as a stream',
    async (_, cacheBytes) => {
      const fs = Docteur.mountSync(deviceOf(image), { cacheBytes, checkContent: true })
      const random = new Random(5)
      for (const [i, content] of [base, first, second].entries()) {
        const fd = fs.openSync(`/f${i}`)
        expect(fs.fstatSync(fd).size).toBe(content.length)
        for (let k = 0; k < 12; k++) {
          const at = random.int(content.length)
          const target = new Uint8Array(1 + random.int(150_000))
          const count = fs.readSync(fd, target, 0, target.length, at)
          expect(count).toBe(Math.min(target.length, content.length - at))
          expect(Buffer.compare(target.subarray(0, count), content.subarray(at, at + count))).toBe(
            0,
          )
        }
        fs.closeSync(fd)
        const hash = createHash('sha1')
        let held = 0
        for await (const piece of fs.readBlobInPieces(ids[i] as string)) {
          hash.update(piece)
          held = Math.max(held, fs.cachedBytes)
        }
        const whole = createHash('sha1').update(content).digest('hex')
        expect(hash.digest('hex')).toBe(whole)
        expect(held).toBeLessThanOrEqual(cacheBytes)
        expect(
          createHash('sha1')
            .update(fs.readFileSync(`/f${i}`))
            .digest('hex'),
        ).toBe(whole)
        expect(fs.statSync(`/f${i}`).size).toBe(content.length)
      }
    },
    60_000,
  )

  it('beyond the limit are read in pieces, and refused whole', async () => {
    const fs = Docteur.mountSync(deviceOf(image), { cacheBytes: 2 ** 20, objectMaxBytes: 2 ** 22 })
    expect(() => fs.readFileSync('/f0')).toThrow(
      expect.objectContaining({ code: 'OBJECT_TOO_LARGE' }),
    )
    expect(() => fs.readFileSync('/f2')).toThrow(
      expect.objectContaining({ code: 'OBJECT_TOO_LARGE' }),
    )
    const part = fs.keyValue().getPartialSync('/f2', { offset: 5_000_000, length: 100 })
    expect(Buffer.compare(part, second.subarray(5_000_000, 5_000_100))).toBe(0)
  })
})

describe('delta chains', () => {
  it.each([50, 5000])(
    'of %i, ofs and ref in turn, without recursion',
    (depth) => {
      const contents = [text('base\n')]
      const entries: EntrySpec[] = [{ kind: 'blob', content: contents[0] as Buffer }]
      for (let i = 1; i <= depth; i++) {
        const before = contents[i - 1] as Buffer
        const content = Buffer.concat([text('x'), before])
        const id = objectId('blob', content)
        const delta = prefixDelta(before.length, text('x'))
        const baseId = objectId('blob', before)
        entries.push(
          i % 2 === 0 ? { content: delta, baseId, id } : { content: delta, base: i - 1, id },
        )
        contents.push(content)
      }
      const last = contents[depth] as Buffer
      const tree = treeContent([['100644', 'f', objectId('blob', last)]])
      const commit = commitContent(objectId('tree', tree))
      entries.push({ kind: 'tree', content: tree }, { kind: 'commit', content: commit })
      const { bytes } = writeImage({ commit: objectId('commit', commit), entries })
      for (const analyze of [false, true]) {
        const fs = Docteur.mountSync(deviceOf(bytes), {
          analyze,
          cacheBytes: 2 ** 18,
          platform: nodePlatform,
        })
        expect(fs.statSync('/f').size).toBe(last.length)
        expect(Buffer.compare(fs.readFileSync('/f'), last)).toBe(0)
      }
    },
    60_000,
  )

  it('sizes of 64 KiB and more, copies from far, as git writes them', () => {
    const base = largeContent(300_000, 3)
    const delta = Uint8Array.from([
      ...varint(base.length),
      ...varint(65_536 + 5 + 131_072),
      0x80 | 0x04,
      0x01, // 65,536 bytes, by a size of 0, from 65,536 on
      5,
      ...text('hello'),
      0x80 | 0x01 | 0x02 | 0x04 | 0x40,
      0x10,
      0x27,
      0x01,
      0x02, // 131,072 from 75,536 on
    ])
    const content = Buffer.concat([
      base.subarray(65_536, 131_072),
      text('hello'),
      base.subarray(75_536, 206_608),
    ])
    const id = objectId('blob', content)
    const tree = treeContent([['100644', 'f', id]])
    const commit = commitContent(objectId('tree', tree))
    const { bytes } = writeImage({
      commit: objectId('commit', commit),
      entries: [
        { kind: 'commit', content: commit },
        { kind: 'tree', content: tree },
        { kind: 'blob', content: base },
        { content: delta, base: 2, id },
      ],
    })
    for (const cacheBytes of [2 ** 24, 2 ** 16]) {
      const fs = Docteur.mountSync(deviceOf(bytes), { cacheBytes, checkContent: true })
      expect(Buffer.compare(fs.readFileSync('/f'), content)).toBe(0)
    }
  })
})

describe('devices', () => {
  const image = treeImage(LINKS)
  const devices: [string, () => BlockDevice][] = [
    ['blocks of 512', () => deviceOf(image).withBlockSize(512)],
    [
      'a partition',
      () => {
        const padded = new Uint8Array(image.length + 1000)
        padded.set(image, 1000)
        return new PartitionDevice(deviceOf(padded), { offsetBytes: 1000 })
      },
    ],
    [
      'blocks that cannot be joined, reads of 16',
      () => {
        const { read, geometry } = {
          read: deviceOf(image),
          geometry: { blockSize: 64, blockCount: image.length / 64, readSize: 16, progSize: 64 },
        }
        const view = read.withBlockSize(64)
        return {
          geometry,
          readOnly: true,
          read: (spans) => view.read(spans),
          prog() {},
          erase() {},
          sync() {},
          close() {},
        }
      },
    ],
  ]

  it.each(devices)('%s', (_, device) => {
    const fs = Docteur.mountSync(device())
    expect(fs.readFileSync('/to-link', 'utf8')).toBe('d')
    expect(fs.info().imageBytes).toBe(image.length)
  })

  it('readers go side by side on a device that answers in any order', async () => {
    const device = new JitterDevice(deviceOf(image), new Random(9))
    const fs = await Docteur.mount(device, { cacheBytes: 4096 })
    const wanted = ['/to-link', '/file', '/a/b/c.txt', '/a/up', '/to-dir/c.txt']
    const expected = wanted.map((path) => fs.readFile(path, 'utf8'))
    const contents = await Promise.all([
      ...expected,
      ...wanted.map((path) => fs.readFile(path, 'utf8')),
    ])
    expect(contents).toEqual(
      [...Array(2)].flatMap(() => ['d', 'content', 'deep', 'content', 'deep']),
    )
  })

  it('an image without its IDX, or with a damaged one, is analysed', () => {
    const damaged = image.slice()
    const at = Number(new DataView(damaged.buffer).getBigUint64(20, true))
    damaged[at] = 0
    const cut = image.slice(0, at)
    for (const bytes of [damaged, cut]) {
      const fs = Docteur.mountSync(deviceOf(bytes))
      expect(fs.info()).toMatchObject({
        indexSource: 'analysis',
        indexProblem: expect.stringMatching(/IDX/),
      })
      expect(fs.readFileSync('/to-link', 'utf8')).toBe('d')
      expect(() => Docteur.mountSync(deviceOf(bytes), { analyze: false })).toThrow(
        expect.objectContaining({ code: 'BAD_INDEX' }),
      )
    }
  })

  it('opening reads as much of a large image as of a small one', () => {
    const files = Object.fromEntries(
      Array.from({ length: 3000 }, (_, i) => [`f${i}`, `${i}`.repeat(50)]),
    )
    const counts = [treeImage({ file: 'x' }), treeImage({ ...files })].map((bytes) => {
      let count = 0
      const device = deviceOf(bytes)
      const counting: BlockDevice = {
        geometry: { blockSize: 1, blockCount: bytes.length, readSize: 1, progSize: 1 },
        readOnly: true,
        withBlockSize(size) {
          const view = device.withBlockSize(size)
          return {
            ...counting,
            geometry: view.geometry,
            read: (spans) => {
              count += spans.length
              return view.read(spans)
            },
          }
        },
        read: () => {},
        prog() {},
        erase() {},
        sync() {},
        close() {},
      }
      Docteur.mountSync(counting)
      return count
    })
    expect(counts[1]).toBeLessThanOrEqual((counts[0] as number) + 4)
  })
})
