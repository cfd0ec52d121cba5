/** The directory that a recorded call is made in: what is put there before, and what is new after. */

import { execFileSync } from 'node:child_process'
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { sha256 } from '../golden/images.js'
import type { Case, FileAfter, InputFile, InputImage, Mutation, Recording } from './cases.js'

export interface Place {
  readonly cwd: string
  /** A text of the recording with its placeholders filled in. */
  fill(text: string): string
  /** What is new or has changed since, by path below `cwd`. */
  changes(): Map<string, FileAfter>
  remove(): void
}

/** Puts the input of a case into a directory of its own. */
export function preparePlace({ input }: Case, recording: Recording): Place {
  const cwd = realpathSync(mkdtempSync(join(tmpdir(), 'caravan-tools-')))
  const paths = { dir: join(cwd, 'dir'), image: join(cwd, 'fs.img'), out: join(cwd, 'out'), cwd }
  if (input.tree !== undefined) {
    mkdirSync(paths.dir)
    writeTree(paths.dir, input.tree)
  }
  if (input.cwd !== undefined) writeTree(cwd, input.cwd)
  if (input.image != null) writeFileSync(paths.image, imageBytes(input.image, recording))
  const before = snapshot(cwd)
  return {
    cwd,
    fill: (text) =>
      text.replace(/\{(dir|image|out|cwd)\}/g, (_, name: keyof typeof paths) => paths[name]),
    changes: () => difference(before, snapshot(cwd)),
    remove: () => rmSync(cwd, { recursive: true, force: true }),
  }
}

function writeTree(root: string, tree: Readonly<Record<string, InputFile>>): void {
  const paths = Object.entries(tree).filter(([, file]) => !Array.isArray(file))
  for (const [name, file] of paths) {
    const path = join(root, name)
    mkdirSync(dirname(path), { recursive: true })
    if (file.dir === true) mkdirSync(path, { recursive: true })
    else if (file.symlink !== undefined) symlinkSync(file.symlink, path)
    else if (file.fifo === true) execFileSync('mkfifo', [path])
    else writeFileSync(path, contentOf(file))
  }
  // The deepest last: what is put into a directory changes its time.
  for (const [name, { mtime, symlink }] of paths.reverse()) {
    if (mtime !== undefined && symlink === undefined) utimesSync(join(root, name), mtime, mtime)
  }
}

function contentOf({ text, size = 0, seed = 0 }: InputFile): Buffer {
  return text === undefined ? randomBytes(size, seed) : Buffer.from(text)
}

/** xorshift32, advanced before each byte. */
function randomBytes(size: number, seed: number): Buffer {
  const bytes = Buffer.alloc(size)
  if (seed === 0) return bytes
  let state = seed >>> 0
  for (let i = 0; i < size; i++) {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    bytes[i] = state & 0xff
  }
  return bytes
}

function imageBytes(image: InputImage, recording: Recording): Buffer {
  const { golden, size = 0, seed, byte = 0, mutations = [] } = image
  let bytes: Buffer
  if (golden !== undefined) bytes = recording.golden(golden)
  else bytes = seed === undefined ? Buffer.alloc(size, byte) : randomBytes(size, seed)
  return mutations.reduce(mutate, bytes)
}

function mutate(bytes: Buffer, mutation: Mutation): Buffer {
  const { op, off = 0, len = 0, byte = 0, size = 0, text = '' } = mutation
  switch (op) {
    case 'fill':
      bytes.fill(byte, off, Math.min(off + len, bytes.length))
      return bytes
    case 'xor':
      bytes[off] = (bytes[off] ?? 0) ^ byte
      return bytes
    case 'truncate':
      return bytes.subarray(0, size)
    case 'append':
      return Buffer.concat([bytes, Buffer.alloc(len, byte)])
    case 'prepend':
      return Buffer.concat([Buffer.alloc(len, byte), bytes])
    case 'text':
      bytes.write(text, off, 'utf8')
      return bytes
  }
}

type Snapshot = Map<string, FileAfter>

/** Everything below a directory; a name that is no text has `\xNN` for its bytes. */
function snapshot(root: string): Snapshot {
  const found: Snapshot = new Map()
  const visit = (directory: Buffer, prefix: string) => {
    for (const name of readdirSync(directory, { encoding: 'buffer' })) {
      const path = Buffer.concat([directory, Buffer.from('/'), name])
      const shown = prefix + escaped(name)
      const stats = lstatSync(path)
      const mtime = Math.floor(stats.mtimeMs / 1000)
      if (stats.isDirectory()) {
        found.set(shown, { type: 'dir', mode: `0o${(stats.mode & 0o7777).toString(8)}` })
        visit(path, `${shown}/`)
      } else if (stats.isSymbolicLink()) {
        found.set(shown, { type: 'link', target: readlinkSync(path) })
      } else if (stats.isFile()) {
        const bytes = readFileSync(path)
        found.set(shown, { type: 'reg', size: bytes.length, sha256: sha256(bytes), mtime })
      } else found.set(shown, { type: 'other' })
    }
  }
  visit(Buffer.from(root), '')
  return found
}

function escaped(name: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(name)
  } catch {
    // The one thing that a strict decoder throws for: bytes that are not UTF-8.
    return Array.from(name, (byte) =>
      byte < 0x80 ? String.fromCharCode(byte) : `\\x${byte.toString(16)}`,
    ).join('')
  }
}

function difference(before: Snapshot, after: Snapshot): Snapshot {
  const changes: Snapshot = new Map()
  for (const [path, file] of after) {
    const was = before.get(path)
    if (was === undefined) changes.set(path, file)
    else if (was.type !== file.type || was.sha256 !== file.sha256 || was.mtime !== file.mtime) {
      changes.set(path, { ...file, changed: true })
    }
  }
  for (const path of before.keys()) {
    if (!after.has(path)) changes.set(path, { type: 'gone', changed: true })
  }
  return changes
}
