/** What calls give back, as a program asked for it. */

import { byteStringToBytes, byteStringToText } from '@caravan/core'
import { encodingOf, optionsObject } from './arguments.js'
import type { FsContext } from './context.js'
import { decodeText } from './encoding.js'
import type { EntryInfo } from './engine.js'
import { absoluteText } from './path.js'
import { BigIntStats, Dirent, type StatOptions, Stats } from './stats.js'
import type { Listed } from './tree-calls.js'

export interface ReaddirOptions {
  readonly withFileTypes?: boolean | undefined
  readonly recursive?: boolean | undefined
  /** `'buffer'` lists names as bytes, for those that are not UTF-8. Default `'utf8'`. */
  readonly encoding?: string | null | undefined
}

export function statsOf(
  context: FsContext,
  info: EntryInfo,
  options: StatOptions | undefined,
): Stats | BigIntStats {
  const { engine } = context
  const readOnly = engine.changes === undefined
  return options?.bigint === true
    ? new BigIntStats(info, engine.blockSize, readOnly)
    : new Stats(info, engine.blockSize, readOnly)
}

/** A name as a program asked for it: as text, or with `encoding: 'buffer'` as bytes. */
export function nameIn<Bytes extends Uint8Array>(
  name: string,
  options: unknown,
  wrap: (bytes: Uint8Array) => Bytes,
): string | Bytes {
  const wanted =
    typeof options === 'string' ? options : optionsObject<ReaddirOptions>(options).encoding
  if (wanted === 'buffer') return wrap(byteStringToBytes(name))
  const encoding = encodingOf(options)
  if (encoding === undefined) return byteStringToText(name)
  return decodeText(byteStringToBytes(name), encoding)
}

/** What `readdir` gives, as its options say. */
export function listing(
  { path, entries }: Listed,
  options: ReaddirOptions | string | null | undefined,
  wrap: (bytes: Uint8Array) => Uint8Array,
): unknown[] {
  const shown = (name: string) => nameIn(name, options, wrap)
  if (optionsObject<ReaddirOptions>(options).withFileTypes !== true) {
    return entries.map(({ name, parent }) => shown(parent === '' ? name : `${parent}/${name}`))
  }
  const trimmed = path.text.replace(/\/+$/, '')
  const top = path.names.length === 0 ? absoluteText(path.names) : trimmed
  return entries.map(({ name, parent, type }) => {
    const below = `${trimmed}/${byteStringToText(parent)}`
    return new Dirent(shown(name), parent === '' ? top : below, type)
  })
}
