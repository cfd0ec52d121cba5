import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  AssertionError,
  assert,
  CaravanError,
  DeviceError,
  FormatError,
  FsError,
  MisuseError,
} from './errors.js'

let directory = ''
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'caravan-errors-'))
  writeFileSync(join(directory, 'file'), 'x')
})
afterAll(() => rmSync(directory, { recursive: true }))

describe('FsError is what node:fs throws', () => {
  test.each([
    ['ENOENT', 'missing', (path: string) => readFileSync(path)],
    ['ENOENT', 'missing', (path: string) => readdirSync(path)],
    ['ENOTDIR', 'file/inside', (path: string) => readFileSync(path)],
    ['ENOTDIR', 'file', (path: string) => readdirSync(path)],
    ['EISDIR', '.', (path: string) => writeFileSync(path, '')],
    ['ENOTEMPTY', '.', (path: string) => rmdirSync(path)],
    ['EEXIST', 'file', (path: string) => mkdirSync(path)],
    ['EEXIST', 'file', (path: string) => writeFileSync(path, '', { flag: 'wx' })],
  ] as const)('%s of %s', (code, name, call) => {
    let real: NodeJS.ErrnoException | undefined
    try {
      call(join(directory, name))
    } catch (error) {
      real = error as NodeJS.ErrnoException
    }
    expect(real?.code).toBe(code)
    const { syscall = '', path = '' } = real ?? {}
    const ours = new FsError(code, { syscall, path })
    expect(ours.message).toBe(real?.message)
    expect(ours).toMatchObject({ code, errno: real?.errno, syscall, path })
  })

  test('two paths, and a hint behind', () => {
    const error = new FsError('EXDEV', { syscall: 'rename', path: '/a', dest: '/b', hint: 'Copy.' })
    expect(error.message).toBe(
      "EXDEV: cross-device link not permitted, rename '/a' -> '/b' (Copy.)",
    )
    expect(new FsError('ENOSPC').message).toBe('ENOSPC: no space left on device')
  })
})

describe('all errors', () => {
  const cause = new TypeError('below')
  const all = [
    new FormatError('BAD_CRC', 'A CRC.', { structure: 'commit', block: 1, offset: 2, cause }),
    new FsError('EIO', { cause }),
    new DeviceError('IO', 'A disk.', { request: 'read', block: 1, offset: 2, length: 3, cause }),
    new MisuseError('UNMOUNTED', 'Unmounted.'),
    new AssertionError('the sky is green'),
  ]

  test('are CaravanErrors with a name and a code', () => {
    for (const error of all) {
      expect(error).toBeInstanceOf(CaravanError)
      expect(error).toBeInstanceOf(Error)
      expect(error.name).toBe(error.constructor.name)
      expect(error.code).toMatch(/^[A-Z_]+$/)
    }
  })

  test('carry their cause, and none where there is none', () => {
    expect(all.slice(0, 3).map((error) => error.cause)).toEqual([cause, cause, cause])
    expect(Object.hasOwn(new DeviceError('IO', 'A disk.'), 'cause')).toBe(false)
  })

  test('point at their place', () => {
    expect(all[0]).toMatchObject({ structure: 'commit', block: 1, offset: 2, path: undefined })
    expect(all[2]).toMatchObject({ request: 'read', block: 1, offset: 2, length: 3 })
  })
})

test('assert states a claim', () => {
  assert(true, 'nothing')
  expect(() => assert(false, 'the tail has a head')).toThrow(AssertionError)
  expect(() => assert(false, 'the tail has a head')).toThrow(/the tail has a head.*report it/)
})
