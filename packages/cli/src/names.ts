/**
 * Names of an image as people and terminals see them.
 *
 * A name in an image is bytes: most often UTF-8, not always. Three ways to show one:
 *
 * - as it is, byte for byte: into a pipe or a file;
 * - made harmless: on a terminal, where a name could otherwise move the cursor or hide what follows;
 *   what cannot be shown stands as `%XX`;
 * - in *percent notation* (`--escaped`): exact. Every byte that is no printable UTF-8 is `%XX`, and
 *   so is `%` itself, so that what is shown can be given back as an argument.
 */

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const lenient = new TextDecoder('utf-8', { ignoreBOM: true })
const encoder = new TextEncoder()

/** The bytes as text; `undefined` where they are not UTF-8. */
export function decodeUtf8(bytes: Uint8Array): string | undefined {
  try {
    return strict.decode(bytes)
  } catch {
    // The one thing that a strict decoder throws for: bytes that are not UTF-8.
    return undefined
  }
}

/** The bytes as text, with U+FFFD for what is not UTF-8. */
export function decodeLenient(bytes: Uint8Array): string {
  return lenient.decode(bytes)
}

export function encodeUtf8(text: string): Uint8Array {
  return encoder.encode(text)
}

/**
 * What a terminal obeys instead of showing it: control and format characters (among them those that
 * turn the writing direction), line and paragraph separators, lone surrogates.
 */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u

/** `%XX` for a byte. */
export function percentByte(byte: number): string {
  return `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
}

/** A name or path in percent notation: exact, for `--escaped`. */
export function escapeName(bytes: Uint8Array): string {
  return spell(bytes, true)
}

/** A name or path that does a terminal no harm. Two names may look the same. */
export function harmlessName(bytes: Uint8Array): string {
  return spell(bytes, false)
}

/** The same for a sentence, which keeps its line breaks. */
export function harmlessText(text: string): string {
  let shown = ''
  for (const character of text) {
    shown +=
      character !== '\n' && UNPRINTABLE.test(character)
        ? Array.from(encoder.encode(character), percentByte).join('')
        : character
  }
  return shown
}

function spell(bytes: Uint8Array, exact: boolean): string {
  const text = decodeUtf8(bytes)
  if (text === undefined) return spellPieces(bytes, exact)
  let shown = ''
  for (const character of text) {
    shown +=
      UNPRINTABLE.test(character) || (exact && character === '%')
        ? Array.from(encoder.encode(character), percentByte).join('')
        : character
  }
  return shown
}

/** For bytes that are UTF-8 in parts only: the longest runs that are, the rest byte by byte. */
function spellPieces(bytes: Uint8Array, exact: boolean): string {
  let shown = ''
  for (let at = 0; at < bytes.length; ) {
    const length = sequenceLength(bytes[at] as number)
    const piece = bytes.subarray(at, at + length)
    if (length > 0 && piece.length === length && decodeUtf8(piece) !== undefined) {
      shown += spell(piece, exact)
      at += length
    } else {
      shown += percentByte(bytes[at] as number)
      at++
    }
  }
  return shown
}

/** Bytes in the UTF-8 sequence that this byte begins; 0 where it begins none. */
function sequenceLength(first: number): number {
  if (first < 0x80) return 1
  if (first < 0xc2) return 0
  if (first < 0xe0) return 2
  if (first < 0xf0) return 3
  return first < 0xf5 ? 4 : 0
}

/** Byte order, as littlefs and the manifests sort. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) {
    if (a[i] !== b[i]) return (a[i] as number) - (b[i] as number)
  }
  return a.length - b.length
}

export function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}
