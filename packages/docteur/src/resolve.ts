/**
 * Paths to entries: through trees, over symbolic links, as POSIX resolves them.
 *
 * 1. A link is followed inside the tree. One that leads out of it (an absolute one, or one that
 *    climbs above the root) leads nowhere: what is outside is not in the image.
 * 2. Links that lead round, and more than {@link LINKS_MAX} on one way, are refused.
 * 3. A caller's own `..` above the root is the root, as everywhere.
 */

import { byteString, byteStringToText, FormatError, FsError, type Op } from '@caravan/core'
import { offsetOf, readBlob, sizeOf } from './content.js'
import { idToHex } from './format/object-id.js'
import type { Image } from './image.js'
import type { Entry, Tree } from './tree.js'

/** As Linux has it. */
const LINKS_MAX = 40
/** Linux's PATH_MAX: a longer target is no path. */
const TARGET_BYTES_MAX = 4096

interface Resolved {
  readonly entry: Entry
  /** The names that lead to it from the root, over no link. */
  readonly names: readonly string[]
}

/** The tree of a directory's entry, where it is in memory. */
function peekTreeOf(image: Image, entry: Entry): Tree | undefined {
  return entry.offset === -1 ? undefined : image.peekTree(entry.offset)
}

export function* treeOfEntry(image: Image, entry: Entry): Op<Tree> {
  return (
    peekTreeOf(image, entry) ?? (yield* image.readTree(yield* offsetOf(image, entry), entry.id))
  )
}

/** What names lead to through directories alone, all in memory; `undefined` where that does not tell. */
export function resolveNow(image: Image, root: Entry, names: readonly string[]): Entry | undefined {
  let entry: Entry | undefined = root
  for (let i = 0; i < names.length; i++) {
    if (entry === undefined || entry.type !== 'directory') return undefined
    entry = peekTreeOf(image, entry)?.find(names[i] as string)
  }
  return entry
}

/**
 * @param followsLast whether a link that the path ends in is followed.
 * @throws FsError `ENOENT`, `ENOTDIR`, `ELOOP`.
 */
export function* resolvePath(
  image: Image,
  root: Entry,
  names: readonly string[],
  followsLast: boolean,
): Op<Resolved> {
  const way: Entry[] = [root]
  const path: string[] = []
  const pending = [...names].reverse()
  /** Of `pending`, how many at its end come out of links. */
  let fromLinks = 0
  let links = 0
  for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
    const isFromLink = fromLinks > 0
    if (isFromLink) fromLinks--
    if (name === '') continue
    const here = way.at(-1) as Entry
    if (here.type !== 'directory') throw notDirectory(here)
    if (name === '.') continue
    if (name === '..') {
      if (path.length === 0 && isFromLink) throw outside('..')
      if (path.length > 0) way.pop()
      path.pop()
      continue
    }
    const tree = yield* treeOfEntry(image, here)
    const entry = tree.find(name)
    if (entry === undefined) throw new FsError('ENOENT')
    if (entry.type !== 'symlink' || (pending.length === 0 && !followsLast)) {
      way.push(entry)
      path.push(name)
      continue
    }
    if (++links > LINKS_MAX) throw new FsError('ELOOP')
    const target = yield* readTarget(image, entry)
    if (target === '')
      throw new FsError('ENOENT', { hint: 'a link on the way has an empty target' })
    if (target.startsWith('/')) throw outside(target)
    const parts = target.split('/')
    // A slash at its end asks for a directory.
    if (parts.at(-1) === '') parts[parts.length - 1] = '.'
    for (let i = parts.length - 1; i >= 0; i--) pending.push(parts[i] as string)
    fromLinks += parts.length
    if (pending.length > PENDING_MAX) throw new FsError('ENAMETOOLONG')
  }
  return { entry: way.at(-1) as Entry, names: path }
}

/** Names that links on one way may come to. */
const PENDING_MAX = LINKS_MAX * TARGET_BYTES_MAX

/** Where a link points, as a byte string. @throws FsError `EINVAL` for what is no link, `ENAMETOOLONG`. */
export function* readTarget(image: Image, entry: Entry): Op<string> {
  if (entry.type !== 'symlink') throw new FsError('EINVAL')
  if ((yield* sizeOf(image, entry)) > TARGET_BYTES_MAX) throw new FsError('ENAMETOOLONG')
  const bytes = yield* readBlob(image, entry)
  return byteString(bytes, 0, bytes.length)
}

/** Entries that one call goes through: trees may hold each other many times over. */
export const ENTRIES_MAX = 5_000_000

export function treeTooLarge(): FormatError {
  return new FormatError(
    'TREE_TOO_LARGE',
    `Below this directory there are more than ${ENTRIES_MAX} entries. Go through it with walk(), or look at a part of it.`,
    { structure: 'tree' },
  )
}

function outside(target: string): FsError {
  return new FsError('ENOENT', {
    hint: `a link on the way, to '${byteStringToText(target)}', leads out of the tree`,
  })
}

/** @returns what stands in the way of going into an entry that is no directory. */
export function notDirectory(entry: Entry): FsError {
  if (entry.type !== 'submodule') return new FsError('ENOTDIR')
  return new FsError('ENOTDIR', { hint: submoduleHint(entry) })
}

/** @returns why an entry has no content to be read. */
export function notFile(entry: Entry): FsError {
  if (entry.type === 'directory') return new FsError('EISDIR')
  if (entry.type === 'submodule') return new FsError('EISDIR', { hint: submoduleHint(entry) })
  return new FsError('EINVAL', {
    hint: `its mode is ${entry.mode.toString(8)}, which no git writes`,
  })
}

function submoduleHint({ id }: Entry): string {
  return `a submodule, at commit ${idToHex(id)}: its content is in its own repository`
}
