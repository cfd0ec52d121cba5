import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { HostError, Interrupted } from './errors.js'
import { writeHostFile } from './host-files.js'

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'caravan-host-files-'))
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

const at = (name: string) => Buffer.from(join(directory, name))
const never = new AbortController().signal

async function* pieces(...texts: string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield Buffer.from(text)
}

test('writes a file whole, with its time', async () => {
  const modified = new Date('2023-11-14T22:13:20Z')
  await writeHostFile(at('a'), pieces('one ', 'two'), { signal: never, modified })
  expect(readFileSync(at('a'), 'utf8')).toBe('one two')
  expect(statSync(at('a')).mtime).toEqual(modified)
  expect(readdirSync(directory)).toEqual(['a'])
})

test('an empty file', async () => {
  await writeHostFile(at('a'), pieces(), { signal: never })
  expect(statSync(at('a')).size).toBe(0)
})

test('a source that fails in the middle leaves the old file, and nothing else', async () => {
  writeFileSync(at('a'), 'old')
  async function* failing() {
    yield Buffer.from('new')
    throw new HostError('EIO', 'damaged')
  }
  const written = writeHostFile(at('a'), failing(), { force: true, signal: never })
  await expect(written).rejects.toThrow('damaged')
  expect(readdirSync(directory)).toEqual(['a'])
  expect(readFileSync(at('a'), 'utf8')).toBe('old')
})

test('an interruption in the middle leaves nothing', async () => {
  const stop = new AbortController()
  const written = writeHostFile(at('a'), pieces('one', 'two'), {
    signal: stop.signal,
    onPiece: () => stop.abort(),
  })
  await expect(written).rejects.toBeInstanceOf(Interrupted)
  expect(readdirSync(directory)).toEqual([])
})

test('a file that comes meanwhile is not replaced', async () => {
  const written = writeHostFile(at('a'), pieces('new'), {
    signal: never,
    onPiece: () => writeFileSync(at('a'), 'theirs'),
  })
  await expect(written).rejects.toMatchObject({ code: 'EEXIST' })
  expect(readFileSync(at('a'), 'utf8')).toBe('theirs')
  expect(readdirSync(directory)).toEqual(['a'])
})

test('a temporary file that another left does not stop it', async () => {
  for (let count = 0; count < 50; count++) {
    writeFileSync(at(`.caravan-${process.pid}-${count}.part`), 'left')
  }
  await writeHostFile(at('a'), pieces('new'), { signal: never })
  expect(readFileSync(at('a'), 'utf8')).toBe('new')
})
