/** Whether a part of a file holds nothing: only zeros, or only erased flash. */

import { open } from 'node:fs/promises'
import { checkInterrupted } from './errors.js'

/** Bytes read at once. */
const PIECE_SIZE = 1 << 20

/**
 * True where all bytes from `startBytes` up to `endBytes`, as far as there are any, are 0x00, or all
 * are 0xff.
 */
export async function isBlank(
  path: string,
  startBytes: number,
  endBytes: number,
  signal: AbortSignal,
): Promise<boolean> {
  const file = await open(path, 'r')
  try {
    const buffer = new Uint8Array(Math.max(0, Math.min(PIECE_SIZE, endBytes - startBytes)))
    let value: number | undefined
    for (let at = startBytes; at < endBytes; ) {
      checkInterrupted(signal)
      const length = Math.min(buffer.length, endBytes - at)
      const { bytesRead } = await file.read(buffer, 0, length, at)
      if (bytesRead === 0) break
      value ??= buffer[0]
      if (value !== 0 && value !== 0xff) return false
      const piece = buffer.subarray(0, bytesRead)
      if (!piece.every((byte) => byte === value)) return false
      at += bytesRead
    }
    return true
  } finally {
    await file.close()
  }
}
