/**
 * Images with names that no honest writer makes: a name is replaced in the metadata logs of a good
 * image, and the CRC of every commit that holds it is put right.
 *
 * Written from littlefs SPEC.md, "Metadata blocks", apart from the engine.
 */

import { crc32 } from 'node:zlib'

/** Replaces a name by another of as many bytes, wherever the image holds it. */
export function replaceName(
  image: Uint8Array,
  blockSize: number,
  from: string,
  to: string | Uint8Array,
): Uint8Array {
  const oldName = Buffer.from(from)
  const newName = Buffer.from(to)
  if (oldName.length !== newName.length) throw new RangeError('the names differ in length')
  const changed = Buffer.from(image)
  let replacedCount = 0
  for (let at = 0; at < changed.length; at += blockSize) {
    replacedCount += replaceInBlock(changed.subarray(at, at + blockSize), oldName, newName)
  }
  if (replacedCount === 0) throw new RangeError(`the image holds no name '${from}'`)
  return changed
}

/** How many names were replaced. */
function replaceInBlock(block: Buffer, oldName: Buffer, newName: Buffer): number {
  let replacedCount = 0
  let previous = 0xffffffff
  let commitStart = 0
  let found: number[] = []
  for (let at = 4; at + 4 <= block.length; ) {
    const tag = (block.readUInt32BE(at) ^ previous) >>> 0
    const type = (tag >>> 20) & 0x7ff
    const size = (tag & 0x3ff) === 0x3ff ? 0 : tag & 0x3ff
    const data = at + 4
    if (tag >>> 31 === 1 || data + size > block.length) break
    previous = tag
    if (type >>> 8 === 0 && block.subarray(data, data + size).equals(oldName)) found.push(data)
    if (type >>> 7 === 0x500 >>> 7) {
      if (block.readUInt32LE(data) !== checksum(block, commitStart, data)) break
      for (const name of found) newName.copy(block, name)
      replacedCount += found.length
      block.writeUInt32LE(checksum(block, commitStart, data), data)
      found = []
      commitStart = data + size
      previous = (tag ^ ((type & 1) << 31)) >>> 0
    }
    at = data + size
  }
  return replacedCount
}

/** littlefs begins with all ones and does not turn the result round at the end. */
function checksum(block: Buffer, start: number, end: number): number {
  return ~crc32(block.subarray(start, end)) >>> 0
}
