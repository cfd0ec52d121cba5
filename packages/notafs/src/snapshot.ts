/** Snapshot: a state of the filesystem that stays as it was, while writing goes on. */

import { type HashFunction, MisuseError, type Op } from '@caravan/core'
import { NotafsReader, type ReaderHost } from './key-value/reader.js'
import type { View } from './tree.js'

/** How a snapshot's reads are run. */
export type SnapshotRunner = Pick<ReaderHost, 'pages' | 'read' | 'readSync' | 'enter' | 'settled'>

export class Snapshot extends NotafsReader {
  private constructor(
    private readonly snapshotHost: SnapshotHost,
    /** The last generation that was durable when it was made. */
    readonly generation: number,
    hash: HashFunction,
  ) {
    super(snapshotHost, hash)
  }

  static of(
    runner: SnapshotRunner,
    state: { readonly view: View; close(): void },
    generation: number,
    hash: HashFunction,
  ): Snapshot {
    return new Snapshot(new SnapshotHost(runner, state), generation, hash)
  }

  /** What it alone held may be reused. A second call does nothing. */
  close(): void {
    this.snapshotHost.close()
  }
}

class SnapshotHost implements ReaderHost {
  readonly pages
  private isOpen = true

  constructor(
    private readonly runner: SnapshotRunner,
    private readonly state: { readonly view: View; close(): void },
  ) {
    this.pages = runner.pages
  }

  viewNow(): View {
    return this.state.view
  }

  *view(): Op<View> {
    yield* NOTHING
    return this.state.view
  }

  read<T>(op: () => Op<T>): Promise<T> {
    return this.runner.read(op)
  }

  readSync<T>(op: () => Op<T>): T {
    return this.runner.readSync(op)
  }

  enter(): void {
    if (!this.isOpen) {
      throw new MisuseError('ABANDONED', 'This snapshot was closed. Make another with snapshot().')
    }
    this.runner.enter()
  }

  settled(): Promise<unknown> {
    return this.runner.settled()
  }

  close(): void {
    if (this.isOpen) this.state.close()
    this.isOpen = false
  }
}

const NOTHING: readonly never[] = []
