/** Rules about paths in the syntax of .gitignore: what is left out, what is kept. */

import { readFile } from 'node:fs/promises'
import { Option } from 'commander'
import ignore from 'ignore'
import { collect } from './arguments.js'
import { HostError, isErrno } from './errors.js'
import { decodeLenient } from './names.js'
import { describe } from './report.js'

/** The options of verbs that take a directory of this computer. */
export interface IgnoreOptions {
  readonly ignore?: readonly string[]
  readonly ignoreFile?: readonly string[]
}

export const IGNORE_OPTIONS: readonly [Option, Option] = [
  new Option('--ignore <pattern>', 'leave out what matches, as in .gitignore').argParser(collect),
  new Option('--ignore-file <file>', 'the same, by the lines of a file').argParser(collect),
]

export interface PathRules {
  /**
   * @param path within the directory that the rules are for, with or without a slash at its
   *   beginning; never that directory itself.
   */
  match(path: Uint8Array, isDirectory: boolean): boolean
}

/**
 * Rules of the lines of a .gitignore; the last one that matches counts, and what is below a directory
 * that matches does too. Upper and lower case are two things on every computer, so that the same
 * rules choose the same files.
 */
export function pathRules(lines: readonly string[]): PathRules {
  const rules = ignore({ ignorecase: false, allowRelativePaths: true }).add([...lines])
  return {
    match(path, isDirectory) {
      const text = decodeLenient(path).replace(/^\/+/, '')
      return rules.ignores(isDirectory ? `${text}/` : text)
    },
  }
}

/**
 * What the command line says to leave out; `undefined` where it says nothing.
 *
 * @throws HostError where a file of rules cannot be read.
 */
export async function ignoreRules({
  ignore: patterns = [],
  ignoreFile: files = [],
}: IgnoreOptions): Promise<PathRules | undefined> {
  if (patterns.length === 0 && files.length === 0) return undefined
  const lines: string[] = []
  for (const file of files) lines.push(...(await linesOf(file)))
  return pathRules([...lines, ...patterns])
}

async function linesOf(file: string): Promise<string[]> {
  try {
    return (await readFile(file, 'utf8')).split(/\r?\n/)
  } catch (error) {
    if (!isErrno(error)) throw error
    throw new HostError(error.code ?? 'EIO', `${file}: ${describe(error)}`)
  }
}
