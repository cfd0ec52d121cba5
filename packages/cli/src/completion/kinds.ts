/**
 * What stands in the place of each argument and value of an option, for completion: by the name that
 * the help has for it.
 */

import type { Argument, Command, Option } from 'commander'

export type Kind =
  /** A file of this computer, and a directory. */
  | 'file'
  | 'directory'
  /** A path within the image. */
  | 'path'
  /** Files of this computer, and at last a path within the image: of `put`. */
  | 'files, then path'
  | 'profile'
  /** How times are written, or a profile. */
  | 'dialect'
  | 'partition'
  | 'family'
  /** What nothing is known of: a number, a text. */
  | 'nothing'
  | readonly string[]

const ARGUMENTS: Readonly<Record<string, Kind>> = {
  a: 'file',
  b: 'file',
  block: 'nothing',
  dest: 'file',
  dir: 'directory',
  file: 'file',
  from: 'path',
  image: 'file',
  key: 'path',
  new: 'file',
  path: 'path',
  paths: 'path',
  size: 'nothing',
  source: 'file',
  to: 'path',
  type: 'nothing',
  value: 'nothing',
}

/** By what stands between `<` and `>`. */
const VALUES: Readonly<Record<string, Kind>> = {
  bytes: 'nothing',
  byte: 'nothing',
  count: 'nothing',
  date: 'nothing',
  device: 'profile',
  dialect: 'dialect',
  file: 'file',
  image: 'file',
  ms: 'nothing',
  new: 'file',
  number: 'nothing',
  pattern: 'nothing',
  ref: 'nothing',
  seconds: 'nothing',
  size: 'nothing',
  state: 'nothing',
  time: ['none', 'file'],
  type: 'nothing',
  'type=value': 'nothing',
}

/** Of options whose value is a name. */
const NAMES: Readonly<Record<string, Kind>> = {
  '--family': 'family',
  '--for-family': 'family',
  '--partition': 'partition',
  // Of another image, which may not have been named yet.
  '--to-partition': 'nothing',
}

/** `undefined` for an argument that is not in the table. */
export function argumentKind(command: Command, argument: Argument): Kind | undefined {
  if (argument.argChoices !== undefined) return argument.argChoices
  if (command.name() === 'put' && argument.name() === 'paths') return 'files, then path'
  return ARGUMENTS[argument.name()]
}

/** The same for the value of an option. */
export function valueKind(option: Option): Kind | undefined {
  if (option.argChoices !== undefined) return option.argChoices
  const placeholder = /[<[]([^>\]]+)[>\]]$/.exec(option.flags)?.[1] ?? ''
  return placeholder === 'name' ? NAMES[option.long ?? ''] : VALUES[placeholder]
}
