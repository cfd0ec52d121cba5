/**
 * What a test asks of a filesystem, as plain data: an operation can be printed, replayed and left
 * out of a list that is being shrunk.
 */

/** Bytes as `contentOf(seed, size)` makes them. */
export interface Content {
  readonly seed: number
  readonly size: number
}

export interface OpenMode {
  readonly read?: boolean
  readonly write?: boolean
  readonly create?: boolean
  readonly exclusive?: boolean
  readonly truncate?: boolean
  readonly append?: boolean
}

/** `slot` numbers an open handle; an operation on a slot without one does nothing. */
export type Operation =
  | { readonly do: 'writeFile'; readonly path: string; readonly content: Content }
  | { readonly do: 'appendFile'; readonly path: string; readonly content: Content }
  | { readonly do: 'truncateFile'; readonly path: string; readonly size: number }
  | { readonly do: 'mkdir'; readonly path: string }
  | { readonly do: 'remove'; readonly path: string }
  | { readonly do: 'removeTree'; readonly path: string }
  | { readonly do: 'rename'; readonly path: string; readonly to: string }
  | {
      readonly do: 'setAttribute'
      readonly path: string
      readonly type: number
      readonly content: Content
    }
  | { readonly do: 'removeAttribute'; readonly path: string; readonly type: number }
  | { readonly do: 'open'; readonly slot: number; readonly path: string; readonly mode: OpenMode }
  | { readonly do: 'write'; readonly slot: number; readonly content: Content }
  | { readonly do: 'read'; readonly slot: number; readonly size: number }
  | {
      readonly do: 'seek'
      readonly slot: number
      readonly offset: number
      readonly origin: 'start' | 'current' | 'end'
    }
  | { readonly do: 'truncate'; readonly slot: number; readonly size: number }
  | { readonly do: 'sync'; readonly slot: number }
  | { readonly do: 'close'; readonly slot: number }
  | { readonly do: 'gc' }
  | { readonly do: 'makeConsistent' }
  /** Handles are dropped, nothing of them is saved. */
  | { readonly do: 'remount' }

/** What came of an operation. */
export interface Outcome {
  /** The errno code of an error. */
  readonly error?: string
  /** What a read gave, as it was. */
  readonly bytes?: Uint8Array
  /** A handle's size and position afterwards, in bytes. */
  readonly size?: number
  readonly position?: number
}

export const DONE: Outcome = {}

/** True for operations on an open handle. */
export function isOnHandle(
  operation: Operation,
): operation is Extract<Operation, { slot: number }> {
  return 'slot' in operation
}
