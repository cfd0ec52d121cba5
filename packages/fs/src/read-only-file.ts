/** An open file of a format that is only read. */

import { assert, type Op, type Span } from '@caravan/core'
import type { EngineFile, EntryInfo, PlannedRead } from './engine.js'

/** Where its bytes come from. */
export interface ReadOnlyContent {
  /** As {@link EngineFile.readNow}. */
  readNow?(position: number, target: Uint8Array): number | readonly Span[] | PlannedRead | undefined
  /** As {@link EngineFile.readAt}. */
  readAt(position: number, target: Uint8Array): Op<number>
}

export class ReadOnlyFile implements EngineFile {
  readonly isUnsettled = false

  constructor(
    private readonly entry: EntryInfo,
    private readonly content: ReadOnlyContent,
  ) {}

  get size(): number {
    return this.entry.size
  }

  info(): EntryInfo {
    return this.entry
  }

  readNow(
    position: number,
    target: Uint8Array,
  ): number | readonly Span[] | PlannedRead | undefined {
    return this.content.readNow?.(position, target)
  }

  closesQuietly(): boolean {
    return true
  }

  readAt(position: number, target: Uint8Array): Op<number> {
    return this.content.readAt(position, target)
  }

  writeAt(): Op<void> {
    return refuse()
  }

  truncate(): Op<void> {
    return refuse()
  }

  sync(): Op<void> {
    return nothing()
  }

  setTimes(): Op<void> {
    return refuse()
  }

  close(): Op<void> {
    return nothing()
  }
}

function* nothing(): Op<void> {}

// biome-ignore lint/correctness/useYield: nothing is asked of a device.
function* refuse(): Op<void> {
  assert(false, 'the face changes nothing that was opened for reading')
}
