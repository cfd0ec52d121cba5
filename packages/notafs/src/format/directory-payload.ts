/**
 * Directory payload: the tree of names, as the bytes of one rope.
 *
 *     directory  00  varint entries  then each entry:  varint length, name, f64 big-endian mtime, node
 *     file       01  pointer to its rope
 *
 * The top is a directory without a name and time. A node stands whole behind its name, so an entry's
 * own bytes end where the first entry below it begins: these are a *token*, and the payload is the
 * tokens of all entries, a directory before what is in it.
 */

import { byteString, FormatError } from '@caravan/core'
import type { Layout, Pointer } from './layout.js'

const DIRECTORY_TAG = 0
const FILE_TAG = 1

/** What stands in one token. The names are byte strings. */
export interface PayloadVisitor {
  /** The top, with how many entries follow in it. */
  top(start: number, entryCount: number): void
  directory(start: number, name: string, mtime: number, entryCount: number): void
  file(start: number, name: string, mtime: number, pointer: Pointer): void
  /** All entries of the innermost open directory were told. */
  end(): void
}

const float = new Float64Array(1)
const floatBytes = new Uint8Array(float.buffer)
const IS_LITTLE_ENDIAN = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1

export function varintBytes(value: number): number {
  let bytes = 1
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes++
  return bytes
}

/** Reads tokens from a payload, or from a part of it that begins and ends with whole tokens. */
export class PayloadReader {
  private at = 0

  constructor(
    private readonly bytes: Uint8Array,
    private readonly layout: Layout,
  ) {}

  /**
   * Tells a whole payload, in order.
   *
   * @throws FormatError `BAD_DIRECTORY`.
   */
  walk(visitor: PayloadVisitor): void {
    if (this.byte() !== DIRECTORY_TAG) throw this.error('the top is no directory')
    let left = this.varint()
    visitor.top(0, left)
    const above: number[] = []
    for (;;) {
      while (left === 0) {
        visitor.end()
        const outer = above.pop()
        if (outer === undefined) {
          this.checkEnd()
          return
        }
        left = outer
      }
      left--
      const entryCount = this.entry(visitor)
      if (entryCount === undefined) continue
      above.push(left)
      left = entryCount
    }
  }

  /** Tells all tokens of a leaf, whatever they are in. */
  walkLeaf(isFirst: boolean, visitor: Pick<PayloadVisitor, 'directory' | 'file'>): void {
    if (isFirst) {
      if (this.byte() !== DIRECTORY_TAG) throw this.error('the top is no directory')
      this.varint()
    }
    while (this.at < this.bytes.length) this.entry(visitor)
  }

  /** @returns the number of entries of a directory. */
  private entry(visitor: Pick<PayloadVisitor, 'directory' | 'file'>): number | undefined {
    const start = this.at
    const length = this.varint()
    if (length > this.bytes.length - this.at) throw this.error(`a name of ${length} bytes`)
    const name = byteString(this.bytes, this.at, this.at + length)
    this.at += length
    const mtime = this.float()
    const tag = this.byte()
    if (tag === DIRECTORY_TAG) {
      const count = this.varint()
      visitor.directory(start, name, mtime, count)
      return count
    }
    if (tag !== FILE_TAG) throw this.error(`an entry of kind ${tag}`)
    const { pointerBytes, pageCount } = this.layout
    if (this.at + pointerBytes > this.bytes.length) throw this.error('it ends in a pointer')
    const pointer = this.layout.readPointer(this.bytes, this.at)
    if (pointer.id < 5 || pointer.id >= pageCount) {
      throw this.error(`a file in sector ${pointer.id}, on a disk of ${pageCount}`)
    }
    this.at += pointerBytes
    visitor.file(start, name, mtime, pointer)
    return undefined
  }

  private byte(): number {
    if (this.at >= this.bytes.length) throw this.error('it ends in the middle of an entry')
    return this.bytes[this.at++] as number
  }

  private varint(): number {
    let value = 0
    for (let factor = 1; factor <= 2 ** 42; factor *= 0x80) {
      const byte = this.byte()
      value += (byte & 0x7f) * factor
      if (byte < 0x80) return value
    }
    throw this.error('a number of more than 49 bits')
  }

  private float(): number {
    if (this.at + 8 > this.bytes.length) throw this.error('it ends in a time')
    for (let i = 0; i < 8; i++) {
      floatBytes[IS_LITTLE_ENDIAN ? 7 - i : i] = this.bytes[this.at + i] as number
    }
    this.at += 8
    return float[0] as number
  }

  private checkEnd(): void {
    if (this.at === this.bytes.length) return
    throw this.error(`${this.bytes.length - this.at} bytes behind its last entry`)
  }

  private error(found: string): FormatError {
    return new FormatError(
      'BAD_DIRECTORY',
      `The directory cannot be: ${found}, at byte ${this.at} of ${this.bytes.length}.`,
      { structure: 'directory payload', offset: this.at },
    )
  }
}

/** Bytes of a token: `entryCount` of a directory, `undefined` for a file. */
export function tokenBytes(layout: Layout, name: string, entryCount: number | undefined): number {
  const node = entryCount === undefined ? layout.pointerBytes : varintBytes(entryCount)
  return varintBytes(name.length) + name.length + 8 + 1 + node
}

export function topTokenBytes(entryCount: number): number {
  return 1 + varintBytes(entryCount)
}

/** Writes tokens one behind the other. */
export class PayloadWriter {
  constructor(
    private readonly bytes: Uint8Array,
    private readonly layout: Layout,
    public at: number,
  ) {}

  top(entryCount: number): void {
    this.bytes[this.at++] = DIRECTORY_TAG
    this.varint(entryCount)
  }

  directory(name: string, mtime: number, entryCount: number): void {
    this.named(name, mtime)
    this.bytes[this.at++] = DIRECTORY_TAG
    this.varint(entryCount)
  }

  file(name: string, mtime: number, pointer: Pointer): void {
    this.named(name, mtime)
    this.bytes[this.at++] = FILE_TAG
    this.layout.writePointer(this.bytes, this.at, pointer.id, pointer.checksum)
    this.at += this.layout.pointerBytes
  }

  private named(name: string, mtime: number): void {
    this.varint(name.length)
    const { bytes } = this
    let { at } = this
    for (let i = 0; i < name.length; i++) bytes[at++] = name.charCodeAt(i)
    float[0] = mtime
    for (let i = 0; i < 8; i++) bytes[at + i] = floatBytes[IS_LITTLE_ENDIAN ? 7 - i : i] as number
    this.at = at + 8
  }

  private varint(value: number): void {
    let rest = value
    while (rest >= 0x80) {
      this.bytes[this.at++] = (rest % 0x80) | 0x80
      rest = Math.floor(rest / 0x80)
    }
    this.bytes[this.at++] = rest
  }
}
