/** The command as a process: exit codes, pipes, signals. */

import { spawn } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { freshPath, goldenBytes, goldenImage } from './harness.js'

const command = fileURLToPath(new URL('../bin/caravan.js', import.meta.url))

interface Ended {
  readonly code: number | null
  readonly out: Buffer
  readonly err: string
}

interface Around {
  readonly stdin?: Uint8Array
  /** Stop reading standard output after so many bytes. */
  readonly readMax?: number
  /** Called when the process is there. */
  readonly onStart?: (interrupt: () => void) => void
}

function start(argv: readonly string[], { stdin, readMax, onStart }: Around = {}): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [command, ...argv], { stdio: 'pipe' })
    const out: Buffer[] = []
    const err: Buffer[] = []
    let readSize = 0
    child.stdout.on('data', (piece: Buffer) => {
      out.push(piece)
      readSize += piece.length
      if (readMax !== undefined && readSize >= readMax) child.stdout.destroy()
    })
    child.stderr.on('data', (piece: Buffer) => err.push(piece))
    child.on('error', reject)
    child.on('close', (code) => {
      resolve({ code, out: Buffer.concat(out), err: Buffer.concat(err).toString() })
    })
    child.stdin.on('error', () => {})
    child.stdin.end(stdin)
    onStart?.(() => child.kill('SIGINT'))
  })
}

test('exit codes 0, 1 and 2', async () => {
  const image = goldenImage('field-esp-idf-2.1')
  expect(await start(['ls', image])).toMatchObject({ code: 0, err: '' })
  const failed = await start(['ls', image, '/nope'])
  expect(failed.code).toBe(1)
  expect(failed.err).toContain('/nope: no such file or directory')
  const wrong = await start(['ls', '--nope', image])
  expect(wrong.code).toBe(2)
})

test('an image through standard input, a file through standard output', async () => {
  const stdin = goldenBytes('ctz-200-blocks-4096')
  const { code, out, err } = await start(['cat', '-', '/big'], { stdin })
  expect(err).toBe('')
  expect(code).toBe(0)
  expect(out).toHaveLength(817611)
})

test('a reader that goes away ends it quietly', async () => {
  const image = goldenImage('ctz-200-blocks-4096')
  const { code, err } = await start(['cat', image, '/big', '/big', '/big', '/big'], { readMax: 1 })
  expect(err).toBe('')
  expect(code).toBe(0)
})

describe.skipIf(process.platform === 'win32')('Ctrl-C', () => {
  test('leaves whole files and no temporary ones', async () => {
    const image = goldenImage('dir-1000-entries-4096')
    const target = freshPath()
    const watch = (interrupt: () => void) => {
      const timer = setInterval(() => {
        if (!existsSync(target) || readdirSync(target, { recursive: true }).length < 20) return
        clearInterval(timer)
        interrupt()
      }, 2)
    }
    const { code, err } = await start(['extract', image, target], { onStart: watch })
    expect(err).toContain('interrupted')
    expect(code).toBe(130)
    const found = readdirSync(target, { recursive: true }).map(String)
    expect(found.length).toBeLessThan(1001)
    expect(found.filter((path) => path.endsWith('.part'))).toEqual([])
  })
})
