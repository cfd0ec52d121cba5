/**
 * One line on a terminal that tells how far a long job is. Nothing where standard error is no
 * terminal.
 */

import { harmlessText } from './names.js'
import type { OutputStream } from './output.js'

/** Between two drawings: a terminal over a slow line must not be what takes the time. */
const INTERVAL_MS = 80

export class Progress {
  private done = 0
  private drawnAt = Number.NEGATIVE_INFINITY
  private drawn = false

  constructor(
    private readonly stream: OutputStream,
    /** What all of the job weighs, in the unit of {@link advance}. */
    private readonly total: number,
  ) {}

  /** So much more is done; `what` is being worked on. */
  advance(weight: number, what: string): void {
    this.done += weight
    if (this.stream.isTTY !== true) return
    const now = performance.now()
    if (now - this.drawnAt < INTERVAL_MS) return
    this.drawnAt = now
    this.drawn = true
    this.stream.write(`\r${this.picture(what)}\x1b[K`)
  }

  /** Takes the line away. */
  clear(): void {
    if (this.drawn) this.stream.write('\r\x1b[K')
    this.drawn = false
  }

  private picture(what: string): string {
    const columns = this.stream.columns ?? 80
    const share = this.total === 0 ? 1 : Math.min(1, this.done / this.total)
    const width = 20
    const filled = Math.round(share * width)
    const bar = '#'.repeat(filled) + '.'.repeat(width - filled)
    const percent = `${Math.floor(share * 100)}%`.padStart(4)
    const head = `[${bar}]${percent}  `
    // One column stays free: some terminals wrap when the last one is written to.
    return (
      head +
      Array.from(harmlessText(what))
        .slice(0, Math.max(0, columns - head.length - 1))
        .join('')
    )
  }
}
