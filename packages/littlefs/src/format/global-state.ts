/**
 * Global state: what a littlefs knows about the filesystem as a whole, kept as the XOR of deltas
 * that are spread over all metadata pairs, so that any commit can change it.
 *
 *     [ move tag | pair of the move: 2 words ]
 *
 * The move tag is a DELETE tag naming an entry that was moved elsewhere but not yet removed here;
 * its highest bit says that orphans may be in the threaded list. Its lowest ten bits are zero on
 * disk.
 *
 * Source: littlefs SPEC.md, "0x7ff LFS_TYPE_MOVESTATE".
 */

import { makeTag, TagType, tagFamily, tagId, tagType } from './tag.js'
import { readDataWord, writeWord } from './word.js'

const GLOBAL_STATE_SIZE_BYTES = 12

export interface GlobalState {
  /** Signed 32-bit. */
  readonly tag: number
  readonly pair: readonly [number, number]
}

export const ZERO_STATE: GlobalState = { tag: 0, pair: [0, 0] }

const ORPHANS = 0x80000000 | 0

export function decodeGlobalState(bytes: Uint8Array, at: number, length: number): GlobalState {
  const word = (i: number) => readDataWord(bytes, at, length, i)
  return { tag: word(0) | 0, pair: [word(1), word(2)] }
}

export function encodeGlobalState(state: GlobalState): Uint8Array {
  const bytes = new Uint8Array(GLOBAL_STATE_SIZE_BYTES)
  writeWord(bytes, 0, state.tag)
  writeWord(bytes, 4, state.pair[0])
  writeWord(bytes, 8, state.pair[1])
  return bytes
}

export function xorStates(a: GlobalState, b: GlobalState): GlobalState {
  return {
    tag: a.tag ^ b.tag,
    pair: [(a.pair[0] ^ b.pair[0]) >>> 0, (a.pair[1] ^ b.pair[1]) >>> 0],
  }
}

export function isZeroState(state: GlobalState): boolean {
  return state.tag === 0 && state.pair[0] === 0 && state.pair[1] === 0
}

export function hasOrphans(state: GlobalState): boolean {
  return (state.tag & ORPHANS) !== 0
}

export function withOrphans(state: GlobalState, orphans: boolean): GlobalState {
  return { ...state, tag: orphans ? state.tag | ORPHANS : state.tag & ~ORPHANS }
}

/** An entry that stands in two places until it is removed here. */
export interface PendingMove {
  readonly pair: readonly [number, number]
  readonly id: number
  /** False where the tag is not the DELETE tag that alone makes sense. */
  readonly sound: boolean
}

export function pendingMove(state: GlobalState): PendingMove | undefined {
  if (tagFamily(state.tag) === 0) return undefined
  return { pair: state.pair, id: tagId(state.tag), sound: tagType(state.tag) === TagType.DELETE }
}

export function withMove(
  state: GlobalState,
  move: { pair: readonly [number, number]; id: number } | undefined,
): GlobalState {
  const orphans = state.tag & ORPHANS
  if (move === undefined) return { tag: orphans, pair: [0, 0] }
  return { tag: orphans | makeTag(TagType.DELETE, move.id, 0), pair: [move.pair[0], move.pair[1]] }
}
