/** What can end a verb, or a part of it, besides the errors of the filesystems. */

import { CaravanError } from '@caravan/core'

/** The command line asks for something that cannot be. The message says what to write instead. */
export class UsageError extends CaravanError {
  override readonly name = 'UsageError'
  readonly code = 'USAGE'
}

/** A file or directory of this computer is in the way. The message says what to do. */
export class HostError extends CaravanError {
  override readonly name = 'HostError'

  constructor(
    readonly code: string,
    message: string,
  ) {
    super(message)
  }
}

/** Whoever read the output does not any more. Nobody's fault. */
export class OutputClosed extends CaravanError {
  override readonly name = 'OutputClosed'
  readonly code = 'EPIPE'
}

/** The user asked to stop. */
export class Interrupted extends CaravanError {
  override readonly name = 'Interrupted'
  readonly code = 'INTERRUPTED'
}

/** @throws Interrupted when the user has asked to stop. */
export function checkInterrupted(signal: AbortSignal): void {
  if (signal.aborted) throw new Interrupted('interrupted')
}

/** True for an error of Node's own, of this code where one is given. */
export function isErrno(error: unknown, code?: string): error is NodeJS.ErrnoException {
  return (
    error instanceof Error &&
    !(error instanceof CaravanError) &&
    'code' in error &&
    typeof error.code === 'string' &&
    (code === undefined || error.code === code)
  )
}
