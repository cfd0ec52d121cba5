/**
 * Which names of an image this computer's filesystem can hold, and as what.
 *
 * An image may hold any bytes as a name. A name that would lead out of its directory, or that the
 * host reads as something else (`..`, `a/b`, `NUL` and `x.` on Windows), is never passed on.
 */

import { decodeUtf8, encodeUtf8, percentByte } from './names.js'

/** Why the host cannot hold this name; `undefined` where it can. */
export function hostNameProblem(
  name: Uint8Array,
  platform: NodeJS.Platform = process.platform,
): string | undefined {
  if (name.length === 0) return 'the name is empty'
  const text = decodeUtf8(name)
  if (text === '.' || text === '..') return `'${text}' means a directory`
  if (name.includes(0x2f)) return "the name has a '/' in it"
  if (name.includes(0)) return 'the name has a NUL byte in it'
  if (text === undefined) {
    if (platform === 'win32' || platform === 'darwin') return 'the name is not UTF-8'
    return name.length > 255 ? 'the name is longer than 255 bytes' : undefined
  }
  if (platform === 'win32') return windowsProblem(text)
  // macOS counts UTF-16 units, the others bytes.
  if (platform === 'darwin' && text.length > 255) return 'the name is longer than 255 characters'
  if (platform !== 'darwin' && name.length > 255) return 'the name is longer than 255 bytes'
  return undefined
}

const WINDOWS_DEVICE = /^(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])[ ]*(\.|:|$)/i

function isForbiddenOnWindows(character: string): boolean {
  return character < ' ' || '<>:"\\|?*'.includes(character)
}

function windowsProblem(name: string): string | undefined {
  const character = Array.from(name).find(isForbiddenOnWindows)
  if (character !== undefined) {
    return character < ' '
      ? 'Windows allows no control characters in a name'
      : `Windows allows no '${character}' in a name`
  }
  if (/[. ]$/.test(name)) return 'Windows drops a dot or a space at the end of a name'
  if (WINDOWS_DEVICE.test(name)) return 'the name means a device on Windows'
  if (name.length > 255) return 'the name is longer than 255 characters'
  return undefined
}

/**
 * The name in percent notation as far as the host needs it; two names never become one, since `%`
 * is always written `%25`.
 *
 * The result may still be none that the host can hold: too long, or empty.
 */
export function escapeHostName(
  name: Uint8Array,
  platform: NodeJS.Platform = process.platform,
  /** Whether the name as it is would be taken for another. */
  isTaken = false,
): Uint8Array {
  const text = decodeUtf8(name)
  const windows = platform === 'win32'
  const isDots = text === '.' || text === '..'
  const isNotText = text === undefined && (windows || platform === 'darwin')
  const last = name.length - 1
  const isDevice = windows && text !== undefined && WINDOWS_DEVICE.test(text)
  const bytes: number[] = []
  for (const [index, byte] of name.entries()) {
    const isEscaped =
      isDots ||
      ((isDevice || isTaken) && index === 0) ||
      (isNotText && byte >= 0x80) ||
      ALWAYS_ESCAPED.includes(byte) ||
      (windows && byte < 0x80 && isForbiddenOnWindows(String.fromCharCode(byte))) ||
      (windows && index === last && (byte === 0x2e || byte === 0x20))
    if (isEscaped) bytes.push(...encodeUtf8(percentByte(byte)))
    else bytes.push(byte)
  }
  return Uint8Array.from(bytes)
}

/** NUL, `%`, `/`. */
const ALWAYS_ESCAPED = [0, 0x25, 0x2f]
