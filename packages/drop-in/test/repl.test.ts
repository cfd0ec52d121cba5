/** The shell of littlefs-python: its commands, and that the image is changed in place. */

import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { MemoryDevice } from '@caravan/device'
import { check, LittleFS } from '@caravan/littlefs'
import { describe, expect, it } from 'vitest'
import { littlefsPython } from '../src/index.js'
import { call, freshPath, type Outcome } from './harness.js'

const BLOCK_SIZE = 4096
const PROMPT = 'littlefs> '

async function imageOf(...options: string[]): Promise<string> {
  const cwd = freshPath()
  mkdirSync(join(cwd, 'dir', 'sub', 'deep'), { recursive: true })
  writeFileSync(join(cwd, 'dir', 'a.txt'), 'hello\n')
  writeFileSync(
    join(cwd, 'dir', 'sub', 'b.bin'),
    Uint8Array.from({ length: 20 }, (_, i) => i + 60),
  )
  const sizes = ['--block-size', '4096', '--fs-size', '64kb']
  const argv = ['create', 'dir', 'fs.img', ...sizes, ...options]
  expect((await call(littlefsPython, argv, { cwd })).code).toBe(0)
  return cwd
}

function repl(cwd: string, lines: readonly string[], ...options: string[]): Promise<Outcome> {
  const argv = ['repl', 'fs.img', '--block-size', '4096', ...options]
  return call(littlefsPython, argv, { cwd, stdin: lines.map((line) => `${line}\n`).join('') })
}

/** What each of the lines was answered. */
async function answers(cwd: string, ...lines: string[]): Promise<string[]> {
  const { code, out, err } = await repl(cwd, lines)
  expect({ code, err }).toEqual({ code: 0, err: '' })
  const [first, ...rest] = out.split(PROMPT)
  expect(first).toBe('')
  expect(rest.pop()).toBe('\n')
  return rest
}

function mount(cwd: string): LittleFS {
  const bytes = new Uint8Array(readFileSync(join(cwd, 'fs.img')))
  return LittleFS.mountSync(new MemoryDevice(bytes, { blockSize: BLOCK_SIZE }), { readOnly: true })
}

describe('repl', () => {
  it('shows what is in the image', async () => {
    const cwd = await imageOf()
    const lines = [
      'ls',
      'dir sub',
      'cd sub',
      'pwd',
      'ls',
      'cat ../a.txt',
      'xxd b.bin',
      'cd',
      'tree',
    ]
    expect(await answers(cwd, ...lines)).toEqual([
      'a.txt\nsub\n',
      'b.bin\ndeep\n',
      '/sub\n',
      '/sub\n',
      'b.bin\ndeep\n',
      'hello\n',
      [
        '00000000: 3c 3d 3e 3f 40 41 42 43 44 45 46 47 48 49 4a 4b   <=>?@ABCDEFGHIJK\n',
        '00000010: 4c 4d 4e 4f                                       LMNO\n',
      ].join(''),
      '/\n',
      '/\n|-- a.txt\n`-- sub/\n    |-- b.bin\n    `-- deep/\n',
    ])
  })

  it('changes it in place', async () => {
    const cwd = await imageOf()
    writeFileSync(join(cwd, 'my file'), 'mine')
    const lines = [
      'mkdir x',
      'mkdir -p y/z',
      'put "my file"',
      'put "my file" /y/z/',
      'mv /a.txt /y/renamed',
      'rm -r sub',
      'rm x',
    ]
    expect(await answers(cwd, ...lines)).toEqual([
      'Created directory /x\n',
      'Created directory /y/z\n',
      'Put my file -> /my file\n',
      'Put my file -> /y/z/my file\n',
      'Moved /a.txt -> /y/renamed\n',
      'Removed /sub\n',
      'Removed /x\n',
    ])
    const fs = mount(cwd)
    expect(Array.from(fs.walkSync(), ({ path }) => path)).toEqual([
      '/',
      '/my file',
      '/y',
      '/y/renamed',
      '/y/z',
      '/y/z/my file',
    ])
    expect(fs.readFileSync('/y/z/my file', 'utf8')).toBe('mine')
  })

  it('copies to this computer, with the directories on the way', async () => {
    const cwd = await imageOf()
    mkdirSync(join(cwd, 'here'))
    const lines = ['get a.txt here', 'get sub/b.bin new/place/b', 'cd sub', 'get b.bin']
    expect(await answers(cwd, ...lines)).toEqual([
      `Got /a.txt -> ${join('here', 'a.txt')}\n`,
      'Got /sub/b.bin -> new/place/b\n',
      '/sub\n',
      'Got /sub/b.bin -> b.bin\n',
    ])
    expect(readFileSync(join(cwd, 'here', 'a.txt'), 'utf8')).toBe('hello\n')
    expect(statSync(join(cwd, 'new', 'place', 'b')).size).toBe(20)
    expect(existsSync(join(cwd, 'b.bin'))).toBe(true)
  })

  it('goes along when the directory that it is in is moved', async () => {
    const cwd = await imageOf()
    const [, moved, where] = await answers(cwd, 'cd sub/deep', 'mv /sub /other', 'pwd')
    expect([moved, where]).toEqual(['Moved /sub -> /other\n', '/other/deep\n'])
  })

  it('tells what fails, and goes on', async () => {
    const cwd = await imageOf()
    const lines = [
      'cat nothing',
      'frob',
      'cd a.txt',
      'mv x',
      'cat "x',
      'put gone',
      '',
      'rm sub',
      'ls',
    ]
    const told = await answers(cwd, ...lines)
    expect(told[0]).toMatch(/^ENOENT: .*\(LFS_ERR_NOENT\)\n$/)
    expect(told[1]).toBe('*** Unknown syntax: frob\n')
    expect(told[2]).toBe("'/a.txt' is no directory.\n")
    expect(told[3]).toBe('Usage: mv PATH NEW\n')
    expect(told[4]).toContain('a quote is not closed')
    expect(told[5]).toMatch(/^ENOENT: no such file or directory, open '.*gone'\n$/)
    expect(told[6]).toBe('')
    expect(told[7]).toMatch(/LFS_ERR_NOTEMPTY/)
    expect(told[8]).toBe('a.txt\nsub\n')
  })

  it('unmounts and mounts', async () => {
    const cwd = await imageOf()
    const lines = [
      'mount',
      'cd sub',
      'unmount',
      'unmount',
      'ls',
      'tree',
      'pwd',
      'mount',
      'pwd',
      'unmount',
    ]
    expect(await answers(cwd, ...lines)).toEqual([
      'already mounted.\n',
      '/sub\n',
      'Unmounted remote littlefs.\n',
      'already unmounted.\n',
      'not mounted. Use mount first.\n',
      'not mounted. Use mount first.\n',
      'not mounted. Use mount first.\n',
      'Mounted remote littlefs.\n',
      '/\n',
      'Unmounted remote littlefs.\n',
    ])
  })

  it('ends with exit, EOF or the end of the input', async () => {
    const cwd = await imageOf()
    expect(await repl(cwd, ['exit', 'ls'])).toEqual({ code: 0, out: PROMPT, err: '' })
    expect(await repl(cwd, ['EOF', 'ls'])).toEqual({ code: 0, out: `${PROMPT}\n`, err: '' })
    expect(await repl(cwd, [])).toEqual({ code: 0, out: `${PROMPT}\n`, err: '' })
  })

  it('tells what each command does', async () => {
    const [all = '', one, same, none] = await answers(
      await imageOf(),
      'help',
      'help rm',
      '? rm',
      'help x',
    )
    expect(all.split('\n')).toHaveLength(17)
    expect(one).toBe(
      'rm [-r] PATH          removes a file or an empty directory, with -r also what is in it\n',
    )
    expect(same).toBe(one)
    expect(none).toBe('*** No help on x\n')
  })

  it('makes a compact image longer where it is written to', async () => {
    const cwd = await imageOf('--compact', '--no-pad')
    writeFileSync(join(cwd, 'large'), new Uint8Array(20_000).fill(9))
    const before = statSync(join(cwd, 'fs.img')).size
    expect(await answers(cwd, 'put large', 'cat a.txt')).toEqual([
      'Put large -> /large\n',
      'hello\n',
    ])
    expect(statSync(join(cwd, 'fs.img')).size).toBeGreaterThan(before)
    const whole = new Uint8Array(16 * BLOCK_SIZE).fill(0xff)
    whole.set(readFileSync(join(cwd, 'fs.img')))
    const device = new MemoryDevice(whole, { blockSize: BLOCK_SIZE })
    expect((await check(device)).findings).toEqual([])
    expect(LittleFS.mountSync(device).readFileSync('/large')).toEqual(
      new Uint8Array(20_000).fill(9),
    )
  })

  it('keeps names in the encoding that is given', async () => {
    const cwd = await imageOf()
    writeFileSync(join(cwd, 'é'), 'x')
    const { out } = await repl(cwd, ['put é', 'ls', 'tree'], '--filename-encoding', 'latin-1')
    expect(out).toContain('a.txt\nsub\né\n')
    expect(out).toContain('`-- é\n')
    const names = mount(cwd).reference.readdirSync('/', { encoding: 'buffer' })
    expect(Buffer.from(names[2] ?? []).toString('hex')).toBe('e9')
  })

  it('says why an image cannot be mounted', async () => {
    const cwd = freshPath()
    mkdirSync(cwd)
    writeFileSync(join(cwd, 'fs.img'), new Uint8Array(8 * BLOCK_SIZE))
    const { code, out, err } = await repl(cwd, ['ls'])
    expect({ code, out }).toEqual({ code: 1, out: '' })
    expect(err).toContain('no littlefs with blocks of 4096 bytes')
  })

  it('stops when it is told to', async () => {
    const cwd = await imageOf()
    const stop = new AbortController()
    stop.abort()
    const argv = ['repl', 'fs.img', '--block-size', '4096']
    const { code } = await call(littlefsPython, argv, { cwd, signal: stop.signal, stdin: 'ls\n' })
    expect(code).toBe(130)
  })
})
