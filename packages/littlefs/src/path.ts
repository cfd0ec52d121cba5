/**
 * Paths of the engine: as the C reference takes them.
 *
 * `/` parts names; doubled, leading and `.` ones say nothing. `..` takes back the name before it,
 * textually, and above the root is an error. A slash or `.` at the end asks for a directory.
 *
 * Source: the reference's answers (golden/littlefs/semantics.json).
 */

import { FsError } from '@caravan/core'
import { byteString, byteStringToText, textToByteString } from './format/name.js'

/** A path as it is given, or parsed already. */
export type AnyPath = PathLike | Path

/** A path: text is UTF-8; bytes for names that are not. */
export type PathLike = string | Uint8Array

export interface Path {
  /** Byte strings; none for the root. */
  readonly names: readonly string[]
  /** True where the path asks for a directory by how it ends: with a slash, or `.` or `..`. */
  readonly mustBeDirectory: boolean
  /** True where it goes on behind its last name with `.` or `..`: that must then be there. */
  readonly mustExist: boolean
  /** As given, for messages. */
  readonly text: string
}

/** @throws FsError `EINVAL` for `..` above the root. */
export function parsePath(path: AnyPath, syscall: string): Path {
  if (typeof path === 'object' && 'names' in path) return path
  const bytes = typeof path === 'string' ? textToByteString(path) : byteString(path, 0, path.length)
  const names: string[] = []
  let mustBeDirectory = false
  let mustExist = false
  for (const part of bytes.split('/')) {
    if (part === '') {
      mustBeDirectory = true
    } else if (part === '.') {
      mustBeDirectory = true
      mustExist = true
    } else if (part === '..') {
      if (names.pop() === undefined) {
        const hint = '".." leads above the root'
        throw new FsError('EINVAL', { syscall, path: textOf(path), hint })
      }
      mustBeDirectory = true
      mustExist = true
    } else {
      names.push(part)
      mustBeDirectory = false
      mustExist = false
    }
  }
  const isRoot = names.length === 0
  return {
    names,
    mustBeDirectory: mustBeDirectory && !isRoot,
    mustExist: mustExist && !isRoot,
    text: textOf(path),
  }
}

export function textOf(path: AnyPath): string {
  if (typeof path === 'object' && 'names' in path) return path.text
  return typeof path === 'string' ? path : byteStringToText(byteString(path, 0, path.length))
}
