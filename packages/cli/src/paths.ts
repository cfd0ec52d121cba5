/**
 * Paths within an image, as they are written on the command line.
 *
 * The rule: a path is UTF-8 text; with `--escaped` it is in percent notation, where `%XX` is the byte
 * XX and `%25` a percent sign. So every path of every image can be named, also where its bytes are
 * not UTF-8: an argument with such bytes could not reach a program unharmed. The notation is the one
 * in which `--escaped` shows names.
 *
 * A path counts from the root of the image, with or without a slash at its beginning.
 */

import { UsageError } from './errors.js'
import { decodeUtf8, encodeUtf8 } from './names.js'

interface PathOptions {
  /** The path is in percent notation. */
  readonly escaped?: boolean
}

/**
 * The bytes of a path argument, from the root.
 *
 * @throws UsageError for a `%` that no two hexadecimal digits follow.
 */
export function parsePath(argument: string, { escaped = false }: PathOptions = {}): Uint8Array {
  const bytes = escaped ? unescapePath(argument) : encodeUtf8(argument)
  return bytes[0] === SLASH ? bytes : Uint8Array.of(SLASH, ...bytes)
}

/** What the engine is asked with: text where it is text, so that its messages can be read. */
export function enginePath(bytes: Uint8Array): string | Uint8Array {
  return decodeUtf8(bytes) ?? bytes
}

const SLASH = 0x2f

function unescapePath(argument: string): Uint8Array {
  const bytes: number[] = []
  for (let at = 0; at < argument.length; ) {
    const next = argument.indexOf('%', at)
    const end = next === -1 ? argument.length : next
    bytes.push(...encodeUtf8(argument.slice(at, end)))
    if (next === -1) break
    const digits = argument.slice(next + 1, next + 3)
    if (!/^[0-9a-f]{2}$/i.test(digits)) {
      throw new UsageError(
        `In '${argument}' no byte follows the % at character ${next + 1}. With --escaped write %25 for a percent sign.`,
      )
    }
    bytes.push(Number.parseInt(digits, 16))
    at = next + 3
  }
  return Uint8Array.from(bytes)
}

/** The path of an entry in a directory. */
export function joinPath(directory: Uint8Array, name: Uint8Array): Uint8Array {
  const slash = directory[directory.length - 1] === SLASH ? [] : [SLASH]
  return Uint8Array.of(...directory, ...slash, ...name)
}

/** The part of a path after its last slash; empty for the root. */
export function baseName(path: Uint8Array): Uint8Array {
  let end = path.length
  while (end > 0 && path[end - 1] === SLASH) end--
  return path.subarray(path.lastIndexOf(SLASH, end - 1) + 1, end)
}

/** The path of the directory that a path's last name is in; the root's own is the root. */
export function parentOf(path: Uint8Array): Uint8Array {
  let end = path.length
  while (end > 0 && path[end - 1] === SLASH) end--
  return path.subarray(0, Math.max(1, path.lastIndexOf(SLASH, end - 1)))
}
