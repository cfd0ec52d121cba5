/**
 * Commit objects (and tags, which point to one): lines of a word and its value, an empty line, the
 * message. A line that begins with a space goes on with the one before.
 *
 * Source: git's Documentation/gitformat-*, "commit"; `git cat-file commit`.
 */

import { byteString, FormatError } from '@caravan/core'

export interface Signature {
  /** A byte string, as `message`. */
  readonly name: string
  readonly email: string
  /** Seconds since 1970; 0 where none stands there that a clock could show. */
  readonly seconds: number
  /** As it stands there: `+0200`. */
  readonly zone: string
}

export interface Commit {
  /** In hexadecimal. */
  readonly tree: string
  /** In hexadecimal; none for the first, and for what was cut off below. */
  readonly parents: readonly string[]
  readonly author: Signature
  readonly committer: Signature
  /** A byte string, with its line breaks; empty where there is none. */
  readonly message: string
}

/** Beyond what a `Date` can be. */
const SECONDS_MAX = 8.64e12

/**
 * @param id of the commit, in hexadecimal, for messages.
 * @throws FormatError `BAD_COMMIT`.
 */
export function decodeCommit(bytes: Uint8Array, id: string): Commit {
  const { headers, message } = splitObject(byteString(bytes, 0, bytes.length))
  const bad = (what: string) =>
    new FormatError('BAD_COMMIT', `The commit ${id} cannot be read: ${what}.`, {
      structure: 'commit',
    })
  const [tree, author, committer] = ['tree', 'author', 'committer'].map((word) =>
    headers.find(([name]) => name === word),
  )
  if (tree === undefined || !isHex(tree[1])) throw bad('it names no tree')
  if (author === undefined || committer === undefined) throw bad('it has no author or committer')
  const parents = headers.filter(([name]) => name === 'parent').map(([, value]) => value)
  if (!parents.every(isHex)) throw bad('the id of a parent is none')
  const [by, at] = [author, committer].map(([, value]) => decodeSignature(value))
  if (by === undefined || at === undefined) throw bad('its author or committer is none')
  return { tree: tree[1], parents, author: by, committer: at, message }
}

/** What a tag points to, in hexadecimal; `undefined` where it does not say. */
export function tagTarget(bytes: Uint8Array): string | undefined {
  const { headers } = splitObject(byteString(bytes, 0, bytes.length))
  const target = headers.find(([name]) => name === 'object')?.[1]
  return target !== undefined && isHex(target) ? target : undefined
}

function isHex(text: string): boolean {
  return (text.length === 40 || text.length === 64) && /^[0-9a-f]+$/.test(text)
}

function splitObject(text: string) {
  const end = text.indexOf('\n\n')
  const head = end === -1 ? text.replace(/\n$/, '') : text.slice(0, end)
  const headers: [name: string, value: string][] = []
  for (const line of head.split('\n')) {
    const last = headers.at(-1)
    if (line.startsWith(' ') && last !== undefined) {
      last[1] += `\n${line.slice(1)}`
      continue
    }
    const space = line.indexOf(' ')
    headers.push(space === -1 ? [line, ''] : [line.slice(0, space), line.slice(space + 1)])
  }
  return { headers, message: end === -1 ? '' : text.slice(end + 2) }
}

function decodeSignature(text: string): Signature | undefined {
  const parts = /^(.*?) ?<([^>\n]*)>(?: (-?\d+)(?: ([+-]\d+))?)?\s*$/s.exec(text)
  if (parts === null) return undefined
  const seconds = Number(parts[3] ?? 0)
  return {
    name: parts[1] as string,
    email: parts[2] as string,
    seconds: Math.abs(seconds) <= SECONDS_MAX ? seconds : 0,
    zone: parts[4] ?? '+0000',
  }
}
