/**
 * The command line of `mklittlefs`, read as the original reads it (TCLAP).
 *
 * 1. Every argument is offered to the options in the order of their table, and then to the image file,
 *    which takes any there is: also one with a dash that no option knows.
 * 2. A value is an argument of its own; switches may stand together behind one dash, and an argument
 *    that holds the letter of a switch sets it.
 * 3. Of the three actions exactly one. The first thing that is wrong ends it.
 */

import { parseNumber } from './number.js'
import {
  IMAGE_NAME,
  NUMBER_DEFAULTS,
  type NumberOptions,
  OPTIONS,
  type Option,
} from './option-table.js'

export interface Arguments extends Readonly<NumberOptions> {
  readonly action: 'create' | 'unpack' | 'list'
  /** What is packed, or where it is unpacked to; empty with `list`. */
  readonly directory: string
  readonly image: string
  /** The file with the paths to pack; empty for none. */
  readonly fromFile: string
  readonly allFiles: boolean
  /** True where `block` was said, and is not to be found from the image. */
  readonly isBlockGiven: boolean
}

/** What the arguments come to. */
type Parsed =
  | { readonly kind: 'run'; readonly arguments: Arguments }
  | { readonly kind: 'help' | 'version' }
  /** `subject` is the argument that it is about; `undefined` where it is about none. */
  | { readonly kind: 'error'; readonly subject: string | undefined; readonly problem: string }

export function parseArguments(argv: readonly string[]): Parsed {
  try {
    const parser = new Parser(argv)
    return { kind: 'run', arguments: parser.parse() }
  } catch (error) {
    if (error instanceof Ended) return error.parsed
    throw error
  }
}

/** Carries out of the parser what ends it. */
class Ended {
  constructor(readonly parsed: Parsed) {}
}

function fail(problem: string, subject?: string): never {
  throw new Ended({ kind: 'error', subject, problem })
}

/** What stands for a switch that was taken out of several behind one dash. */
const BLANK = '\u0007'

class Parser {
  private at = 0
  private readonly rest: string[]
  private readonly numbers = { ...NUMBER_DEFAULTS }
  private readonly texts = new Map<string, string>()
  private readonly set = new Set<Option>()
  /** Actions that another one rules out. */
  private readonly ruledOut = new Set<Option>()
  private image: string | undefined
  private hasAction = false
  private ignoresRest = false

  constructor(argv: readonly string[]) {
    this.rest = [...argv]
  }

  parse(): Arguments {
    for (; this.at < this.rest.length; this.at++) this.take()
    if (!this.hasAction || this.image === undefined) this.failMissing()
    const action = OPTIONS.find((option) => option.kind === 'action' && this.set.has(option))
    const name = action?.name as Arguments['action']
    return {
      ...this.numbers,
      action: name,
      directory: this.texts.get(name) ?? '',
      image: this.image as string,
      fromFile: this.texts.get('from-file') ?? '',
      allFiles: OPTIONS.some(({ name }) => name === 'all-files' && this.isSet(name)),
      isBlockGiven: this.isSet('block'),
    }
  }

  private isSet(name: string): boolean {
    return OPTIONS.some((option) => option.name === name && this.set.has(option))
  }

  private take(): void {
    const argument = this.rest[this.at] as string
    for (const option of OPTIONS) if (this.offer(option)) return
    const now = this.rest[this.at] as string
    if (this.image === undefined && !now.includes(BLANK)) {
      this.image = argument
      return
    }
    // A dash alone, all switches of which are taken, and nothing at all pass.
    const isEmpty = now === '' || (now[0] === '-' && [...now.slice(1)].every((c) => c === BLANK))
    if (!isEmpty && !this.ignoresRest) fail("Couldn't find match for argument", now)
  }

  /** True where the option has taken the argument for its own. */
  private offer(option: Option): boolean {
    if (this.ignoresRest) return false
    if (option.kind === 'switch' || (option.kind === 'action' && !option.takesPath)) {
      return this.offerSwitch(option)
    }
    const argument = this.rest[this.at] as string
    if (argument.includes(BLANK)) return false
    const blank = argument.indexOf(' ')
    const flag = blank > 1 ? argument.slice(0, blank) : argument
    if (!isNamed(option, flag)) return false
    this.checkUnset(option)
    let value = blank > 1 ? argument.slice(blank + 1) : ''
    if (value === '') {
      this.at++
      if (this.at >= this.rest.length) fail('Missing a value for this argument!', spell(option))
      value = this.rest[this.at] as string
    }
    if (option.kind === 'number') this.takeNumber(option, value)
    else this.texts.set(option.name, value)
    this.set.add(option)
    if (option.kind === 'action') this.takeAction(option)
    return true
  }

  private takeNumber(option: Option & { readonly kind: 'number' }, text: string): void {
    const value = parseNumber(text)
    if (typeof value === 'object') fail(value.problem, spell(option))
    if (value !== undefined) this.numbers[option.key] = value
  }

  private offerSwitch(option: Option): boolean {
    const isWhole = isNamed(option, this.rest[this.at] as string)
    if (!isWhole) {
      if (!this.takeLetter(option)) return false
      if (this.takeLetter(option)) fail('Argument already set!', spell(option))
    }
    this.checkUnset(option)
    this.set.add(option)
    if (option.name === 'help' || option.name === 'version') {
      throw new Ended({ kind: option.name })
    }
    if (option.name === 'ignore_rest') this.ignoresRest = true
    const rest = (this.rest[this.at] as string).slice(1)
    // The others behind the dash get their turn, before it is anyone's own.
    if (!isWhole && [...rest].some((character) => character !== BLANK)) return false
    if (option.kind === 'action') this.takeAction(option)
    return true
  }

  /** Takes the letter of a switch out of an argument that holds it. */
  private takeLetter({ flag }: Option): boolean {
    const argument = this.rest[this.at] as string
    if (flag === '' || flag === '-') return false
    if (argument !== '' && (argument[0] !== '-' || argument.startsWith('--'))) return false
    if (argument.includes(' ')) return false
    const place = argument.indexOf(flag, 1)
    if (place < 0) return false
    this.rest[this.at] = argument.slice(0, place) + BLANK + argument.slice(place + 1)
    return true
  }

  private checkUnset(option: Option): void {
    if (this.ruledOut.has(option)) fail('Mutually exclusive argument already set!', spell(option))
    if (this.set.has(option)) fail('Argument already set!', spell(option))
  }

  private takeAction(option: Option): void {
    const others = OPTIONS.filter((other) => other.kind === 'action' && other !== option)
    const before = others.find((other) => this.set.has(other))
    if (before !== undefined) fail('Mutually exclusive argument already set!', spell(before))
    for (const other of others) this.ruledOut.add(other)
    this.hasAction = true
  }

  private failMissing(): never {
    const missing = OPTIONS.filter((option) => option.kind === 'action' && !this.set.has(option))
    const names = missing.map(({ name }) => name)
    if (this.image === undefined) names.push(IMAGE_NAME)
    fail(`Required argument${names.length > 1 ? 's' : ''} missing: ${names.join(', ')}`)
  }
}

function isNamed({ flag, name }: Option, argument: string): boolean {
  return (flag !== '' && argument === `-${flag}`) || argument === `--${name}`
}

function spell({ flag, name }: Option): string {
  return flag === '' ? `(--${name})` : `-${flag} (--${name})`
}
