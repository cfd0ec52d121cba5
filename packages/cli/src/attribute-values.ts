/** Attributes as they are written on the command line: `TYPE=VALUE`. */

import { readFile } from 'node:fs/promises'
import { HostError, isErrno, UsageError } from './errors.js'
import { encodeUtf8 } from './names.js'
import { describe } from './report.js'

/**
 * Reads the type of an attribute: `116`, `0x74`, or a character that is no digit for its code (`t`).
 *
 * @throws UsageError for anything that is no number from 0 to 255.
 */
export function parseAttributeType(text: string): number {
  const type =
    text.length === 1 && !/\d/.test(text)
      ? text.charCodeAt(0)
      : /^(0x[0-9a-f]+|\d+)$/i.test(text)
        ? Number(text)
        : Number.NaN
  if (!(type <= 255)) {
    throw new UsageError(
      `'${text}' is no type of an attribute. Write a number from 0 to 255 (116, 0x74) or a letter (t).`,
    )
  }
  return type
}

interface AttributeArgument {
  readonly type: number
  /** As it was written: bytes in hexadecimal, text, or `@` and a file. */
  readonly value: string
}

/** @throws UsageError for what is no `TYPE=VALUE`, or begins with `0x` and is no hexadecimal. */
export function parseAttribute(text: string): AttributeArgument {
  const at = text.indexOf('=', 1)
  if (at === -1) {
    throw new UsageError(
      `'${text}' sets no attribute. Write TYPE=VALUE: t=0x00f15365, 0x10=text, 7=@file.`,
    )
  }
  const value = text.slice(at + 1)
  if (/^0x/i.test(value) && !/^0x([0-9a-f]{2})*$/i.test(value)) {
    throw new UsageError(
      `'${value}' is no whole number of bytes in hexadecimal. Write two digits a byte (0x00ff); a text that begins so goes through a file: @file.`,
    )
  }
  return { type: parseAttributeType(text.slice(0, at)), value }
}

/** @throws HostError where the file of a `@file` cannot be read. */
export async function attributeBytes({ value }: AttributeArgument): Promise<Uint8Array> {
  if (value.startsWith('@')) {
    try {
      return await readFile(value.slice(1))
    } catch (error) {
      if (!isErrno(error)) throw error
      throw new HostError(error.code ?? 'EIO', `${value.slice(1)}: ${describe(error)}`)
    }
  }
  return /^0x/i.test(value) ? Buffer.from(value.slice(2), 'hex') : encodeUtf8(value)
}
