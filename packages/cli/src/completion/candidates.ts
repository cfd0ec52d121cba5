/**
 * What the last word of a command line may become, told from commander's own data and, for paths
 * within an image, from the image.
 *
 * 1. Nothing is written, nothing is told, nothing is asked of the network or of standard input: of
 *    images only files are opened.
 * 2. Whatever is wrong with a line or an image, there are just no candidates.
 */

import { stat } from 'node:fs/promises'
import { homedir } from 'node:os'
import { UF2_FAMILIES } from '@caravan/container'
import type { Command, Option } from 'commander'
import type { Context } from '../context.js'
import type { ImageOptions } from '../formats/format.js'
import { decodeUtf8, escapeName, harmlessName } from '../names.js'
import { openBytes, openImage } from '../open-image.js'
import { parsePath } from '../paths.js'
import { tableFor } from '../place.js'
import { type ProfileOptions, profileNames } from '../profiles.js'
import { DIALECTS } from '../verbs/migrate.js'
import { argumentKind, type Kind, valueKind } from './kinds.js'

export interface Candidate {
  /** The whole word. */
  readonly value: string
  /** What it is, in a few words. */
  readonly note?: string
}

export interface Candidates {
  readonly words: readonly Candidate[]
  /** What of this computer the word may be instead; behind `--option=` what follows that. */
  readonly files: 'none' | 'files' | 'directories'
}

/** A file that is no image is looked through for one: not for longer than somebody waits. */
const PATIENCE_MS = 3000

/** @param words behind the name of the command; the last one is at the cursor. */
export async function candidatesFor(
  program: Command,
  context: Context,
  words: readonly string[],
): Promise<Candidates> {
  const current = words.at(-1) ?? ''
  if (words.length > 1 && words[0] === 'help') {
    const command = verbAt(program, words.slice(1, -1))
    return { ...NOTHING, words: command === undefined ? [] : matching(verbsOf(command), current) }
  }
  const line = readLine(program, words.slice(0, -1))
  const { command, operands, pending, isOperandsOnly } = line
  if (pending !== undefined) return ofKind(valueKind(pending), line, context, current)
  if (current.startsWith('-') && !isOperandsOnly) {
    const [flag = '', value] = current.split(/=(.*)/s)
    if (value === undefined) return { ...NOTHING, words: matching(optionsOf(command), current) }
    const option = optionNamed(command, flag)
    if (!takesValue(option)) return NOTHING
    const { words: values, files } = await ofKind(valueKind(option), line, context, value)
    return { words: values.map((each) => ({ ...each, value: `${flag}=${each.value}` })), files }
  }
  if (command.commands.length > 0) {
    return { ...NOTHING, words: matching(verbsOf(command), current) }
  }
  const expected = command.registeredArguments
  const argument = expected[Math.min(operands.length, expected.length - 1)]
  if (argument === undefined || (operands.length >= expected.length && !argument.variadic)) {
    return NOTHING
  }
  return ofKind(argumentKind(command, argument), line, context, current)
}

const NOTHING: Candidates = { words: [], files: 'none' }

/** A line as far as the word at the cursor. */
interface Line {
  /** The verb, and the one in it. */
  readonly command: Command
  /** Behind the verb. */
  readonly words: readonly string[]
  readonly operands: readonly string[]
  /** An option that waits for its value. */
  readonly pending: Option | undefined
  /** `--` stood before. */
  readonly isOperandsOnly: boolean
}

function readLine(program: Command, words: readonly string[]): Line {
  let command = program
  let begin = 0
  let pending: Option | undefined
  let isOperandsOnly = false
  const operands: string[] = []
  for (const [i, word] of words.entries()) {
    if (pending !== undefined) pending = undefined
    else if (isOperandsOnly || !word.startsWith('-') || word === '-') {
      const verb = verbAt(command, [word])
      if (verb === undefined) operands.push(word)
      else {
        command = verb
        begin = i + 1
      }
    } else if (word === '--') isOperandsOnly = true
    else if (!word.includes('=')) {
      // Of several letters together the last one may wait: `-rd DATE`.
      const option = optionNamed(command, word.startsWith('--') ? word : `-${word.at(-1)}`)
      if (takesValue(option)) pending = option
    }
  }
  const end = pending === undefined ? words.length : words.length - 1
  return { command, words: words.slice(begin, end), operands, pending, isOperandsOnly }
}

function verbAt(command: Command, path: readonly string[]): Command | undefined {
  let found: Command | undefined = command
  for (const word of path) found = found?.commands.find((each) => each.name() === word)
  return found
}

function optionNamed(command: Command, flag: string): Option | undefined {
  return command.options.find(({ long, short }) => long === flag || short === flag)
}

function takesValue(option: Option | undefined): option is Option {
  return option?.required === true
}

async function ofKind(
  kind: Kind | undefined,
  line: Line,
  context: Context,
  current: string,
): Promise<Candidates> {
  if (kind === 'file') return { ...NOTHING, files: 'files' }
  if (kind === 'directory') return { ...NOTHING, files: 'directories' }
  if (kind === 'files, then path') {
    // The first one is a file; of the others a path within the image is told by its slash.
    const isInside = line.operands.length > 1 && current.startsWith('/')
    return ofKind(isInside ? 'path' : 'file', line, context, current)
  }
  const known = await wordsOf(kind, line, context, current)
  return { ...NOTHING, words: matching(known, current) }
}

async function wordsOf(
  kind: Exclude<Kind, 'file' | 'directory' | 'files, then path'> | undefined,
  line: Line,
  context: Context,
  current: string,
): Promise<readonly Candidate[]> {
  try {
    switch (kind) {
      case undefined:
      case 'nothing':
        return []
      case 'profile':
        return profileNames(optionsGiven(line)).map((value) => ({ value }))
      case 'dialect':
        return [...new Set([...DIALECTS, ...profileNames({})])].map((value) => ({ value }))
      case 'family':
        return Object.keys(UF2_FAMILIES).map((value) => ({ value }))
      case 'partition':
        return await partitions(line, context)
      case 'path':
        return await pathsWithin(line, context, current)
      default:
        return kind.map((value) => ({ value }))
    }
  } catch {
    // Candidates are a help and no promise: the command itself says what is wrong.
    return []
  }
}

function verbsOf(command: Command): Candidate[] {
  return command
    .createHelp()
    .visibleCommands(command)
    .map((verb) => ({ value: verb.name(), note: verb.summary() || verb.description() }))
}

function optionsOf(command: Command): Candidate[] {
  return command
    .createHelp()
    .visibleOptions(command)
    .map(({ long, short, description }) => ({ value: long ?? short ?? '', note: description }))
}

function matching(candidates: readonly Candidate[], current: string): Candidate[] {
  return candidates.filter(({ value }) => value.startsWith(current))
}

interface GivenOptions extends ImageOptions, ProfileOptions {
  readonly escaped?: boolean
}

/** @throws CommanderError for a value that cannot be. */
function optionsGiven({ command, words }: Line): GivenOptions {
  command.parseOptions([...words])
  return command.opts()
}

/** @throws what opening it throws. */
async function partitions(line: Line, context: Context): Promise<Candidate[]> {
  const options = optionsGiven(line)
  const image = await imageOf(line)
  if (image === undefined) return []
  const device = await openBytes(image, options, context)
  try {
    return (await tableFor(device, options)).map(({ name }) => ({ value: name }))
  } finally {
    await device.close()
  }
}

/** What is in the directory that the word names so far. @throws what opening the image throws. */
async function pathsWithin(line: Line, context: Context, current: string): Promise<Candidate[]> {
  const options = optionsGiven(line)
  const name = await imageOf(line)
  if (name === undefined) return []
  const signal = AbortSignal.any([context.signal, AbortSignal.timeout(PATIENCE_MS)])
  const image = await openImage(name, options, { ...context, signal })
  try {
    const above = current.slice(0, current.lastIndexOf('/') + 1)
    const listed = await image.tree.list(parsePath(above === '' ? '/' : above, options))
    return listed.flatMap(({ name: bytes, type }) => {
      const text = wordFor(bytes, options.escaped === true)
      if (text === undefined) return []
      return [{ value: `${above}${text}${type === 'directory' ? '/' : ''}` }]
    })
  } finally {
    await image.close()
  }
}

/** `undefined` for a name that would have to be given in percent notation, and is not. */
function wordFor(name: Uint8Array, escaped: boolean): string | undefined {
  if (escaped) return escapeName(name)
  const text = decodeUtf8(name)
  return text === harmlessName(name) ? text : undefined
}

/** The image of the line, where it is a file of this computer. */
async function imageOf({ command, operands }: Line): Promise<string | undefined> {
  const index = command.registeredArguments.findIndex((argument) => argument.name() === 'image')
  const given = operands[index]
  if (given === undefined) return undefined
  // As a shell would have it, which leaves it to the command that it starts.
  const path = given.replace(/^~(?=\/)/, homedir())
  return (await stat(path)).isFile() ? path : undefined
}
