/**
 * How the entries of a directory are spread over metadata pairs when a log is written anew.
 *
 * Source: littlefs DESIGN.md, "Metadata pairs" (splitting at half a block keeps compaction rare).
 */

/** Tail, global state, the deletion of a moved entry and a CRC: what a compacted log keeps room for. */
const RESERVE_BYTES = 40

/** Bytes of entries that a log may hold so that whatever comes later, their removal too, still fits. */
export function contentMaxIn(metadataMax: number): number {
  return metadataMax - RESERVE_BYTES
}

/** Logs from this size on take a file's entry as the reference does; in smaller ones it is too rash. */
const LARGE_LOG_BYTES = 256

/** Bytes that the entry of a file may take, alone in its log: all but revision, tail and CRC. */
export function fileEntryMaxIn(metadataMax: number): number {
  return metadataMax - (metadataMax < LARGE_LOG_BYTES ? RESERVE_BYTES : 24)
}

/** Revision, tags of name and struct, tail, global state and CRC. */
const NAME_RESERVE_BYTES = 56

/** The longest name that a log of that size can hold beside what else it must. */
export function nameMaxIn(metadataMax: number): number {
  return metadataMax - NAME_RESERVE_BYTES
}

/** Entries of a log. */
export const ENTRIES_MAX = 0xfe

/**
 * How full logs are written anew: `loose`, up to half a block, so that commits can follow; `dense`, as
 * full as may be, where what counts is that there are few of them.
 */
export type Packing = 'loose' | 'dense'

/**
 * Where each pair's entries begin; the first is 0.
 *
 * A log that has just grown too large is cut in halves, as the reference does; what is many logs'
 * worth (a directory made at once) fills pair after pair.
 *
 * @param sizes bytes of each entry in a compacted log, in their order.
 * @param metadataMax bytes of a block that a log may take.
 */
export function planSplit(
  sizes: readonly number[],
  metadataMax: number,
  progSize: number,
  packing: Packing,
): number[] {
  if (packing === 'dense') return fillPairs(sizes, contentMaxIn(metadataMax))
  const most = compactedMax(metadataMax, progSize)
  const total = sizes.reduce((sum, size) => sum + size, 0)
  if (total > 2 * most || sizes.length > 2 * ENTRIES_MAX) return fillPairs(sizes, most)
  const starts: number[] = []
  for (let end = sizes.length; ; ) {
    let from = 0
    while (end - from > 1 && !fits(sizes, from, end, most)) from += Math.floor((end - from) / 2)
    starts.push(from)
    if (from === 0) return starts.reverse()
    end = from
  }
}

/** The largest log to compact to: half a block, so that commits can follow. */
function compactedMax(metadataMax: number, progSize: number): number {
  const half = Math.ceil(Math.floor(metadataMax / 2) / progSize) * progSize
  return Math.min(metadataMax - RESERVE_BYTES, half)
}

function fits(sizes: readonly number[], from: number, end: number, most: number): boolean {
  let size = 0
  for (let i = from; i < end; i++) size += sizes[i] as number
  return size <= most && end - from <= ENTRIES_MAX
}

/** Where each pair's entries begin, each log filled up to so many bytes. */
export function fillPairs(sizes: readonly number[], most: number): number[] {
  const starts = [0]
  let size = 0
  for (let i = 0; i < sizes.length; i++) {
    const start = starts[starts.length - 1] as number
    size += sizes[i] as number
    if (i > start && (size > most || i - start >= ENTRIES_MAX)) {
      starts.push(i)
      size = sizes[i] as number
    }
  }
  return starts
}
