/** What the recordings do not show of mklittlefs: what stays when it fails, and hostile input. */

import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { MemoryDevice } from '@caravan/device'
import { buildImage, check, LittleFS } from '@caravan/littlefs'
import { replaceName } from '@caravan/testkit'
import { describe, expect, it } from 'vitest'
import { mklittlefs } from '../src/index.js'
import { call, freshPath } from './harness.js'

const BLOCK_SIZE = 4096

/** A directory with a tree in it: content by path. */
function place(tree: Readonly<Record<string, string | Uint8Array>>): string {
  const cwd = freshPath()
  mkdirSync(join(cwd, 'dir'), { recursive: true })
  for (const [path, content] of Object.entries(tree)) {
    mkdirSync(join(cwd, 'dir', path, '..'), { recursive: true })
    writeFileSync(join(cwd, 'dir', path), content)
    utimesSync(join(cwd, 'dir', path), 1600000000, 1600000000)
  }
  return cwd
}

function mount(image: string): LittleFS {
  return LittleFS.mountSync(
    new MemoryDevice(new Uint8Array(readFileSync(image)), { blockSize: BLOCK_SIZE }),
  )
}

describe('an image that is made', () => {
  it('is the same on every run, for one SOURCE_DATE_EPOCH', async () => {
    const cwd = place({ b: 'b', 'a/x': 'x', 'a/y': new Uint8Array(9000) })
    for (const image of ['1.img', '2.img']) {
      const argv = ['-c', 'dir', '-s', '65536', image]
      expect(await call(mklittlefs, argv, { cwd })).toMatchObject({ code: 0, err: '' })
    }
    const [first, second] = ['1.img', '2.img'].map((name) => readFileSync(join(cwd, name)))
    expect(first?.equals(second as Buffer)).toBe(true)
    await call(mklittlefs, ['-c', 'dir', '-s', '65536', '3.img'], { cwd, clock: '1700000001' })
    expect(readFileSync(join(cwd, '3.img')).equals(first as Buffer)).toBe(false)
  })

  it.each([128, 256, 512, 1024, 65536])('has sound blocks of %i bytes', async (blockSize) => {
    const tree = Object.fromEntries(
      Array.from({ length: 40 }, (_, i) => [`d${i % 7}/file-${i}`, new Uint8Array(i * 31).fill(i)]),
    )
    const cwd = place(tree)
    const size = Math.max(262144, 80 * blockSize)
    const argv = ['-c', 'dir', '-b', String(blockSize), '-s', String(size), 'fs.img']
    expect(await call(mklittlefs, argv, { cwd })).toMatchObject({ code: 0, err: '' })
    const image = new Uint8Array(readFileSync(join(cwd, 'fs.img')))
    const device = new MemoryDevice(image, { blockSize })
    expect((await check(device, { blockSize })).findings).toEqual([])
    const fs = LittleFS.mountSync(device)
    for (const [path, content] of Object.entries(tree)) {
      expect(fs.readFileSync(`/${path}`)).toEqual(content)
    }
    // And out again, as it was.
    const unpacked = await call(mklittlefs, ['-u', 'out', 'fs.img'], { cwd })
    expect(unpacked).toMatchObject({ code: 0, err: '' })
    for (const [path, content] of Object.entries(tree)) {
      const file = join(cwd, 'out', path)
      expect(new Uint8Array(readFileSync(file))).toEqual(content)
      expect(statSync(file).mtimeMs).toBe(1600000000_000)
    }
  })

  it('fills its last block, and not one more', async () => {
    const most = 24544
    const cwd = place({ 'f.bin': new Uint8Array(most).fill(7) })
    const argv = ['-c', 'dir', '-s', '32768', 'fs.img']
    expect(await call(mklittlefs, argv, { cwd })).toMatchObject({ code: 0, err: '' })
    expect(mount(join(cwd, 'fs.img')).readFileSync('/f.bin')).toHaveLength(most)
  })

  it('goes where a link leads, and over what it replaces', async () => {
    const cwd = place({ a: 'a' })
    writeFileSync(join(cwd, 'real.img'), 'before')
    symlinkSync('real.img', join(cwd, 'link.img'))
    const argv = ['-c', 'dir', '-s', '65536', 'link.img']
    expect(await call(mklittlefs, argv, { cwd })).toMatchObject({ code: 0 })
    expect(statSync(join(cwd, 'real.img')).size).toBe(65536)
  })

  it('is made for the device that CARAVAN_PROFILE names', async () => {
    const cwd = place({ a: 'a', ['n'.repeat(32)]: 'long enough' })
    const argv = ['-c', 'dir', '-b', '8192', '-s', '65536', 'fs.img']
    const env = { CARAVAN_PROFILE: 'esp8266' }
    expect(await call(mklittlefs, argv, { cwd, env })).toMatchObject({ code: 0 })
    const fs = LittleFS.mountSync(
      new MemoryDevice(new Uint8Array(readFileSync(join(cwd, 'fs.img')))),
    )
    expect(fs.info()).toMatchObject({ diskVersion: '2.0', nameMax: 32, blockSize: 8192 })

    writeFileSync(join(cwd, 'dir', 'n'.repeat(33)), 'too long')
    const refused = await call(mklittlefs, argv, { cwd, env })
    expect(refused).toMatchObject({
      code: 1,
      err: expect.stringMatching(/^unable to open '\/n{33}\./),
    })

    const unknown = await call(mklittlefs, argv, { cwd, env: { CARAVAN_PROFILE: 'esp' } })
    expect(unknown).toMatchObject({
      code: 1,
      err: expect.stringMatching(/^error: CARAVAN_PROFILE is 'esp', and must be one of esp-idf, /),
    })
  })

  it('is not in itself', async () => {
    const cwd = place({ a: 'a' })
    for (const _ of ['new', 'there already']) {
      const argv = ['-c', 'dir', '-s', '65536', 'dir/fs.img']
      expect(await call(mklittlefs, argv, { cwd })).toMatchObject({ code: 0, out: '/a\n' })
      expect(mount(join(cwd, 'dir/fs.img')).readdirSync('/')).toEqual(['a'])
    }
  })
})

describe('a run that fails', () => {
  const before = Buffer.from('the image of yesterday')

  it.each([
    [
      'a file too much',
      ['-s', '16384'],
      { big: new Uint8Array(50000) },
      /takes at least 5\d+ bytes/,
    ],
    ['one in a sub-directory', ['-s', '16384'], { 'sub/big': new Uint8Array(50000) }, /sub!\n/],
    [
      'too many directories',
      ['-s', '16384'],
      { 'a/x': '', 'b/x': '', 'c/x': '' },
      /takes at least/,
    ],
    ['bad caches', ['-s', '65536', '-m', '100'], {}, /^error: the cache \(-m\) of 100 bytes/],
    ['a list that is missing', ['-s', '65536', '-T', 'none'], {}, /failed to open none for/],
  ])('leaves the image that was there: %s', async (_, options, tree, err) => {
    const cwd = place(tree)
    writeFileSync(join(cwd, 'fs.img'), before)
    const outcome = await call(mklittlefs, ['-c', 'dir', ...options, 'fs.img'], { cwd })
    expect(outcome).toMatchObject({ code: 1, err: expect.stringMatching(err) })
    expect(readFileSync(join(cwd, 'fs.img'))).toEqual(before)
    expect(readdirSync(cwd).sort()).toEqual(['dir', 'fs.img'])
  })

  it('does not read what cannot fit', async () => {
    const cwd = place({ huge: '' })
    truncateSync(join(cwd, 'dir', 'huge'), 2 ** 40)
    const argv = ['-c', 'dir', '-d', '1', '-s', '32768', 'fs.img']
    const { code, out } = await call(mklittlefs, argv, { cwd })
    // Six blocks are free, and hold 24544 bytes of it.
    const said = `/huge\nfile size: ${2 ** 40}\ndata left: ${2 ** 40 - 24544}\n`
    expect({ code, out }).toEqual({ code: 1, out: `Debug output enabled\n${said}\n` })
  })

  it('does not take a name that is not there for all of the computer', async () => {
    const cwd = place({})
    const outcome = await call(mklittlefs, ['-c', '', '-s', '65536', 'fs.img'], { cwd })
    expect(outcome).toEqual({
      code: 1,
      out: '',
      err: "warning: can't read source directory\nerror: the image was not written\n",
    })
  })

  it('leaves nothing when it is interrupted', async () => {
    const stop = new AbortController()
    const cwd = place({ a: 'a', b: 'b', 'sub/c': 'c' })
    const unpackFrom = freshPath()
    mkdirSync(unpackFrom)
    stop.abort()
    const argv = ['-c', 'dir', '-s', '65536', 'fs.img']
    const { signal } = stop
    expect(await call(mklittlefs, argv, { cwd, signal })).toMatchObject({ code: 130 })
    expect(readdirSync(cwd)).toEqual(['dir'])
  })

  it('says what SOURCE_DATE_EPOCH must be', async () => {
    const cwd = place({ a: 'a' })
    const argv = ['-c', 'dir', '-s', '65536', 'fs.img']
    const { code, err } = await call(mklittlefs, argv, { cwd, clock: 'today' })
    expect({ code, err }).toEqual({
      code: 1,
      err: "error: SOURCE_DATE_EPOCH is 'today', and must be seconds since 1970. Correct it, or unset it.\n",
    })
    expect(existsSync(join(cwd, 'fs.img'))).toBe(false)
  })
})

describe('a directory with links in it', () => {
  it('is packed to its end where one leads to itself', async () => {
    const cwd = place({ z: 'z' })
    symlinkSync('self', join(cwd, 'dir', 'self'))
    symlinkSync('pong', join(cwd, 'dir', 'ping'))
    symlinkSync('ping', join(cwd, 'dir', 'pong'))
    const outcome = await call(mklittlefs, ['-c', 'dir', '-s', '65536', 'fs.img'], { cwd })
    expect(outcome).toMatchObject({ code: 0, out: '/z\n' })
    expect(outcome.err).toBe(
      ['ping', 'pong', 'self']
        .map((name) => `symlink dir/${name} loops back to itself - skipping\n`)
        .join(''),
    )
  })
})

describe('an image that is listed', () => {
  it('shows its entries as its directories hold them', async () => {
    const cwd = place({ '.git': '', '.gitignore': '', ab: '', 'abc/x': '', 'abc-d': '', b: '' })
    await call(mklittlefs, ['-a', '-c', 'dir', '-s', '65536', 'fs.img'], { cwd })
    const { out } = await call(mklittlefs, ['-l', 'fs.img'], { cwd })
    // A name that begins with another comes before it, in the C library as here.
    expect(out.replace(/\t[^\t]* 20\d\d$/gm, '')).toBe(
      ['0\t/.gitignore', '0\t/.git', '0\t/abc-d', '<dir>\t/abc', '0\t//abcx', '0\t/ab', '0\t/b']
        .concat('Creation time:', '')
        .join('\n'),
    )
  })
})

describe('an image that is unpacked', () => {
  const build = (names: readonly string[]) =>
    buildImage(
      names.map((name) => ({ path: Buffer.from(name), data: name })),
      { blockSize: BLOCK_SIZE, blockCount: 16 },
    )

  it('writes nothing outside the directory, whatever its names', async () => {
    const cwd = freshPath()
    mkdirSync(cwd)
    const image = await build(['aaaaa', 'bb', 'kept'])
    const up = replaceName(image, BLOCK_SIZE, 'aaaaa', '../up')
    const bytes = replaceName(up, BLOCK_SIZE, 'bb', '..')
    writeFileSync(join(cwd, 'fs.img'), bytes)
    const outcome = await call(mklittlefs, ['-u', 'in/', 'fs.img'], { cwd })
    expect(outcome.code).toBe(1)
    expect(outcome.out).toContain('Can not unpack ')
    expect(existsSync(join(cwd, 'up'))).toBe(false)
    expect(readdirSync(cwd).sort()).toEqual(['fs.img', 'in'])
  })

  it('leaves out what cannot be read, and unpacks the rest', async () => {
    const cwd = freshPath()
    mkdirSync(cwd)
    const entries = ['a', 'b', 'c'].map((path) => ({ path, data: new Uint8Array(9000).fill(7) }))
    const image = await buildImage(entries, { blockSize: BLOCK_SIZE, blockCount: 16 })
    const fs = LittleFS.mountSync(new MemoryDevice(image.slice(), { blockSize: BLOCK_SIZE }))
    const blocks = fs.blockUseSync().filter(({ path, kind }) => path === '/b' && kind === 'data')
    // Its pointers lead out of the image.
    for (const { block } of blocks) image.fill(0x7f, block * BLOCK_SIZE, block * BLOCK_SIZE + 8)
    writeFileSync(join(cwd, 'fs.img'), image)
    const outcome = await call(mklittlefs, ['-u', 'out', 'fs.img'], { cwd })
    expect(outcome).toMatchObject({
      code: 1,
      out: expect.stringContaining('Can not unpack b!\n/c'),
    })
    expect(readdirSync(join(cwd, 'out')).sort()).toEqual(['a', 'c'])
  })

  it('replaces a link instead of writing through it', async () => {
    const cwd = freshPath()
    mkdirSync(join(cwd, 'out'), { recursive: true })
    writeFileSync(join(cwd, 'precious'), 'precious')
    symlinkSync('../precious', join(cwd, 'out', 'kept'))
    writeFileSync(join(cwd, 'fs.img'), await build(['kept']))
    expect(await call(mklittlefs, ['-u', 'out', 'fs.img'], { cwd })).toMatchObject({ code: 0 })
    expect(readFileSync(join(cwd, 'precious'), 'utf8')).toBe('precious')
    expect(readFileSync(join(cwd, 'out', 'kept'), 'utf8')).toBe('kept')
  })

  it('may have blocks that are no multiple of the cache', async () => {
    const cwd = freshPath()
    mkdirSync(cwd)
    const options = { blockSize: 1000, blockCount: 16 }
    writeFileSync(join(cwd, 'fs.img'), await buildImage([{ path: 'a', data: 'a' }], options))
    expect(await call(mklittlefs, ['-l', 'fs.img'], { cwd })).toEqual({
      code: 0,
      out: '1\t/a\n',
      err: '',
    })
    const given = await call(mklittlefs, ['-l', '-b', '1000', 'fs.img'], { cwd })
    expect(given).toMatchObject({ code: 1, err: expect.stringMatching(/^error: the block size/) })
  })
})
