/**
 * The global state of a mounted volume: as it stands on disk, and as the next commit shall leave it.
 *
 * 1. `diskState` is the XOR of the deltas of all pairs on the threaded list; `wantedState` is what
 *    the next commit makes of it.
 * 2. While `orphanCount` is not zero, the state says that there may be orphans.
 */

import { FormatError } from '@caravan/core'
import {
  type GlobalState,
  hasOrphans,
  isZeroState,
  type PendingMove,
  pendingMove,
  withMove,
  withOrphans,
  xorStates,
  ZERO_STATE,
} from './format/global-state.js'
import type { BlockPair } from './format/metadata-log.js'

export class StateKeeper {
  private diskState: GlobalState
  private wantedState: GlobalState
  /** Orphans announced: found at mount, or made by the change under way. */
  orphanCount: number
  /** The deltas of pairs taken off the list, until a commit takes them over. */
  orphanedDelta: GlobalState = ZERO_STATE

  constructor(atMount: GlobalState) {
    this.diskState = atMount
    this.wantedState = atMount
    this.orphanCount = hasOrphans(atMount) ? 1 : 0
  }

  /** The move that stands on disk: its source is hidden. */
  get pendingMove(): PendingMove | undefined {
    return pendingMove(this.diskState)
  }

  /** The move that the next commit will leave. */
  get wantedMove(): PendingMove | undefined {
    return pendingMove(this.wantedState)
  }

  get hasOrphans(): boolean {
    return hasOrphans(this.diskState)
  }

  get wantsOrphans(): boolean {
    return this.orphanCount > 0
  }

  setMove(move: { pair: BlockPair; id: number } | undefined): void {
    this.wantedState = withMove(this.wantedState, move)
  }

  addOrphan(): void {
    this.orphanCount++
    this.wantedState = withOrphans(this.wantedState, true)
  }

  removeOrphan(): void {
    this.orphanCount--
    this.wantedState = withOrphans(this.wantedState, this.orphanCount > 0)
  }

  leaveOrphans(count: number): void {
    this.orphanCount = count
    this.wantedState = withOrphans(this.wantedState, count > 0)
  }

  /** @throws FormatError `CORRUPT_GLOBAL_STATE`. */
  checkMove(move: PendingMove): void {
    if (move.sound) return
    throw new FormatError(
      'CORRUPT_GLOBAL_STATE',
      `The global state names a pending move of a kind that littlefs does not have (tag 0x${(this.diskState.tag >>> 0).toString(16)}): it is damaged, and writing cannot begin.`,
      { structure: 'global state' },
    )
  }

  /** What a commit has to change of the state on disk. */
  change(): GlobalState {
    return xorStates(this.diskState, this.wantedState)
  }

  /** True where the next commit changes nothing but that there are no more orphans. */
  get onlyEndsOrphans(): boolean {
    if (this.pendingMove !== undefined || this.wantedMove !== undefined) return false
    return isZeroState(this.orphanedDelta) && this.orphanCount === 0
  }

  get isPending(): boolean {
    return !isZeroState(this.change()) || !isZeroState(this.orphanedDelta)
  }

  /** A commit took over the change; one of a pair that moved only the deltas of others. */
  committed(relocated = false): void {
    this.orphanedDelta = ZERO_STATE
    if (!relocated) this.diskState = this.wantedState
  }

  /** A pair is taken off the list: what it held of the state, another must. */
  inherit(globalDelta: GlobalState | undefined): void {
    if (globalDelta !== undefined) this.orphanedDelta = xorStates(this.orphanedDelta, globalDelta)
  }

  /** Takes over what was read of the device after a failure. */
  adopt(state: GlobalState): void {
    this.diskState = state
    this.reset()
  }

  /** Wants again what stands on disk, after a failure. */
  reset(): void {
    this.wantedState = this.diskState
    this.orphanCount = hasOrphans(this.diskState) ? 1 : 0
    this.orphanedDelta = ZERO_STATE
  }
}
