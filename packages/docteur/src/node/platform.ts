/** What Node.js does faster than plain JavaScript. */

import { createHash } from 'node:crypto'
import { crc32, inflateSync } from 'node:zlib'
import { type Inflate, inflate as portable } from '../inflate/inflate.js'
import type { Platform } from '../platform.js'

/** Below this a call into zlib takes longer than plain JavaScript (decision 0020). */
const SMALL_BYTES = 600

/** zlib takes no smaller buffer. */
const CHUNK_BYTES_MIN = 64

const inflate: Inflate = (input, sizeBytes) => {
  if (sizeBytes < SMALL_BYTES) return portable(input, sizeBytes)
  try {
    const { buffer, engine } = inflateSync(input, {
      chunkSize: Math.max(sizeBytes, CHUNK_BYTES_MIN),
      maxOutputLength: sizeBytes,
      info: true,
    }) as unknown as { buffer: Buffer; engine: { bytesWritten: number } }
    if (buffer.length !== sizeBytes) {
      return `it holds ${buffer.length} bytes, and its header tells ${sizeBytes}`
    }
    return { bytes: buffer, inputBytes: engine.bytesWritten }
  } catch {
    // Plain JavaScript says what is wrong, and tells an end of the input from damage.
    return portable(input, sizeBytes)
  }
}

/** For `Docteur.mount(device, { platform: nodePlatform })`. */
export const nodePlatform: Platform = {
  inflate,
  sha1: () => createHash('sha1'),
  sha256: () => createHash('sha256'),
  crc32: (crc, bytes) => crc32(bytes, crc),
}
