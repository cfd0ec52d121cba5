/**
 * Names as text and as the bytes that an image holds: littlefs takes any bytes.
 *
 * Nothing is lost without a word: text that the encoding has no bytes for, and bytes that are no text
 * in it, are refused.
 */

import iconv from 'iconv-lite'
import { Failure } from './failure.js'

/** A name put in place of what cannot be written is no name of that file. */
const NO_BOM = { stripBOM: false, addBOM: false }

export class FilenameEncoding {
  /**
   * @param name as Python names it, or most other programs.
   * @throws Failure for one that is not known.
   */
  static named(name: string): FilenameEncoding {
    if (iconv.encodingExists(name)) return new FilenameEncoding(name, name)
    throw new Failure(
      'USAGE',
      `--filename-encoding is '${name}', which is not known. Give one such as utf-8, latin-1 or shift-jis.`,
    )
  }

  private constructor(
    private readonly name: Parameters<typeof iconv.decode>[1],
    private readonly shown: string,
  ) {}

  /** @throws Failure where the encoding lacks a character. */
  encode(text: string): Uint8Array {
    const bytes = iconv.encode(text, this.name, NO_BOM)
    if (iconv.decode(bytes, this.name, NO_BOM) === text) return bytes
    throw new Failure(
      'USAGE',
      `the name '${text}' has characters that ${this.shown} lacks. Rename it, or give another --filename-encoding.`,
    )
  }

  /** @throws Failure for bytes that are no text in the encoding. */
  decode(bytes: Uint8Array): string {
    const text = iconv.decode(bytes, this.name, NO_BOM)
    if (Buffer.compare(iconv.encode(text, this.name, NO_BOM), bytes) === 0) return text
    throw new Failure(
      'USAGE',
      `the name '${text}' in the image is not ${this.shown}. Give the --filename-encoding that it was made with.`,
    )
  }
}
