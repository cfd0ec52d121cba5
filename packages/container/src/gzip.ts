/**
 * Gzip: an image as it is stored or sent, made smaller; unpacked by the platform.
 *
 * Source: RFC 1952.
 */

import { FormatError } from '@caravan/core'

/** True where the bytes begin as a gzip file does: its magic, and deflate as the method. */
export function isGzip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b && bytes[2] === 8
}

/** More than the largest image of a flash; what unpacks to more was made to fill the memory. */
const SIZE_MAX_BYTES = 1024 * 1024 * 1024

/**
 * The bytes that a gzip file holds.
 *
 * @param maxBytes how many they may be. Default 1 GiB.
 * @throws FormatError `BAD_GZIP` where it is damaged or cut short, `TOO_LARGE`.
 */
export async function gunzip(bytes: Uint8Array, maxBytes = SIZE_MAX_BYTES): Promise<Uint8Array> {
  const source = new ReadableStream<Uint8Array<ArrayBuffer>>({
    start(controller) {
      controller.enqueue(Uint8Array.from(bytes))
      controller.close()
    },
  })
  const reader = source.pipeThrough(new DecompressionStream('gzip')).getReader()
  const pieces: Uint8Array[] = []
  let size = 0
  for (;;) {
    let piece: Uint8Array | undefined
    try {
      piece = (await reader.read()).value
    } catch (cause) {
      throw new FormatError(
        'BAD_GZIP',
        'This gzip file cannot be unpacked: it is damaged or was cut short. Get the whole file again.',
        { structure: 'gzip file', cause },
      )
    }
    if (piece === undefined) break
    size += piece.length
    if (size > maxBytes) {
      await reader.cancel()
      throw new FormatError(
        'TOO_LARGE',
        `This gzip file unpacks to more than ${maxBytes} bytes. Unpack it with gunzip, and give the file that comes of it.`,
        { structure: 'gzip file' },
      )
    }
    pieces.push(piece)
  }
  const all = new Uint8Array(size)
  let at = 0
  for (const piece of pieces) {
    all.set(piece, at)
    at += piece.length
  }
  return all
}
