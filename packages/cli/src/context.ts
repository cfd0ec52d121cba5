/** What every verb is given: where it writes, what it heeds. */

import type { Readable } from 'node:stream'
import type { ImageFormat } from './formats/format.js'
import type { Output } from './output.js'
import type { Report } from './report.js'
import type { Style } from './style.js'

export interface Context {
  /** What images may be. */
  readonly formats: readonly ImageFormat[]
  readonly stdin: Readable
  readonly out: Output
  readonly report: Report
  /** Colours for standard output. */
  readonly style: Style
  readonly env: NodeJS.ProcessEnv
  /** Aborted when the user asks to stop. */
  readonly signal: AbortSignal
}
