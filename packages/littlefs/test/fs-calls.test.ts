/** What the face does, call by call, in its three forms. */

import { Buffer } from 'node:buffer'
import { AbortError, type Dir, Dirent, type StatFs, type Stats } from '@caravan/fs'
import { nodeFs } from '@caravan/fs/node'
import { JitterDevice, Random } from '@caravan/testkit'
import { describe, expect, it } from 'vitest'
import { LittleFS } from '../src/index.js'
import { freshDevice, freshFs } from './node-face.js'

const code = (name: string) => expect.objectContaining({ code: name })

/** A call with a callback, as a promise of what the callback was given. */
function called<T extends unknown[]>(
  start: (done: (error: unknown, ...results: T) => void) => unknown,
): Promise<T> {
  return new Promise((resolve, reject) => {
    start((error, ...results) => (error === null ? resolve(results) : reject(error)))
  })
}

describe('callbacks', () => {
  it('access, appendFile, writeFile, readFile, truncate, unlink, exists', async () => {
    const fs = nodeFs(freshFs())
    await called((done) => fs.writeFile('/f', 'one', done))
    await called((done) => fs.appendFile('/f', ' two', done))
    await called((done) => fs.access('/f', fs.constants.R_OK, done))
    expect(await called((done) => fs.readFile('/f', done))).toEqual([Buffer.from('one two')])
    expect(await called((done) => fs.readFile('/f', 'utf8', done))).toEqual(['one two'])
    await called((done) => fs.truncate('/f', 3, done))
    expect(await called((done) => fs.readFile('/f', { encoding: 'utf8' }, done))).toEqual(['one'])
    await called((done) => fs.unlink('/f', done))
    expect(await new Promise((resolve) => fs.exists('/f', resolve))).toBe(false)
    await expect(called((done) => fs.readFile('/f', done))).rejects.toEqual(code('ENOENT'))
  })

  it('open, write, writev, read, readv, fstat, ftruncate, futimes, fsync, fdatasync, close', async () => {
    const fs = nodeFs(freshFs())
    const [fd] = await called<[number]>((done) => fs.open('/f', 'w+', done))
    expect(fd).toBeGreaterThan(2)
    const bytes = Buffer.from('hello')
    expect(await called((done) => fs.write(fd, bytes, 0, 5, null, done))).toEqual([5, bytes])
    expect(await called((done) => fs.write(fd, ' text', done))).toEqual([5, ' text'])
    const pieces = [Buffer.from('a'), Buffer.from('b')]
    expect(await called((done) => fs.writev(fd, pieces, done))).toEqual([2, pieces])
    await called((done) => fs.fsync(fd, done))
    await called((done) => fs.fdatasync(fd, done))
    const target = Buffer.alloc(4)
    expect(await called((done) => fs.read(fd, target, 0, 4, 1, done))).toEqual([4, target])
    expect(target.toString()).toBe('ello')
    const parts = [Buffer.alloc(2), Buffer.alloc(9)]
    expect(await called((done) => fs.readv(fd, parts, 6, done))).toEqual([6, parts])
    await called((done) => fs.futimes(fd, 5, 6, done))
    await called((done) => fs.ftruncate(fd, 5, done))
    const [stats] = await called<[Stats]>((done) => fs.fstat(fd, done))
    expect([stats.size, stats.isFile()]).toEqual([5, true])
    await called((done) => fs.close(fd, done))
    await expect(called((done) => fs.close(fd, done))).rejects.toEqual(code('EBADF'))
  })

  it('mkdir, mkdtemp, readdir, opendir, rename, copyFile, cp, rm, rmdir, stat, lstat, statfs, utimes, lutimes, realpath', async () => {
    const fs = nodeFs(freshFs())
    expect(await called((done) => fs.mkdir('/a/b', { recursive: true }, done))).toEqual(['/a'])
    const [made] = await called<[string]>((done) => fs.mkdtemp('/a/t-', done))
    expect(made).toMatch(/^\/a\/t-\w{6}$/)
    await called((done) => fs.rmdir(made, done))
    fs.writeFileSync('/a/b/f', 'x')
    await called((done) => fs.copyFile('/a/b/f', '/a/g', done))
    await called((done) => fs.cp('/a/b', '/c', { recursive: true }, done))
    await called((done) => fs.rename('/c/f', '/c/h', done))
    expect(await called((done) => fs.readdir('/c', done))).toEqual([['h']])
    const [dir] = await called<[Dir]>((done) => fs.opendir('/a', done))
    expect([dir.readSync()?.name, dir.readSync()?.name, dir.readSync()]).toEqual(['b', 'g', null])
    await called((done) => dir.close(done))
    await called((done) => fs.utimes('/c/h', 1, 2, done))
    await called((done) => fs.lutimes('/c/h', 1, 3, done))
    const [[stats], [link]] = [
      await called<[Stats]>((done) => fs.stat('/c/h', done)),
      await called<[Stats]>((done) => fs.lstat('/c/h', done)),
    ]
    expect([stats.mtimeMs, link.isSymbolicLink()]).toEqual([3000, false])
    expect(await called((done) => fs.realpath('/c/../c/./h', done))).toEqual(['/c/h'])
    const [space] = await called<[StatFs]>((done) => fs.statfs('/', done))
    expect([space.bsize, space.blocks]).toEqual([4096, 256])
    await called((done) => fs.rm('/a', { recursive: true }, done))
    expect(fs.readdirSync('/')).toEqual(['c'])
  })

  it("what throws in a callback is the program's, not a rejected promise", async () => {
    const fs = nodeFs(freshFs())
    const caught = new Promise((resolve) => process.once('uncaughtException', resolve))
    const listeners = process.listeners('uncaughtException').slice(0, -1)
    for (const listener of listeners) process.off('uncaughtException', listener)
    fs.stat('/', () => {
      throw new RangeError('mine')
    })
    expect(await caught).toEqual(new RangeError('mine'))
    for (const listener of listeners) process.on('uncaughtException', listener)
  })
})

describe('what littlefs cannot hold says so', () => {
  it('link, symlink, readlink, chmod, chown, lchmod, lchown, fchmod, fchown, watch, watchFile', async () => {
    const fs = freshFs()
    fs.writeFileSync('/f', '')
    const fd = fs.openSync('/f')
    for (const call of [
      () => fs.linkSync('/f', '/g'),
      () => fs.symlinkSync('/f', '/g'),
      () => fs.chmodSync('/f', 0o600),
      () => fs.chownSync('/f', 1, 1),
      () => fs.lchmodSync('/f', 0o600),
      () => fs.lchownSync('/f', 1, 1),
      () => fs.fchmodSync(fd, 0o600),
      () => fs.fchownSync(fd, 1, 1),
      () => fs.watch('/f'),
      () => fs.watchFile('/f'),
    ]) {
      expect(call).toThrow(code('ENOSYS'))
    }
    fs.unwatchFile('/f')
    expect(() => fs.readlinkSync('/f')).toThrow(code('EINVAL'))
    for (const name of ['link', 'symlink'] as const) {
      await expect(fs.promises[name]('/f', '/g')).rejects.toEqual(code('ENOSYS'))
      await expect(called((done) => fs[name]('/f', '/g', done))).rejects.toEqual(code('ENOSYS'))
    }
    await expect(fs.promises.readlink('/f')).rejects.toEqual(code('EINVAL'))
    await expect(fs.promises.chmod('/f', 0o600)).rejects.toEqual(code('ENOSYS'))
    await expect(fs.promises.lchown('/f', 1, 1)).rejects.toEqual(code('ENOSYS'))
    expect(() => fs.chmodSync('/nope', 0)).toThrow(code('ENOENT'))
  })

  it("permissions: 'ignore' lets chmod and chown pass", async () => {
    const fs = freshFs({ permissions: 'ignore' })
    fs.writeFileSync('/f', '')
    fs.chmodSync('/f', 0o600)
    await fs.chown('/f', 1, 1)
    await fs.promises.lchmod('/f', 0o600)
    const handle = await fs.open('/f')
    await handle.chmod(0o600)
    await handle.chown(1, 1)
    await handle.close()
    expect(fs.statSync('/f').mode & 0o777).toBe(0o644)
    expect(() => fs.chmodSync('/nope', 0)).toThrow(code('ENOENT'))
  })
})

describe('errors', () => {
  it('have the code, number, call, paths and message of Node', () => {
    const fs = freshFs()
    expect(() => fs.openSync('/x')).toThrow(
      expect.objectContaining({
        code: 'ENOENT',
        errno: -2,
        syscall: 'open',
        path: '/x',
        message: "ENOENT: no such file or directory, open '/x'",
      }),
    )
    expect(() => fs.renameSync('/x', '/y')).toThrow(
      expect.objectContaining({
        path: '/x',
        dest: '/y',
        message: "ENOENT: no such file or directory, rename '/x' -> '/y'",
      }),
    )
  })

  it('a read-only mount refuses every change', () => {
    const device = freshDevice()
    LittleFS.mountSync(device).writeFileSync('/f', 'x')
    const fs = LittleFS.mountSync(device, { readOnly: true })
    for (const change of [
      () => fs.writeFileSync('/f', ''),
      () => fs.openSync('/f', 'r+'),
      () => fs.mkdirSync('/d'),
      () => fs.unlinkSync('/f'),
      () => fs.rmSync('/f'),
      () => fs.renameSync('/f', '/g'),
      () => fs.utimesSync('/f', 1, 1),
      () => fs.cpSync('/f', '/g'),
      () => fs.accessSync('/f', fs.constants.W_OK),
    ]) {
      expect(change).toThrow(code('EROFS'))
    }
    expect(fs.statSync('/f').mode & 0o222).toBe(0)
  })

  it('exists and throwIfNoEntry ask without an error', () => {
    const fs = freshFs()
    expect(fs.existsSync('/x')).toBe(false)
    expect(fs.statSync('/x', { throwIfNoEntry: false })).toBeUndefined()
    expect(fs.lstatSync('/x', { throwIfNoEntry: false })).toBeUndefined()
  })
})

describe('FileHandle', () => {
  it('reads and writes, at positions and from where it stands', async () => {
    const fs = nodeFs(freshFs())
    const handle = await fs.promises.open('/f', 'w+')
    expect((await handle.write('hello')).bytesWritten).toBe(5)
    expect((await handle.writev([Buffer.from(' a'), Buffer.from('b')])).bytesWritten).toBe(3)
    const { bytesRead, buffer } = await handle.read({ position: 0 })
    expect(buffer.subarray(0, bytesRead)).toEqual(new Uint8Array(Buffer.from('hello ab')))
    const target = Buffer.alloc(3)
    await handle.readv([target], 1)
    expect(target.toString()).toBe('ell')
    await handle.truncate(5)
    await handle.sync()
    await handle.datasync()
    await handle.utimes(10, 20)
    expect((await handle.stat()).mtimeMs).toBe(20_000)
    expect((await handle.stat({ bigint: true })).size).toBe(5n)
    await handle.close()
    expect(handle.fd).toBe(-1)
    await expect(handle.read()).rejects.toEqual(code('EBADF'))
  })

  it('readFile, writeFile, appendFile, readLines, web streams, asyncDispose', async () => {
    const fs = freshFs()
    await fs.writeFile('/f', 'one\r\ntwo\nthree')
    const lines: string[] = []
    for await (const line of (await fs.open('/f')).readLines()) lines.push(line)
    expect(lines).toEqual(['one', 'two', 'three'])
    const handle = await fs.open('/g', 'a+')
    await handle.writeFile('abc')
    await handle.appendFile(['d', Buffer.from('e')])
    expect(await handle.readFile('utf8')).toBe('')
    const chunks: Uint8Array[] = []
    const again = await fs.open('/g')
    for await (const chunk of again.readableWebStream() as unknown as AsyncIterable<Uint8Array>) {
      chunks.push(chunk)
    }
    expect(Buffer.concat(chunks).toString()).toBe('abcde')
    for (const each of [handle, again]) await each[Symbol.asyncDispose]()
    await handle[Symbol.asyncDispose]()
    await fs.unmount()
  })

  it('what is appended at a position goes to the end, and leaves the handle where it was', () => {
    const fs = freshFs()
    fs.writeFileSync('/f', 'ab')
    const fd = fs.openSync('/f', 'a+')
    fs.writeSync(fd, Buffer.from('cd'), 0, 2, 0)
    const bytes = Buffer.alloc(4)
    expect(fs.readSync(fd, bytes, 0, 4, null)).toBe(4)
    expect(bytes.toString()).toBe('abcd')
    fs.closeSync(fd)
  })

  it('what one handle writes the others read at once, and it is durable after a sync', async () => {
    const device = freshDevice()
    const fs = await LittleFS.mount(device)
    const [a, b] = [await fs.open('/f', 'w'), await fs.open('/f', 'r')]
    await a.write('x'.repeat(5000))
    expect((await b.readFile('utf8')).length).toBe(5000)
    expect((await fs.readFile('/f')).length).toBe(5000)
    expect([fs.statSync('/f').size, (await b.stat()).size]).toEqual([5000, 5000])
    expect(LittleFS.mountSync(device).statSync('/f').size).toBe(0)
    await a.sync()
    expect(LittleFS.mountSync(device).statSync('/f').size).toBe(5000)
    await fs.rename('/f', '/g')
    await a.write('y')
    await fs.unlink('/g')
    await a.write('z')
    expect((await b.stat()).size).toBe(5002)
    await a.close()
    await b.close()
    await fs.unmount()
    expect(LittleFS.mountSync(device).readdirSync('/')).toEqual([])
  })

  it('calls that were not awaited keep their order', async () => {
    const device = new JitterDevice(freshDevice(), new Random(7))
    const fs = await LittleFS.mount(device)
    const handle = await fs.open('/f', 'w+')
    const writes = ['one ', 'two ', 'three'].map((text) => handle.write(text))
    const seen = handle.read(new Uint8Array(20), 0, 20, 0)
    await handle.close()
    await Promise.all(writes)
    expect((await seen).bytesRead).toBe(13)
    expect(await fs.readFile('/f', 'utf8')).toBe('one two three')
  })
})

describe('streams', () => {
  const bytes = Buffer.from(Array.from({ length: 300_000 }, (_, i) => (i * 31) & 0xff))

  it('createReadStream, createWriteStream: of Node, with ranges', async () => {
    const { pipeline } = await import('node:stream/promises')
    const fs = nodeFs(freshFs())
    fs.writeFileSync('/f', bytes)
    await pipeline(fs.createReadStream('/f'), fs.createWriteStream('/g'))
    expect(Buffer.compare(fs.readFileSync('/g'), bytes)).toBe(0)
    const part: Buffer[] = []
    for await (const chunk of fs.createReadStream('/f', { start: 10, end: 19 })) part.push(chunk)
    expect(Buffer.concat(part)).toEqual(bytes.subarray(10, 20))
    await expect(fs.createReadStream('/nope').toArray()).rejects.toEqual(code('ENOENT'))
    const handle = await fs.promises.open('/g', 'r+')
    const stream = (
      handle as unknown as { createWriteStream(o: object): NodeJS.WritableStream }
    ).createWriteStream({ start: 0 })
    await new Promise<void>((resolve) => stream.end('start', () => resolve()))
    expect(fs.readFileSync('/g').subarray(0, 6)).toEqual(
      Buffer.concat([Buffer.from('start'), bytes.subarray(5, 6)]),
    )
    fs.createReadStream('/f').destroy()
  })

  it('of the web: a read when it is asked for, a write after the other', async () => {
    const fs = freshFs()
    const into = fs.createWriteStream('/f') as WritableStream<Uint8Array>
    const from = new Blob([bytes]).stream()
    await from.pipeTo(into)
    const stream = fs.createReadStream('/f', { start: 5 }) as ReadableStream<Uint8Array>
    const copy = Buffer.from(await new Response(stream).arrayBuffer())
    expect(Buffer.compare(copy, bytes.subarray(5))).toBe(0)
    const early = fs.createReadStream('/f') as ReadableStream<Uint8Array>
    const reader = early.getReader()
    await reader.read()
    await reader.cancel()
    await fs.unmount()
  })

  it('openAsBlob', async () => {
    const fs = freshFs()
    await fs.writeFile('/f', 'blob')
    expect(await (await fs.openAsBlob('/f', { type: 'text/plain' })).text()).toBe('blob')
  })
})

describe('options', () => {
  it('encoding of readFile and writeFile as Buffer has it', async () => {
    const fs = freshFs()
    const bytes = Buffer.from('grüezi €\u0000\u00ff')
    for (const encoding of [
      'utf8',
      'latin1',
      'ascii',
      'hex',
      'base64',
      'base64url',
      'utf16le',
    ] as const) {
      await fs.writeFile('/f', bytes)
      expect(await fs.readFile('/f', encoding), encoding).toBe(bytes.toString(encoding))
      fs.writeFileSync('/g', bytes.toString(encoding), encoding)
      const expected = Buffer.from(bytes.toString(encoding), encoding)
      expect(Buffer.compare(fs.readFileSync('/g'), expected), encoding).toBe(0)
    }
    expect(() => fs.readFileSync('/f', 'klingon' as 'utf8')).toThrow(code('INVALID_ARGUMENT'))
  })

  it('signal ends readFile and writeFile', async () => {
    const fs = freshFs()
    await fs.writeFile('/f', 'x')
    const aborted = AbortSignal.abort('enough')
    await expect(fs.readFile('/f', { signal: aborted })).rejects.toEqual(new AbortError('enough'))
    await expect(fs.writeFile('/f', 'y', { signal: aborted })).rejects.toEqual(code('ABORT_ERR'))
    expect(await fs.readFile('/f', 'utf8')).toBe('x')
  })

  it('readdir and opendir: recursive, withFileTypes, names as bytes', async () => {
    const fs = freshFs()
    fs.mkdirSync('/d/e', { recursive: true })
    fs.writeFileSync('/d/e/f', '')
    expect(fs.readdirSync('/', { recursive: true })).toEqual(['d', 'd/e', 'd/e/f'])
    expect(fs.readdirSync('/d', { encoding: 'buffer' })).toEqual([new Uint8Array([0x65])])
    const [entry] = fs.readdirSync('/d/e', { withFileTypes: true })
    expect(entry).toEqual(new Dirent('f', '/d/e', 'file'))
    const names: string[] = []
    for await (const { name, parentPath } of await fs.opendir('/', { recursive: true })) {
      names.push(`${parentPath} ${name}`)
    }
    expect(names).toEqual(['/ d', '/d e', '/d/e f'])
    const dir = fs.opendirSync('/')
    dir.closeSync()
    expect(() => dir.readSync()).toThrow(code('ERR_DIR_CLOSED'))
  })

  it('cp with a filter that answers with promises, force and errorOnExist, times kept', async () => {
    const fs = freshFs()
    fs.mkdirSync('/a/keep', { recursive: true })
    fs.mkdirSync('/a/drop')
    fs.writeFileSync('/a/keep/f', 'new')
    fs.utimesSync('/a/keep/f', 100, 200)
    const filter = async (source: string) => !source.endsWith('drop')
    await fs.cp('/a', '/b', { recursive: true, filter, preserveTimestamps: true })
    expect(fs.readdirSync('/b', { recursive: true })).toEqual(['keep', 'keep/f'])
    expect(fs.statSync('/b/keep/f').mtimeMs).toBe(200_000)
    fs.writeFileSync('/b/keep/f', 'old')
    fs.cpSync('/a', '/b', {
      recursive: true,
      force: false,
      filter: (path) => !path.includes('drop'),
    })
    expect(fs.readFileSync('/b/keep/f', 'utf8')).toBe('old')
    const again = { force: false, errorOnExist: true }
    expect(() => fs.cpSync('/a/keep/f', '/b/keep/f', again)).toThrow(code('ERR_FS_CP_EEXIST'))
    const big = new Uint8Array(400_000).fill(7)
    fs.writeFileSync('/big', big)
    fs.copyFileSync('/big', '/copy')
    expect(Buffer.compare(fs.readFileSync('/copy'), big)).toBe(0)
  })

  it('paths: bytes and file: URLs; no zero bytes', () => {
    const fs = freshFs()
    fs.writeFileSync(new URL('file:///a%20b'), 'x')
    expect(fs.readdirSync('/')).toEqual(['a b'])
    expect(fs.statSync(new TextEncoder().encode('a b')).size).toBe(1)
    fs.writeFileSync(new Uint8Array([0x2f, 0xff]), '')
    expect(fs.readdirSync('/', 'buffer')).toContainEqual(new Uint8Array([0xff]))
    expect(() => fs.statSync('/\0')).toThrow(code('INVALID_ARGUMENT'))
    expect(fs.statSync('/../../a b').size).toBe(1)
  })

  it('statfs and stat in bigints', () => {
    const fs = freshFs()
    fs.writeFileSync('/f', 'x')
    expect(fs.statfsSync('/', { bigint: true })).toMatchObject({ bsize: 4096n, blocks: 256n })
    expect(fs.statSync('/f', { bigint: true }).mtimeNs).toBeGreaterThan(0n)
  })
})

describe('unmount', () => {
  it('is refused while files are open, or closes them; calls after it say so', async () => {
    const device = freshDevice()
    const fs = await LittleFS.mount(device)
    const handle = await fs.open('/f', 'w')
    const engineFile = await fs.openEngineFile('/g', { write: true, create: true })
    await handle.write('kept')
    await engineFile.write(Buffer.from('kept too'))
    await expect(fs.unmount()).rejects.toEqual(code('OPEN_HANDLES'))
    expect(() => fs.unmountSync()).toThrow('2 files are still open')
    const pending = fs.appendFile('/h', 'behind it')
    await fs.unmount({ openHandles: 'close' })
    await pending
    for (const call of [
      () => fs.readFile('/f'),
      () => fs.promises.stat('/'),
      () => handle.stat(),
    ]) {
      await expect(call()).rejects.toEqual(code('UNMOUNTED'))
    }
    for (const call of [
      () => fs.statSync('/'),
      () => fs.readdirSync('/'),
      () => fs.unmountSync(),
    ]) {
      expect(call).toThrow(code('UNMOUNTED'))
    }
    const again = LittleFS.mountSync(device)
    expect(again.readFileSync('/f', 'utf8')).toBe('kept')
    expect(again.readFileSync('/g', 'utf8')).toBe('kept too')
    expect(again.readFileSync('/h', 'utf8')).toBe('behind it')
    again.openSync('/f')
    again.unmountSync({ openHandles: 'close' })
  })

  it('a failed write is told to who wrote, and to who closes', async () => {
    const fs = freshFs({}, 16)
    const [a, b] = [await fs.open('/f', 'w'), await fs.open('/f', 'r+')]
    await a.write('good')
    await expect(b.write(new Uint8Array(100_000))).rejects.toEqual(code('ENOSPC'))
    await b.close()
    await expect(a.sync()).rejects.toEqual(code('EIO'))
    await expect(a.close()).rejects.toEqual(code('EIO'))
    await fs.unmount()
  })
})

it('the classes that a program asks for are there', () => {
  const fs = nodeFs(freshFs())
  expect(fs.statSync('/')).toBeInstanceOf(fs.Stats)
  expect(fs.opendirSync('/')).toBeInstanceOf(fs.Dir)
  fs.mkdirSync('/d')
  expect(fs.readdirSync('/', { withFileTypes: true })[0]).toBeInstanceOf(fs.Dirent)
  expect([fs.F_OK, fs.R_OK, fs.W_OK, fs.X_OK]).toEqual([0, 4, 2, 1])
  expect(fs.promises.constants).toBe(fs.constants)
})
