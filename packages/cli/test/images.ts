/** Images that a test writes: judged by the independent checker, read by it too. */

import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { checkLittlefs, type LittlefsCheckOptions, readLittlefsTree } from '@caravan/testkit'
import { expect } from 'vitest'
import { scratch } from './harness.js'

/** Content by path; a directory is `null`, a link an object. */
export type Files = Readonly<Record<string, string | Uint8Array | null | { readonly to: string }>>

/** A directory of this computer with these files; the answer is its path. */
export function hostTree(files: Files): string {
  const directory = mkdtempSync(join(scratch, 'tree-'))
  for (const [name, content] of Object.entries(files)) {
    const path = join(directory, name)
    mkdirSync(dirname(path), { recursive: true })
    if (content === null) mkdirSync(path, { recursive: true })
    else if (typeof content === 'string' || content instanceof Uint8Array) {
      writeFileSync(path, content)
    } else symlinkSync(content.to, path)
  }
  return directory
}

/** Gives everything below a directory other times than it had. */
export function touchAll(directory: string, seconds: number): void {
  for (const name of readdirSync(directory, { recursive: true })) {
    utimesSync(join(directory, String(name)), seconds, seconds)
  }
}

/** Expects a sound image; the answer is what it holds, `null` for directories. */
export function soundTree(
  image: string | Uint8Array,
  options: Partial<LittlefsCheckOptions> = {},
): Record<string, string | null> {
  const bytes = typeof image === 'string' ? readFileSync(image) : image
  const all = { blockSize: 4096, ...options }
  expect(checkLittlefs(bytes, all)).toEqual([])
  const tree: Record<string, string | null> = {}
  for (const [path, { type, content }] of readLittlefsTree(bytes, all)) {
    if (path === '/') continue
    const key = Buffer.from(path, 'latin1').toString()
    tree[key] = type === 'directory' ? null : Buffer.from(content ?? []).toString('latin1')
  }
  return tree
}

/** The attributes of an entry, in hexadecimal by number. */
export function attributesOf(image: string, path: string): Record<number, string> {
  const node = readLittlefsTree(readFileSync(image), { blockSize: 4096 }).get(path)
  const attributes: Record<number, string> = {}
  for (const [type, value] of node?.attributes ?? []) {
    attributes[type] = Buffer.from(value).toString('hex')
  }
  return attributes
}
