/**
 * The stories: a file that grows while it is packed becomes a shorter one that nobody notices; a
 * directory that somebody swaps for a link to elsewhere, after it was looked at, lets that in.
 */

import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeEach, expect, test } from 'vitest'
import { type HostTreeOptions, scanDirectory } from './host-tree.js'

const work = mkdtempSync(join(tmpdir(), 'caravan-host-tree-'))
afterAll(() => rmSync(work, { recursive: true }))

const ROOT = Uint8Array.of(0x2f)
const FORMAT = { name: 'littlefs', holds: { symlinks: false, modes: false, attributes: true } }
const OPTIONS: HostTreeOptions = {
  format: FORMAT,
  time: 'none',
  signal: new AbortController().signal,
}
const at = (path: string): string => join(work, path)

beforeEach(() => {
  rmSync(work, { recursive: true })
  mkdirSync(at('tree/d'), { recursive: true })
  mkdirSync(at('outside'))
  writeFileSync(at('tree/d/file'), 'inside')
  writeFileSync(at('outside/file'), 'secret')
})

/** Scans, does something, and reads all files. */
async function scanAnd(meanwhile: () => void): Promise<string[]> {
  const { entries } = await scanDirectory(Buffer.from(at('tree')), ROOT, OPTIONS)
  meanwhile()
  const contents: string[] = []
  for (const { content } of entries) {
    const pieces: Uint8Array[] = []
    for await (const piece of content ?? []) pieces.push(piece)
    if (content !== undefined) contents.push(Buffer.concat(pieces).toString())
  }
  return contents
}

test('a directory before what is in it, sorted by bytes', async () => {
  for (const name of ['b', 'a.c', 'a', '\u{1F600}', '\uFF5E']) writeFileSync(at(`tree/${name}`), '')
  const { entries, problems } = await scanDirectory(Buffer.from(at('tree')), ROOT, OPTIONS)
  const paths = entries.map(({ path }) => Buffer.from(path).toString())
  // UTF-16, by which JavaScript sorts, would have the last two the other way round.
  expect(paths).toEqual(['/a', '/a.c', '/b', '/d', '/d/file', '/\uFF5E', '/\u{1F600}'])
  expect(problems).toEqual([])
})

test('nothing happens meanwhile', async () => {
  expect(await scanAnd(() => {})).toEqual(['inside'])
})

test.each([
  ['a longer file', () => writeFileSync(at('tree/d/file'), 'inside and more')],
  ['a shorter file', () => writeFileSync(at('tree/d/file'), 'in')],
  ['no file', () => rmSync(at('tree/d/file'))],
  [
    'a link for the file',
    () => {
      rmSync(at('tree/d/file'))
      symlinkSync(at('outside/file'), at('tree/d/file'))
    },
  ],
  [
    'a link for its directory',
    () => {
      renameSync(at('tree/d'), at('old'))
      symlinkSync(at('outside'), at('tree/d'))
    },
  ],
])('meanwhile there is %s', async (_, meanwhile) => {
  await expect(scanAnd(meanwhile)).rejects.toThrow(
    `${at('tree/d/file')}: it was changed while it was read.`,
  )
})
