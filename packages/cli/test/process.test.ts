/** The command as a process: exit codes, pipes, signals. */

import { existsSync, readdirSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { freshPath, goldenBytes, goldenImage } from './harness.js'
import { type Running, start } from './processes.js'

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
    const watch = ({ kill }: Running) => {
      const timer = setInterval(() => {
        if (!existsSync(target) || readdirSync(target, { recursive: true }).length < 20) return
        clearInterval(timer)
        kill('SIGINT')
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
