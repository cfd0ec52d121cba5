/**
 * Random changes of a notafs disk, made on a filesystem and on a map beside it: through the key-value
 * store, in transactions, and through `node:fs`. Each is one step: all of it or nothing.
 */

import { isErrno, isKeyValueError } from '@caravan/core'
import type { NotaFS, Transaction } from '@caravan/notafs'
import { contentOf, type NotafsTreeNode, type Random } from '@caravan/testkit'
import { DIRECTORIES, fileChange } from './file-changes.js'

/** What a disk holds: keys and their values. Dictionaries of {@link DIRECTORIES} end in a slash. */
export type Model = ReadonlyMap<string, Uint8Array>

const NO_BYTES = new Uint8Array(0)
const KEYS = ['a', 'b', 'c', 'd/x', 'd/y', 'd/s/z', 'e/f/g/h', 'long-name-of-a-key-in-the-top']
const MOVED = ['a2', 'd/b2', 'n/m']

export function contentsOf(fs: NotaFS): Map<string, Uint8Array> {
  const kv = fs.keyValue()
  const found = new Map<string, Uint8Array>()
  for (const [key, kind] of kv.entriesSync('/')) {
    if (kind === 'value') found.set(key.slice(1), kv.getSync(key))
    // Others come and go with what is in them, and the map does not tell.
    else if (DIRECTORIES.includes(key.slice(1))) found.set(`${key.slice(1)}/`, NO_BYTES)
  }
  return found
}

/** What the independent checker found. */
export function modelOf(nodes: readonly NotafsTreeNode[]): Model {
  const found = new Map<string, Uint8Array>()
  for (const { path, content } of nodes) {
    if (content !== undefined) found.set(path, content)
    else if (DIRECTORIES.includes(path)) found.set(`${path}/`, NO_BYTES)
  }
  return found
}

export function difference(expected: Model, found: Model): string | undefined {
  for (const [key, value] of expected) {
    const other = found.get(key)
    if (other === undefined) return `'${key}' is missing`
    if (Buffer.compare(value, other) !== 0) return `'${key}' is another, of ${other.length} bytes`
  }
  for (const key of found.keys()) if (!expected.has(key)) return `'${key}' is there`
  return undefined
}

/** Fills the disk with values, and then removes a few sectors' worth. */
export function fill(fs: NotaFS, model: Model, random: Random): Model {
  const next = new Map(model)
  const kv = fs.keyValue()
  for (let size = 8192; size >= 256; ) {
    const key = `full/${next.size}`
    const value = contentOf(random.seed(), size)
    try {
      kv.setSync(key, value)
      next.set(key, value)
    } catch (error) {
      if (!isKeyValueError(error, 'NoSpace')) throw error
      size = size >> 1
    }
  }
  return next
}

/** One random change, on the filesystem and on the model; where there is no space, on neither. */
export function step(fs: NotaFS, model: Model, random: Random, about: string): Model {
  const kind = random.int(10)
  try {
    if (kind < 3) return transaction(fs, model, random)
    const next = new Map(model)
    if (kind < 6) {
      fileChange(fs, next, random)
      return next
    }
    change(fs.keyValue(), next, random)
    return next
  } catch (error) {
    if (isKeyValueError(error, 'NoSpace') || isErrno(error, 'ENOSPC')) return model
    const cause = error instanceof Error ? error : undefined
    throw new Error(`${about}: ${cause?.stack ?? error}`, { cause })
  }
}

function transaction(fs: NotaFS, model: Model, random: Random): Model {
  const next = new Map(model)
  const fails = random.oneIn(6)
  try {
    fs.transactionSync((tx) => {
      for (let i = 1 + random.int(6); i > 0; i--) change(tx, next, random, tx)
      if (fails) throw new RangeError('on purpose')
    })
    return next
  } catch (error) {
    if (error instanceof RangeError && error.message === 'on purpose') return model
    throw error
  }
}

function valuesOf(model: Model): string[] {
  return [...model.keys()].filter((key) => !key.endsWith('/'))
}

type Store = ReturnType<NotaFS['keyValue']>

function change(kv: Store, model: Map<string, Uint8Array>, random: Random, tx?: Transaction): void {
  const key = random.pick(random.oneIn(4) ? [...KEYS, ...MOVED, ...valuesOf(model)] : KEYS)
  const value = model.get(key)
  const data = contentOf(random.seed(), random.pick([0, 1, 20, 400, 508, 509, 1500, 6000]))
  switch (random.int(tx === undefined ? 7 : 10)) {
    case 0: {
      const other = random.pick(KEYS)
      kv.batchSync([
        { op: 'set', key, value: data },
        { op: 'remove', key: other },
      ])
      model.set(key, data)
      if (other !== key) model.delete(other)
      else model.delete(key)
      return
    }
    case 1:
      removes(() => kv.removeSync(key))
      model.delete(key)
      return
    case 2: {
      if (value === undefined) break
      const to = random.pick([...MOVED, ...KEYS])
      kv.renameSync(key, to)
      if (to === key) return
      model.delete(key)
      model.set(to, value)
      return
    }
    case 3: {
      if (value === undefined) break
      const offset = random.int(value.length + 10)
      kv.setPartialSync(key, offset, data)
      const at = Math.min(offset, value.length)
      const bytes = new Uint8Array(Math.max(value.length, at + data.length))
      bytes.set(value)
      bytes.set(data, at)
      model.set(key, bytes)
      return
    }
    case 4: {
      const dictionary = random.pick(['d', 'e/f', 'd/s', 'full'])
      removes(() => kv.removeSync(dictionary))
      for (const each of [...model.keys()]) {
        if (each.startsWith(`${dictionary}/`)) model.delete(each)
      }
      return
    }
    case 7:
      tx?.appendSync(key, data)
      model.set(key, Uint8Array.from([...(value ?? []), ...data]))
      return
    case 8: {
      if (value === undefined) break
      const size = random.int(3000)
      tx?.truncateSync(key, size)
      const bytes = new Uint8Array(size)
      bytes.set(value.subarray(0, size))
      model.set(key, bytes)
      return
    }
    case 9: {
      if (value === undefined) break
      const offset = random.int(4000)
      tx?.writeSync(key, offset, data)
      if (data.length === 0) return
      const bytes = new Uint8Array(Math.max(value.length, offset + data.length))
      bytes.set(value)
      bytes.set(data, offset)
      model.set(key, bytes)
      return
    }
    default:
  }
  kv.setSync(key, data)
  model.set(key, data)
}

/** A disk can always be deleted from. */
function removes(run: () => void): void {
  try {
    run()
  } catch (error) {
    if (!isKeyValueError(error, 'NoSpace')) throw error
    throw new RangeError(`a removal found no space: ${error.message}`)
  }
}
