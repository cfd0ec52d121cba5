/** What Node.js does faster than plain JavaScript. */

import { createHash } from 'node:crypto'
import { crc32, inflateSync } from 'node:zlib'
import { type Inflate, inflate as portable } from '../inflate/inflate.js'
import type { Platform } from '../platform.js'
import { ENGINE_MAX_BYTES, InflateEngine } from './inflate-engine.js'

const engine = InflateEngine.make()

const inflate: Inflate = (input, sizeBytes) => {
  const inflated =
    engine !== undefined && sizeBytes <= ENGINE_MAX_BYTES
      ? engine.inflate(input, sizeBytes)
      : inflateAlone(input, sizeBytes)
  // Plain JavaScript says what is wrong, and tells an end of the input from damage.
  return inflated ?? portable(input, sizeBytes)
}

/** zlib takes no smaller buffer. */
const CHUNK_BYTES_MIN = 64

/** By a stream of its own. */
const inflateAlone: Inflate = (input, sizeBytes) => {
  try {
    const { buffer, engine } = inflateSync(input, {
      chunkSize: Math.max(sizeBytes, CHUNK_BYTES_MIN),
      maxOutputLength: Math.max(sizeBytes, 1),
      info: true,
    }) as unknown as { buffer: Buffer; engine: { bytesWritten: number } }
    if (buffer.length !== sizeBytes) return undefined
    return { bytes: buffer, inputBytes: engine.bytesWritten }
  } catch {
    return undefined
  }
}

/** For `Docteur.mount(device, { platform: nodePlatform })`. */
export const nodePlatform: Platform = {
  inflate,
  sha1: () => createHash('sha1'),
  sha256: () => createHash('sha256'),
  crc32: (crc, bytes) => crc32(bytes, crc),
}
