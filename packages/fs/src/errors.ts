/** Errors as a program that knows `node:fs` expects them. */

import { CaravanError, type Errno, FsError } from '@caravan/core'

/** Errors that say already which call failed, and on what. */
const complete = new WeakSet<FsError>()

/** The call that an operation is part of, as its errors name it. */
export interface CallName {
  readonly syscall: string
  readonly path?: string | undefined
  readonly dest?: string | undefined
}

/** An error of the face itself. */
export function fail(code: Errno, call: CallName, hint?: string): FsError {
  const error = new FsError(code, detailsOf(call, hint, undefined))
  complete.add(error)
  return error
}

/** An engine's error, told as the failure of a call: anything else is left as it is. */
export function asFailureOf(call: CallName, error: unknown): unknown {
  if (!(error instanceof FsError) || complete.has(error)) return error
  const told = new FsError(error.code, detailsOf(call, error.hint, error.cause))
  complete.add(told)
  return told
}

function detailsOf({ syscall, path, dest }: CallName, hint: string | undefined, cause: unknown) {
  return {
    syscall,
    ...(path === undefined ? {} : { path }),
    ...(dest === undefined ? {} : { dest }),
    ...(hint === undefined ? {} : { hint }),
    ...(cause === undefined ? {} : { cause }),
  }
}

/** The call was ended by its `AbortSignal`; the signal's reason is the cause. */
export class AbortError extends CaravanError {
  override readonly name = 'AbortError'
  readonly code = 'ABORT_ERR'

  constructor(reason: unknown) {
    super('The operation was aborted', { cause: reason })
  }
}

export function checkSignal(signal: AbortSignal | null | undefined): void {
  if (signal?.aborted) throw new AbortError(signal.reason)
}
