/**
 * Thread check: the list of all metadata pairs, and the global state that is spread over it.
 *
 * Source: littlefs SPEC.md, "0x600 LFS_TYPE_SOFTTAIL", "0x7ff LFS_TYPE_MOVESTATE".
 */

import type { Op } from '@caravan/core'
import {
  type GlobalState,
  hasOrphans,
  pendingMove,
  xorStates,
  ZERO_STATE,
} from '../format/global-state.js'
import type { BlockPair } from '../format/metadata-log.js'
import type { Report } from './findings.js'
import { type CheckedPair, inWords, keyOf, type PairReader } from './pair-reader.js'

export interface ThreadNode {
  readonly pair: CheckedPair
  /** The kind of tail that led here. */
  readonly reached: 'start' | 'soft' | 'hard'
  /** True once a directory of the tree was found to hold it. */
  isOwned: boolean
}

/** As far as it can be followed. What comes behind a superblock's copy is the superblock's to say. */
export function* readThread(
  reader: PairReader,
  report: Report,
  onPair: (pair: CheckedPair) => void,
): Op<ThreadNode[]> {
  const nodes: ThreadNode[] = []
  const seen = new Set<string>()
  let reached: ThreadNode['reached'] = 'start'
  let next: BlockPair | undefined = [0, 1]
  while (next !== undefined) {
    if (seen.has(keyOf(next))) {
      report('TAIL_CYCLE', `The list of all metadata pairs comes back to ${inWords(next)}.`, {
        block: nodes.at(-1)?.pair.active ?? 0,
      })
      break
    }
    seen.add(keyOf(next))
    const pair: CheckedPair | undefined = yield* reader.pair(next)
    if (pair === undefined) break
    onPair(pair)
    nodes.push({ pair, reached, isOwned: false })
    reached = pair.hardTail ? 'hard' : 'soft'
    next = pair.tail
  }
  return nodes
}

export interface CheckedState {
  readonly hasOrphans: boolean
  /** The entry that has been moved away, and is hidden. */
  readonly move: { readonly pair: BlockPair; readonly id: number } | undefined
}

export function checkState(thread: readonly ThreadNode[], report: Report): CheckedState {
  let state: GlobalState = ZERO_STATE
  for (const { pair } of thread) state = xorStates(state, pair.globalDelta ?? ZERO_STATE)
  const orphans = hasOrphans(state)
  if (orphans) {
    report(
      'ORPHANS_ANNOUNCED',
      'The global state says that directories may be half made or removed.',
    )
  }
  if ((state.tag & 0x3ff) !== 0) {
    const what = `The lowest ten bits of the global state are ${state.tag & 0x3ff}, and must be 0.`
    report('MALFORMED_STATE', what)
  }
  const move = pendingMove(state)
  if (move === undefined) {
    const rest = state.tag & 0x7ffffc00
    if (rest !== 0 || state.pair[0] !== 0 || state.pair[1] !== 0) {
      const what = `The global state names no move, and yet the pair ${inWords(state.pair)} or a type.`
      report('MALFORMED_STATE', what)
    }
    return { hasOrphans: orphans, move: undefined }
  }
  if (!move.sound) {
    const what = `The global state names a move of a kind that littlefs does not have (tag 0x${(state.tag >>> 0).toString(16)}).`
    report('MALFORMED_STATE', what)
    return { hasOrphans: orphans, move: undefined }
  }
  const source = thread.find(({ pair }) => keyOf(pair.blocks) === keyOf(move.pair))
  const entry = `entry ${move.id} of the pair ${inWords(move.pair)}`
  report('MOVE_PENDING', `A rename has yet to take away ${entry}.`, {
    ...(source === undefined ? {} : { block: source.pair.active }),
  })
  if (source === undefined || move.id >= source.pair.entries.length) {
    report('MOVE_TARGET_MISSING', `A rename has yet to take away ${entry}, which is not there.`)
  }
  return { hasOrphans: orphans, move }
}
