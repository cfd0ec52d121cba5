/**
 * Standard output, as the verbs write to it: in order, waiting where the reader is slow.
 *
 * 1. What was put is written in the order it was put; `flush()` answers when all of it is out.
 * 2. A reader that has gone away (`| head`) ends the verb quietly: {@link OutputClosed}.
 * 3. After an interruption nothing more is written: {@link Interrupted}.
 */

import type { Writable } from 'node:stream'
import type { CaravanError } from '@caravan/core'
import { checkInterrupted, HostError, isErrno, OutputClosed } from './errors.js'

/** A stream that may be a terminal. */
export type OutputStream = Writable & {
  readonly isTTY?: boolean
  readonly columns?: number
  readonly rows?: number
}

/** Bytes gathered before a write. */
const BUFFER_SIZE = 65_536

export class Output {
  private pieces: Uint8Array[] = []
  private pendingSize = 0
  private failure: CaravanError | undefined

  constructor(
    readonly stream: OutputStream,
    private readonly signal: AbortSignal,
  ) {
    // Writes report their errors themselves; unheard, the event would end the process.
    stream.on('error', (error: unknown) => this.fail(error))
  }

  get isTerminal(): boolean {
    return this.stream.isTTY === true
  }

  /** Adds to what will be written. A bound on memory where awaited. */
  async put(piece: string | Uint8Array): Promise<void> {
    this.append(piece)
    if (this.pendingSize >= BUFFER_SIZE) await this.flush()
  }

  /** The same with a line break. */
  async line(text: string | Uint8Array = ''): Promise<void> {
    this.append(text)
    await this.put('\n')
  }

  /** The same, for those who cannot wait; flushed with the rest. */
  append(piece: string | Uint8Array): void {
    const bytes = typeof piece === 'string' ? Buffer.from(piece) : piece
    this.pieces.push(bytes)
    this.pendingSize += bytes.length
  }

  /**
   * Writes what was put.
   *
   * @throws OutputClosed, Interrupted; HostError for anything else that keeps it from being written.
   */
  async flush(): Promise<void> {
    checkInterrupted(this.signal)
    if (this.failure !== undefined) throw this.failure
    if (this.pendingSize === 0) return
    const bytes = Buffer.concat(this.pieces)
    this.pieces = []
    this.pendingSize = 0
    await new Promise<void>((resolve, reject) => {
      this.stream.write(bytes, (error) => (error ? reject(this.fail(error)) : resolve()))
    })
  }

  /** The first failure is what every later flush answers with. */
  private fail(error: unknown): CaravanError {
    this.failure ??= asOwnError(error)
    return this.failure
  }
}

function asOwnError(error: unknown): CaravanError {
  if (isErrno(error, 'EPIPE') || isErrno(error, 'ERR_STREAM_DESTROYED')) {
    return new OutputClosed('nobody reads the output any more')
  }
  const code = isErrno(error) ? (error.code ?? 'EIO') : 'EIO'
  const reason = error instanceof Error ? error.message : String(error)
  return new HostError(code, `standard output cannot be written to: ${reason}. Send it elsewhere.`)
}
