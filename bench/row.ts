/**
 * A row of the table: one kind of work, done by one subject.
 *
 * A group of rows is a file of its own that exports them, and a line in groups.ts.
 *
 * 1. `Run.work` alone is timed. What it needs is there before: made once by `start`, or before each
 *    repetition by `before`.
 * 2. Without `before`, `work` may be repeated as it stands.
 * 3. Nothing is drawn at random: a repetition asks for the same as the one before it.
 */

import type { BlockDevice } from '@caravan/core'
import type { Reference } from './reference.js'

/** What of the machine a row is bound by: copying memory, or computing. */
type Yardstick = 'copy' | 'crc'

export interface RowKey {
  /** The kind of work. Rows of one name are compared with each other. */
  readonly name: string
  /** Who does it: our engine on a device of that kind, or another program. */
  readonly subject: string
  /** How it is configured, where there are several ways: `'A'` or `'B'`, else `''`. */
  readonly configuration: string
}

export interface Row extends RowKey {
  /** Units a second, or bytes. */
  readonly unit: string
  readonly yardstick: Yardstick
  /** The row of reference.json to compare with. Default: `name`. */
  readonly reference?: string
  /** False for another program, or another device than the reference had. Default true. */
  readonly isComparable?: boolean
  /**
   * What of it the table of device traffic counts: all requests from `start` on, or those of `work`
   * alone. Default: it is not in the table.
   */
  readonly traffic?: 'all' | 'work'
  /** Called in a process of its own. */
  readonly start: (surroundings: Surroundings) => Run | Promise<Run>
}

/** What a row is given to run in. */
export interface Surroundings {
  readonly reference: Reference
  /** A folder for files, on a disk. */
  readonly directory: string
  /** 1 for the reference's sizes and counts; tests take less. */
  readonly scale: number
  /** Every device goes through this before it is used, so that its traffic can be counted. */
  readonly watch: (device: BlockDevice) => BlockDevice
}

export interface Run {
  /** Units (`Row.unit`, without the "per second") in one `work`. */
  readonly amount: number
  readonly before?: () => void | Promise<void>
  readonly work: () => void | Promise<void>
  /** @throws where `work` has not left, or given, what it should. */
  readonly check: () => void | Promise<void>
  /** Gives back what `start` took: files, handles. */
  readonly close?: () => void | Promise<void>
  /** Bytes in memory that are a device's: not counted as what the row takes. */
  readonly deviceBytes?: number
}

export function isSameRow(a: RowKey, b: RowKey): boolean {
  return a.name === b.name && a.subject === b.subject && a.configuration === b.configuration
}
