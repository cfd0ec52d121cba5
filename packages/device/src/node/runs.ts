/**
 * Plans of transfers: what of a request moves in one call on the file.
 */

import type { Span } from '@caravan/core'

/** Buffers that lie one after the other in the file. */
export interface Run {
  position: number
  length: number
  readonly buffers: Uint8Array[]
}

/** What an erase hands to the system again and again. */
const FILL_BYTES = 64 * 1024
/** And how much of it in one call, so that the list of buffers stays short. */
const FILL_RUN_BYTES = 4 * 1024 * 1024

/**
 * Plans a read or prog: spans that follow each other become one run. Where their bytes follow each
 * other in memory too, they are one buffer of it, which costs the system one step and not one each.
 */
export function joinSpans(spans: readonly Span[], blockSize: number): Run[] {
  const runs: Run[] = []
  let last: Run | undefined
  /** The buffer that is being made longer: it begins as `first`. */
  let first: Uint8Array | undefined
  let length = 0
  const endBuffer = () => {
    if (first === undefined) return
    last?.buffers.push(
      length === first.length ? first : new Uint8Array(first.buffer, first.byteOffset, length),
    )
  }
  for (const { block, offset, bytes } of spans) {
    if (bytes.length === 0) continue
    const position = block * blockSize + offset
    const follows = last !== undefined && last.position + last.length === position
    if (
      follows &&
      first?.buffer === bytes.buffer &&
      first.byteOffset + length === bytes.byteOffset
    ) {
      length += bytes.length
    } else {
      endBuffer()
      first = bytes
      length = bytes.length
    }
    if (last !== undefined && follows) last.length += bytes.length
    else {
      last = { position, length: bytes.length, buffers: [] }
      runs.push(last)
    }
  }
  endBuffer()
  return runs
}

/** Plans an erase: blocks that follow each other become one run, up to a limit. */
export function* fillRuns(
  blocks: readonly number[],
  blockSize: number,
  eraseValue: number,
): Generator<Run, void, void> {
  const fill = new Uint8Array(Math.min(FILL_BYTES, blocks.length * blockSize)).fill(eraseValue)
  for (let i = 0; i < blocks.length; ) {
    const first = blocks[i] as number
    let count = 1
    while (blocks[i + count] === first + count) count++
    i += count
    const end = (first + count) * blockSize
    for (let position = first * blockSize; position < end; position += FILL_RUN_BYTES) {
      const length = Math.min(FILL_RUN_BYTES, end - position)
      const buffers: Uint8Array[] = []
      for (let done = 0; done < length; done += fill.length) {
        buffers.push(fill.subarray(0, Math.min(fill.length, length - done)))
      }
      yield { position, length, buffers }
    }
  }
}

/** What is left of the buffers after so many bytes. */
export function dropBytes(buffers: readonly Uint8Array[], count: number): Uint8Array[] {
  let first = 0
  let rest = count
  while (rest >= (buffers[first] as Uint8Array).length) {
    rest -= (buffers[first] as Uint8Array).length
    first++
  }
  const left = buffers.slice(first)
  left[0] = (left[0] as Uint8Array).subarray(rest)
  return left
}
