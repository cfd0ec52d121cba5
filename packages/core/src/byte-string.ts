/**
 * Byte strings: names and paths as keys.
 *
 * On disk a name is bytes, mostly UTF-8 but nothing makes it so. In memory it is a *byte string*:
 * one character of code 0..255 a byte. Such strings compare as their bytes do, are keys of a `Map`,
 * and equal the name itself as long as it is ASCII.
 */

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const lossyDecoder = new TextDecoder('utf-8', { ignoreBOM: true })

/** All bytes of `bytes[start..end)` as a byte string. */
export function byteString(bytes: Uint8Array, start: number, end: number): string {
  // A call with few arguments beats a loop of concatenations, and TextDecoder for short names.
  let text = ''
  for (let at = start; at < end; at += 64) {
    text += String.fromCharCode(...bytes.subarray(at, Math.min(at + 64, end)))
  }
  return text
}

export function byteStringToBytes(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length)
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i)
  return bytes
}

/** The byte string of a text in UTF-8. Lone surrogates become U+FFFD, as everywhere. */
export function textToByteString(text: string): string {
  for (let i = 0; i < text.length; i++) {
    if (text.charCodeAt(i) > 0x7f) {
      const bytes = encoder.encode(text)
      return byteString(bytes, 0, bytes.length)
    }
  }
  return text
}

/** `undefined` where the bytes are not UTF-8. */
function byteStringToExactText(name: string): string | undefined {
  for (let i = 0; i < name.length; i++) {
    if (name.charCodeAt(i) > 0x7f) {
      try {
        return decoder.decode(byteStringToBytes(name))
      } catch {
        return undefined
      }
    }
  }
  return name
}

/** The name as text; bytes that are not UTF-8 become U+FFFD. */
export function byteStringToText(name: string): string {
  return byteStringToExactText(name) ?? lossyDecoder.decode(byteStringToBytes(name))
}
