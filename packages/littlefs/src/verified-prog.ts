/** Erasing and programming blocks so that a bad one is noticed at once. */

import type { Op } from '@caravan/core'
import { isBadBlock } from './metadata-pair.js'
import type { Volume } from './volume.js'

/** Bytes of a block, from any place, on a device that reads in units. */
export function* readBytesOf(
  volume: Volume,
  block: number,
  at: number,
  length: number,
): Op<Uint8Array> {
  const { readSize } = volume.layout
  const start = at - (at % readSize)
  const bytes = new Uint8Array(Math.ceil((at + length - start) / readSize) * readSize)
  yield { kind: 'read', spans: [{ block, offset: start, bytes }] }
  return bytes.subarray(at - start, at - start + length)
}

/** False where the block is bad. */
export function* eraseBlock(block: number): Op<boolean> {
  try {
    yield { kind: 'erase', blocks: [block] }
    return true
  } catch (error) {
    if (isBadBlock(error)) return false
    throw error
  }
}

/**
 * Programs bytes, makes them durable, and reads them back.
 *
 * @returns what now stands from `at` up to `readTo`; `undefined` where the block did not take it.
 */
export function* progVerified(
  volume: Volume,
  block: number,
  at: number,
  bytes: Uint8Array,
  readTo: number,
): Op<Uint8Array | undefined> {
  try {
    yield { kind: 'prog', spans: [{ block, offset: at, bytes }] }
    yield { kind: 'sync' }
    const back = yield* readBytesOf(volume, block, at, readTo - at)
    return startsWith(back, bytes) ? back : undefined
  } catch (error) {
    if (isBadBlock(error)) return undefined
    throw error
  }
}

function startsWith(bytes: Uint8Array, start: Uint8Array): boolean {
  for (let i = 0; i < start.length; i++) if (bytes[i] !== start[i]) return false
  return true
}
