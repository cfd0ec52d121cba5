/** What a check says of an image: data, the same for all formats. */

/**
 * - `error`: something is lost, shows wrongly, or will be lost by the next writer;
 * - `warning`: what is there is whole and shows rightly, but it is not as a writer leaves it: a state
 *   that a power cut left, or a limit that other programs may not accept;
 * - `note`: a trace without consequence.
 */
export type Severity = 'error' | 'warning' | 'note'

export interface Finding {
  readonly severity: Severity
  /** Stable, as the codes of errors are. */
  readonly code: string
  readonly block?: number
  /** The file or directory that it concerns, from the root. */
  readonly path?: string
  /** What was found, and what was expected. */
  readonly what: string
  /** What it means for whoever uses the image. */
  readonly consequence?: string
  /** What to do. */
  readonly remedy?: string
}
