/** How a file is opened: Node's letters, or the numbers of `constants`. */

import { MisuseError } from '@caravan/core'
import { constants } from './constants.js'

export interface OpenFlags {
  readonly read: boolean
  readonly write: boolean
  readonly create: boolean
  readonly exclusive: boolean
  readonly truncate: boolean
  readonly append: boolean
  /** Every write is durable before it is answered. */
  readonly sync: boolean
  readonly directory: boolean
}

const { O_RDONLY, O_WRONLY, O_RDWR, O_CREAT, O_EXCL, O_TRUNC, O_APPEND, O_SYNC } = constants

const LETTERS: ReadonlyMap<string, number> = new Map([
  ['r', O_RDONLY],
  ['rs', O_RDONLY | O_SYNC],
  ['sr', O_RDONLY | O_SYNC],
  ['r+', O_RDWR],
  ['rs+', O_RDWR | O_SYNC],
  ['sr+', O_RDWR | O_SYNC],
  ['w', O_TRUNC | O_CREAT | O_WRONLY],
  ['wx', O_TRUNC | O_CREAT | O_WRONLY | O_EXCL],
  ['xw', O_TRUNC | O_CREAT | O_WRONLY | O_EXCL],
  ['w+', O_TRUNC | O_CREAT | O_RDWR],
  ['wx+', O_TRUNC | O_CREAT | O_RDWR | O_EXCL],
  ['xw+', O_TRUNC | O_CREAT | O_RDWR | O_EXCL],
  ['a', O_APPEND | O_CREAT | O_WRONLY],
  ['ax', O_APPEND | O_CREAT | O_WRONLY | O_EXCL],
  ['xa', O_APPEND | O_CREAT | O_WRONLY | O_EXCL],
  ['as', O_APPEND | O_CREAT | O_WRONLY | O_SYNC],
  ['sa', O_APPEND | O_CREAT | O_WRONLY | O_SYNC],
  ['a+', O_APPEND | O_CREAT | O_RDWR],
  ['ax+', O_APPEND | O_CREAT | O_RDWR | O_EXCL],
  ['xa+', O_APPEND | O_CREAT | O_RDWR | O_EXCL],
  ['as+', O_APPEND | O_CREAT | O_RDWR | O_SYNC],
  ['sa+', O_APPEND | O_CREAT | O_RDWR | O_SYNC],
])

const ACCESS = O_RDONLY | O_WRONLY | O_RDWR

/** @throws MisuseError `INVALID_ARGUMENT` for letters that Node does not have. */
export function parseFlags(flags: string | number | undefined | null, fallback = 'r'): OpenFlags {
  const bits = typeof flags === 'number' ? flags : LETTERS.get(flags ?? fallback)
  if (bits === undefined || !Number.isInteger(bits)) {
    throw new MisuseError(
      'INVALID_ARGUMENT',
      `The flags '${String(flags)}' open no file: give one of ${[...LETTERS.keys()].join(' ')}, or a number made of constants.O_*.`,
    )
  }
  const access = bits & ACCESS
  return {
    read: access !== O_WRONLY,
    write: access !== O_RDONLY,
    create: (bits & O_CREAT) !== 0,
    exclusive: (bits & O_EXCL) !== 0 && (bits & O_CREAT) !== 0,
    truncate: (bits & O_TRUNC) !== 0,
    append: (bits & O_APPEND) !== 0,
    sync: (bits & constants.O_DSYNC) !== 0,
    directory: (bits & constants.O_DIRECTORY) !== 0,
  }
}
