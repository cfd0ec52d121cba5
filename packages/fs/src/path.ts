/**
 * Paths of the face, as POSIX resolves them where there are no links.
 *
 * 1. There is no working directory: a path begins at the root, with or without a slash.
 * 2. `..` takes back the name before it, which must be a directory and be there; above the root is
 *    the root.
 * 3. A slash or `.` at the end asks for a directory.
 */

import { byteString, byteStringToText, MisuseError, textToByteString } from '@caravan/core'

/** A path as a program gives it: text is UTF-8, bytes for names that are not; or a `file:` URL. */
export type PathLike = string | Uint8Array | URL

/** A resolved path. */
export interface Path {
  /** Byte strings; none for the root. */
  readonly names: readonly string[]
  /** True where the path asks for a directory by how it ends. */
  readonly mustBeDirectory: boolean
  /** True where what it names must be there, even to be made: it ends in `.`. */
  readonly mustExist: boolean
  /** As given, for messages. */
  readonly text: string
  /** Directories that `..` took back: each must be one. */
  readonly through: readonly (readonly string[])[]
  /** True where it ends in `.` or `..`, or is the root: nothing of that kind is renamed. */
  readonly endsInDots: boolean
}

const NO_NAMES: readonly (readonly string[])[] = []

export type ParsePath = (path: PathLike) => Path

/** Parsed paths that are kept: programs ask for the same ones again and again. */
const KEPT_PATHS = 1024

/** {@link parsePosixPath} with a memory. */
export function rememberingParser(parse: ParsePath): ParsePath {
  const known = new Map<string, Path>()
  return (path) => {
    if (typeof path !== 'string') return parse(path)
    let parsed = known.get(path)
    if (parsed === undefined) {
      parsed = parse(path)
      if (known.size >= KEPT_PATHS) known.clear()
      known.set(path, parsed)
    }
    return parsed
  }
}

/** @throws MisuseError `INVALID_ARGUMENT` for what no path can be. */
export function parsePosixPath(path: PathLike): Path {
  const bytes = pathBytes(path)
  const text = typeof path === 'string' ? path : byteStringToText(bytes)
  const names: string[] = []
  const through: string[][] = []
  let mustBeDirectory = false
  let mustExist = false
  let endsInDots = false
  for (const part of bytes.split('/')) {
    if (part === '') {
      mustBeDirectory = true
      continue
    }
    mustBeDirectory = part === '.' || part === '..'
    mustExist = mustBeDirectory
    endsInDots = mustBeDirectory
    if (part === '..') {
      if (names.length > 0) through.push(names.slice())
      names.pop()
    } else if (part === '.') {
      if (names.length > 0) through.push(names.slice())
    } else {
      names.push(part)
    }
  }
  // An empty path names nothing: not even the root.
  if (bytes === '') return { ...plainPath([''], text), mustExist: true }
  const isRoot = names.length === 0
  return {
    names,
    mustBeDirectory: mustBeDirectory && !isRoot,
    mustExist: mustExist && !isRoot,
    text,
    through: through.length === 0 ? NO_NAMES : through,
    endsInDots: endsInDots || isRoot,
  }
}

/** For engines that follow links: where `..` leads is theirs to say, so it stays a name. */
export function parseLinkedPath(path: PathLike): Path {
  const plain = parsePosixPath(path)
  if (plain.through.length === 0 && !plain.endsInDots) return plain
  const names = pathBytes(path)
    .split('/')
    .filter((part) => part !== '' && part !== '.')
  return { ...plain, names, through: NO_NAMES }
}

function pathBytes(path: PathLike): string {
  if (path instanceof Uint8Array) return checkedPath(byteString(path, 0, path.length), '')
  if (typeof path === 'string') return checkedPath(textToByteString(path), path)
  if (path instanceof URL && path.protocol === 'file:') {
    return checkedPath(textToByteString(decodeURIComponent(path.pathname)), path.href)
  }
  throw new MisuseError(
    'INVALID_ARGUMENT',
    `A path is a string, bytes or a file: URL, and this is of type ${typeof path}.`,
  )
}

function checkedPath(bytes: string, shown: string): string {
  if (!bytes.includes('\0')) return bytes
  throw new MisuseError('INVALID_ARGUMENT', `The path '${shown}' holds a zero byte: no path does.`)
}

/** The path of an entry in a directory. */
export function childPath(parent: Path, name: string): Path {
  const separator = parent.text.endsWith('/') ? '' : '/'
  return plainPath([...parent.names, name], `${parent.text}${separator}${byteStringToText(name)}`)
}

export function plainPath(names: readonly string[], text: string): Path {
  return {
    names,
    mustBeDirectory: false,
    mustExist: false,
    text,
    through: NO_NAMES,
    endsInDots: false,
  }
}

/** As it leads from the root: `/a/b`. */
export function absoluteText(names: readonly string[]): string {
  return `/${names.map(byteStringToText).join('/')}`
}

/** True where `path` is the directory itself or leads into it. */
export function isWithin(directory: Path, path: Path): boolean {
  return directory.names.every((name, i) => name === path.names[i])
}
