/**
 * The story of the first test: two programs open one image for writing, each with its own idea of
 * the free blocks, and each overwrites what the other had just written. Neither notices.
 */

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { FileDevice } from './file.js'
import { takeLock } from './lock.js'

const LATER_OPENS = 8

let root = ''
let program = ''
let directory = ''
let image = ''
let lockPath = ''
const children: ChildProcess[] = []

/** What another process does: opens the file, says what came of it, and ends with its input. */
const PROGRAM = `
import { FileDevice } from '@caravan/device/node'
try {
  await FileDevice.open(process.argv[2])
  console.log(JSON.stringify({ pid: process.pid }))
} catch (error) {
  console.log(JSON.stringify({ code: error.code, message: error.message }))
}
process.stdin.on('end', () => process.exit()).resume()
`

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'caravan-lock-'))
  program = join(root, 'open.mjs')
  const source = (path: string) => fileURLToPath(new URL(path, import.meta.url))
  await build({
    stdin: { contents: PROGRAM, resolveDir: root },
    bundle: true,
    platform: 'node',
    format: 'esm',
    outfile: program,
    alias: {
      '@caravan/device/node': source('./index.ts'),
      '@caravan/core': source('../../../core/src/index.ts'),
    },
  })
})
afterAll(() => rmSync(root, { recursive: true }))

beforeEach(() => {
  directory = mkdtempSync(join(root, 'test-'))
  image = join(directory, 'image')
  lockPath = `${image}.lock`
  writeFileSync(image, new Uint8Array(1024))
})
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
})

/** Starts a process that opens the image; answers with it and with what it said. */
async function openElsewhere(path = image) {
  const child = spawn(process.execPath, [program, path], { stdio: ['pipe', 'pipe', 'inherit'] })
  children.push(child)
  const [line] = await once(createInterface(child.stdout), 'line')
  return { child, said: JSON.parse(line) as { pid?: number; code?: string; message?: string } }
}

/** What opening the image here fails with; `undefined` where it works. */
function refusal(path = image): { code: string; message: string } | undefined {
  try {
    FileDevice.openSync(path).close()
    return undefined
  } catch (error) {
    return error as { code: string; message: string }
  }
}

/** A lock as a program of another time or place would have left it. */
function leaveLock(changes: Record<string, unknown>) {
  const lock = takeLock(image)
  const holder = JSON.parse(readFileSync(lockPath, 'utf8'))
  lock.release()
  writeFileSync(lockPath, JSON.stringify({ ...holder, ...changes }))
}

describe('a lock that is held', () => {
  test('by another process: the error names it and what to do', async () => {
    const { child } = await openElsewhere()
    const error = refusal()
    expect(error?.code).toBe('LOCKED')
    for (const part of [
      image,
      `process ${child.pid} on host ${hostname()}`,
      'started ',
      lockPath,
      '--no-lock',
    ]) {
      expect(error?.message).toContain(part)
    }
  })

  test('by this process, under another name of the file too', async () => {
    const link = join(directory, 'link')
    symlinkSync(image, link)
    const device = FileDevice.openSync(link)
    expect(existsSync(lockPath)).toBe(true)
    expect(refusal()?.message).toContain(`process ${process.pid} (this one)`)
    expect(refusal(link)?.code).toBe('LOCKED')
    expect((await openElsewhere()).said).toMatchObject({ code: 'LOCKED' })
    device.close()
    expect(refusal(link)).toBeUndefined()
  })

  test('readers, and writers with lock: false, do not mind', () => {
    const device = FileDevice.openSync(image)
    FileDevice.openSync(image, { readOnly: true }).close()
    FileDevice.openSync(image, { lock: false }).close()
    expect(existsSync(lockPath)).toBe(true)
    device.close()
  })

  test('by another host is respected, whatever its process', () => {
    leaveLock({ host: `not-${hostname()}`, pid: 2 ** 22 + 1 })
    expect(refusal()?.message).toContain(`on host not-${hostname()}`)
    expect(existsSync(lockPath)).toBe(true)
  })

  test('and cannot be read is respected: its program may just be writing it', () => {
    for (const content of ['', '{', '7', '{"pid":"x"}']) {
      writeFileSync(lockPath, content)
      expect(refusal()?.message).toContain('has not written its name')
    }
  })
})

describe('a lock that cannot be', () => {
  // A process was killed between making its lock file and writing its name into it: the image stayed
  // locked by nobody until somebody deleted the file.
  test('left half made: by a process that is killed while it writes', async () => {
    const patch = `import fs from 'node:fs'
      import { syncBuiltinESMExports } from 'node:module'
      fs.writeSync = () => process.kill(process.pid, 'SIGKILL')
      syncBuiltinESMExports()`
    const killed = spawn(
      process.execPath,
      ['--import', `data:text/javascript,${encodeURIComponent(patch)}`, program, image],
      { stdio: 'ignore' },
    )
    expect(await once(killed, 'exit')).toEqual([null, 'SIGKILL'])
    expect(existsSync(lockPath)).toBe(false)
    FileDevice.openSync(image).close()
  })

  test('made: the error tells how to do without', () => {
    // The longest name that a file may have leaves no room for ".lock".
    const path = join(directory, 'x'.repeat(255))
    writeFileSync(path, new Uint8Array(512))
    expect(refusal(path)).toMatchObject({
      code: 'IO',
      message: expect.stringMatching(/cannot be made: ENAMETOOLONG.*--no-lock/),
    })
    FileDevice.openSync(path, { lock: false }).close()
  })

  test('read: nobody may take it for absent', () => {
    mkdirSync(lockPath)
    expect(refusal()).toMatchObject({
      code: 'IO',
      message: expect.stringContaining(`${lockPath} cannot be read: EISDIR`),
    })
  })
})

describe('a lock is given back', () => {
  test('on close, leaving nothing beside the file', () => {
    const device = FileDevice.openSync(image)
    device.close()
    device.close()
    expect(readdirSync(directory)).toEqual(['image'])
  })

  test('when opening fails later on', () => {
    // More than a file can hold: refused when it is made to grow, under the lock.
    const huge = { create: true, sizeBytes: Number.MAX_SAFE_INTEGER }
    writeFileSync(image, '')
    expect(() => FileDevice.openSync(image, huge)).toThrow(/The open of .* failed/)
    expect(readdirSync(directory)).toEqual(['image'])
  })

  test('when a process ends without closing', async () => {
    const { child } = await openElsewhere()
    expect(existsSync(lockPath)).toBe(true)
    child.stdin.end()
    await once(child, 'exit')
    expect(existsSync(lockPath)).toBe(false)
  })

  test('but not where another now stands in its place', () => {
    const device = FileDevice.openSync(image)
    writeFileSync(lockPath, 'of somebody else')
    device.close()
    expect(readFileSync(lockPath, 'utf8')).toBe('of somebody else')
  })
})

describe('a stale lock', () => {
  test('of a killed process is taken over', async () => {
    const { child } = await openElsewhere()
    child.kill('SIGKILL')
    await once(child, 'exit')
    expect(existsSync(lockPath)).toBe(true)
    expect(refusal()).toBeUndefined()
    expect(readdirSync(directory)).toEqual(['image'])
  })

  test.runIf(process.platform === 'linux')('of a process whose number was given anew', () => {
    const bootId = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
    leaveLock({ started: `${bootId}/1` })
    expect(refusal()).toBeUndefined()
    leaveLock({ started: 'another-boot/1' })
    expect(refusal()).toBeUndefined()
  })

  test('of a process without a comparable start, whose number nobody has', () => {
    leaveLock({ started: '2020-01-01T00:00:00.000Z', pid: 2 ** 22 + 1 })
    expect(refusal()).toBeUndefined()
    leaveLock({ started: '2020-01-01T00:00:00.000Z' })
    expect(refusal()?.code).toBe('LOCKED')
  })

  test('that another is just taking over is left to it', () => {
    leaveLock({ started: '2020-01-01T00:00:00.000Z', pid: 2 ** 22 + 1 })
    writeFileSync(`${lockPath}.takeover`, '')
    expect(refusal()).toMatchObject({
      code: 'LOCKED',
      message: expect.stringContaining(`delete ${lockPath}.takeover`),
    })
    expect(existsSync(lockPath)).toBe(true)
  })

  test('of several that want it exactly one gets', async () => {
    leaveLock({ started: '2020-01-01T00:00:00.000Z', pid: 2 ** 22 + 1 })
    const opened = await Promise.all(Array.from({ length: LATER_OPENS }, () => openElsewhere()))
    const winners = opened.filter(({ said }) => said.pid !== undefined)
    expect(winners.length).toBe(1)
    expect(JSON.parse(readFileSync(lockPath, 'utf8')).pid).toBe(winners[0]?.said.pid)
    for (const { said } of opened) if (said.pid === undefined) expect(said.code).toBe('LOCKED')
  })
})
