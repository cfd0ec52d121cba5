/** What the arguments ask for. */

import type { Values } from './argparse/parse.js'
import { pythonPath } from './argparse/python-text.js'

export interface Call {
  readonly command: string
  /** As Python's `Path` shows it. */
  readonly source: string
  /** Of `create` and `extract`. */
  readonly destination: string
  readonly isVerbose: boolean
  /** Bytes, as given: it may be no size that can be. */
  readonly blockSize: bigint
  readonly limits: GivenLimits
  readonly filenameEncoding: string
  readonly isCompact: boolean
  readonly isPadded: boolean
  /** Of `create`: one of the two is given. */
  readonly blockCount: bigint | undefined
  readonly fsSize: bigint | undefined
}

/** As given, in bytes; 0 is for the default of the library. */
interface GivenLimits {
  readonly nameMax: bigint
  readonly inlineMax: bigint
  readonly attrMax: bigint
  readonly fileMax: bigint
}

const ENCODING_DEFAULT = 'utf-8'

export function callOf(values: Values): Call {
  const text = (name: string) => String(values.get(name) ?? '')
  const integer = (name: string) => {
    const value = values.get(name)
    return typeof value === 'bigint' ? value : undefined
  }
  return {
    command: text('command'),
    source: pythonPath(text('source')),
    destination: pythonPath(text('destination')),
    isVerbose: Number(values.get('verbose')) > 0,
    blockSize: integer('block_size') ?? 0n,
    limits: {
      nameMax: integer('name_max') ?? 0n,
      inlineMax: integer('inline_max') ?? 0n,
      attrMax: integer('attr_max') ?? 0n,
      fileMax: integer('file_max') ?? 0n,
    },
    // An empty one is none, as in Python.
    filenameEncoding: text('filename_encoding') || ENCODING_DEFAULT,
    isCompact: values.get('compact') === true,
    isPadded: values.get('no_pad') !== true,
    blockCount: integer('block_count'),
    fsSize: integer('fs_size'),
  }
}
