/** An open directory: its entries as they were when it was opened. */

import { answer, asyncDispose } from './asynchronous.js'
import { fail } from './errors.js'
import type { Dirent } from './stats.js'

export class Dir implements AsyncIterable<Dirent> {
  private next = 0
  private isOpen = true

  constructor(
    readonly path: string,
    private readonly entries: readonly Dirent[],
  ) {}

  /** The next entry; `null` behind the last. */
  read(): Promise<Dirent | null>
  read(callback: (error: unknown, entry?: Dirent | null) => void): void
  read(
    callback?: (error: unknown, entry?: Dirent | null) => void,
  ): Promise<Dirent | null> | undefined {
    return answer(async () => this.readSync(), callback)
  }

  readSync(): Dirent | null {
    this.checkOpen()
    return this.entries[this.next++] ?? null
  }

  close(): Promise<void>
  close(callback: (error: unknown) => void): void
  close(callback?: (error: unknown) => void): Promise<void> | undefined {
    return answer(async () => this.closeSync(), callback)
  }

  closeSync(): void {
    this.checkOpen()
    this.isOpen = false
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Dirent, void, void> {
    try {
      for (let entry = this.readSync(); entry !== null; entry = this.readSync()) yield entry
    } finally {
      if (this.isOpen) this.closeSync()
    }
  }

  async [asyncDispose](): Promise<void> {
    if (this.isOpen) this.closeSync()
  }

  private checkOpen(): void {
    if (!this.isOpen) throw fail('ERR_DIR_CLOSED', { syscall: 'readdir', path: this.path })
  }
}
