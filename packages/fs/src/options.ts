/** Options of the calls, as `node:fs` names them. */

import type { Encoding } from './encoding.js'

export interface ReadFileOptions {
  readonly encoding?: Encoding | null | undefined
  readonly flag?: string | number | undefined
  readonly signal?: AbortSignal | undefined
}

/** Options that ask for text. */
export type TextOptions = Encoding | (ReadFileOptions & { readonly encoding: Encoding })
/** Options that ask for bytes. */
export type BytesOptions = (ReadFileOptions & { readonly encoding?: null | undefined }) | null

export interface WriteFileOptions extends ReadFileOptions {
  readonly flush?: boolean | undefined
  /** Taken and not kept: there are no permissions. */
  readonly mode?: number | string | undefined
}

export interface MkdirOptions {
  /** Makes missing directories on the way, and takes one that is there already. */
  readonly recursive?: boolean | undefined
  /** Taken and not kept: there are no permissions. */
  readonly mode?: number | string | undefined
}

export interface RmOptions {
  /** Also what is in a directory: one entry at a time, so that a power cut leaves the rest. */
  readonly recursive?: boolean | undefined
  /** Missing is fine. */
  readonly force?: boolean | undefined
  /** Of Node's: nothing here is worth trying again. */
  readonly maxRetries?: number | undefined
  readonly retryDelay?: number | undefined
}

export interface OpendirOptions {
  readonly recursive?: boolean | undefined
  readonly encoding?: string | null | undefined
  /** Of Node's: a directory is read whole. */
  readonly bufferSize?: number | undefined
}

/** Data of `writeFile`: in pieces too, where there are promises. */
export type WriteData =
  | string
  | ArrayBufferView
  | Iterable<string | ArrayBufferView>
  | AsyncIterable<string | ArrayBufferView>
