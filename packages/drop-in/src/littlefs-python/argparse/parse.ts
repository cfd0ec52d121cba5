/**
 * Arguments into values, as argparse does it.
 *
 * 1. Each argument is an option (`O`), a value (`A`) or the first `--` (`-`); behind `--` all are
 *    values. A long option may be shortened as far as it stays the only one.
 * 2. Positionals take what they can of each run of values: the earliest as many as match, a command
 *    everything behind it. One that need not be there is not given up while options follow: argparse
 *    does so since Python 3.12.7, before which `create SOURCE --block-size N DESTINATION` failed.
 * 3. What nobody takes is told by the outermost parser.
 */

import { CaravanError } from '@caravan/core'
import { formatHelp, formatUsage } from './help.js'
import {
  type Commands,
  isOption,
  isRequired,
  type Option,
  optionsOf,
  type Parser,
  type Positional,
  positionalsOf,
  type Value,
} from './parser.js'
import { pythonRepr } from './python-text.js'

export type Values = ReadonlyMap<string, Value>

/** The program ends here, with this exit code, having said this. */
interface ParserExit {
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
}

/** @param columns how wide help and usage may be. */
export function parseArguments(
  parser: Parser,
  argv: readonly string[],
  columns: number,
): { readonly values: Values } | { readonly exit: ParserExit } {
  try {
    const { values, extras } = new Parsing(parser, argv, columns).run()
    if (extras.length > 0) {
      return { exit: usageError(parser, `unrecognized arguments: ${extras.join(' ')}`, columns) }
    }
    return { values }
  } catch (error) {
    if (error instanceof Ended) return { exit: error.exit }
    throw error
  }
}

/** What a program says of a wrong call, with the usage before it. */
export function usageError(parser: Parser, message: string, columns: number): ParserExit {
  const stderr = `${formatUsage(parser, columns)}${parser.prog}: error: ${message}\n`
  return { exitCode: 2, stdout: '', stderr }
}

/** Help was asked for, or the arguments are wrong: ends the parsing, and never leaves this file. */
class Ended extends CaravanError {
  override readonly name = 'Ended'
  readonly code = 'ENDED'

  constructor(readonly exit: ParserExit) {
    super('the parsing of the arguments has ended')
  }
}

/** An option met among the arguments; none where it looks like one and is not known. */
interface MetOption {
  readonly option: Option | undefined
  readonly flag: string
  /** What stands behind its `=`, or behind its letter. */
  readonly explicit: string | undefined
}

class Parsing {
  private readonly values = new Map<string, Value>()
  private readonly seen = new Set<Option | Positional | Commands>()
  private readonly extras: string[] = []
  /** Of a command's own parser. */
  private readonly innerExtras: string[] = []
  private readonly flags: ReadonlyMap<string, Option>
  private readonly met = new Map<number, MetOption>()
  private readonly pattern: string
  private readonly positionals: (Positional | Commands)[]

  constructor(
    private readonly parser: Parser,
    private readonly argv: readonly string[],
    private readonly columns: number,
  ) {
    for (const arg of parser.args) {
      const initial = 'default' in arg ? arg.default : undefined
      if (initial !== undefined) this.values.set(arg.dest, initial)
    }
    const options = optionsOf(parser)
    this.flags = new Map(options.flatMap((option) => option.flags.map((flag) => [flag, option])))
    this.positionals = positionalsOf(parser)
    this.pattern = this.classify()
  }

  private classify(): string {
    const end = this.argv.indexOf('--')
    const kinds = this.argv.map((text, index) => {
      if (end >= 0 && index >= end) return index === end ? '-' : 'A'
      const option = this.optionIn(text)
      if (option === undefined) return 'A'
      this.met.set(index, option)
      return 'O'
    })
    return kinds.join('')
  }

  private optionIn(text: string): MetOption | undefined {
    if (!text.startsWith('-')) return undefined
    const exact = this.flags.get(text)
    if (exact !== undefined) return { option: exact, flag: text, explicit: undefined }
    if (text.length === 1) return undefined
    const { name, explicit } = splitAtEquals(text)
    const option = this.flags.get(name)
    if (explicit !== undefined && option !== undefined) return { option, flag: name, explicit }

    const matches = text.startsWith('--') ? this.shortened(name, explicit) : this.joined(text)
    if (matches.length > 1) {
      const names = matches.map(({ flag }) => flag).join(', ')
      throw this.error(`ambiguous option: ${text} could match ${names}`)
    }
    if (matches[0] !== undefined) return matches[0]
    // No option looks like a negative number, and none has a blank in it.
    if (NEGATIVE_NUMBER.test(text) || text.includes(' ')) return undefined
    return { option: undefined, flag: text, explicit: undefined }
  }

  private shortened(name: string, explicit: string | undefined): MetOption[] {
    return [...this.flags]
      .filter(([flag]) => flag.startsWith(name))
      .map(([flag, option]) => ({ option, flag, explicit }))
  }

  /** `-vv`, `-vh`: a letter with something right behind it. */
  private joined(text: string): MetOption[] {
    const flag = text.slice(0, 2)
    const option = this.flags.get(flag)
    return option === undefined ? [] : [{ option, flag, explicit: text.slice(2) }]
  }

  run(): { values: Values; extras: readonly string[] } {
    const last = Math.max(-1, ...this.met.keys())
    let at = 0
    while (at <= last) {
      const next = this.nextOption(at)
      if (at !== next) {
        const end = this.takePositionals(at)
        if (end > at) {
          at = end
          continue
        }
        this.extras.push(...this.argv.slice(at, next))
      }
      at = this.takeOption(next)
    }
    this.extras.push(...this.argv.slice(this.takePositionals(at)))
    this.checkRequired()
    return { values: this.values, extras: [...this.extras, ...this.innerExtras] }
  }

  private nextOption(at: number): number {
    let index = at
    while (!this.met.has(index)) index++
    return index
  }

  private takePositionals(at: number): number {
    let end = at
    const counts = this.matchPositionals(this.pattern.slice(at))
    for (const count of counts) {
      const positional = this.positionals.shift() as Positional | Commands
      this.take(positional, this.argv.slice(end, end + count))
      end += count
    }
    return end
  }

  /** How many arguments each of the first positionals takes of those that the pattern is of. */
  private matchPositionals(pattern: string): number[] {
    for (let length = this.positionals.length; length > 0; length--) {
      const patterns = this.positionals.slice(0, length).map(({ takes }) => PATTERNS[takes])
      const match = new RegExp(`^${patterns.join('')}`).exec(pattern)
      if (match === null) continue
      const counts = match.slice(1).map((run) => run.length)
      if (pattern[match[0].length] === 'O') while (counts.at(-1) === 0) counts.pop()
      return counts
    }
    return []
  }

  private take(positional: Positional | Commands, texts: readonly string[]): void {
    this.seen.add(positional)
    if (positional.takes === 'command') {
      this.runCommand(positional, texts)
      return
    }
    const end = texts.indexOf('--')
    const [value] = texts.filter((_, index) => index !== end)
    if (value !== undefined) this.values.set(positional.dest, value)
  }

  private runCommand(commands: Commands, [name = '', ...rest]: readonly string[]): void {
    const choice = commands.choices.find((one) => one.name === name)
    if (choice === undefined) {
      const names = commands.choices.map((one) => pythonRepr(one.name)).join(', ')
      const message = `invalid choice: ${pythonRepr(name)} (choose from ${names})`
      throw this.argumentError(commands, message)
    }
    this.values.set(commands.dest, name)
    const inner = new Parsing(choice.parser, rest, this.columns).run()
    for (const [dest, value] of inner.values) this.values.set(dest, value)
    this.innerExtras.push(...inner.extras)
  }

  /** @returns where the arguments of the option end. */
  private takeOption(index: number): number {
    let { option, flag, explicit } = this.met.get(index) as MetOption
    if (option === undefined) {
      this.extras.push(this.argv[index] as string)
      return index + 1
    }
    const together: Option[] = []
    while (explicit !== undefined && option.action !== 'store') {
      const nextFlag = `-${explicit.slice(0, 1)}`
      const next = explicit === '' || flag.startsWith('--') ? undefined : this.flags.get(nextFlag)
      if (next === undefined) {
        throw this.argumentError(option, `ignored explicit argument ${pythonRepr(explicit)}`)
      }
      together.push(option)
      option = next
      flag = nextFlag
      explicit = explicit.slice(1) || undefined
    }
    const takesNext = option.action === 'store' && explicit === undefined
    if (takesNext && this.pattern[index + 1] !== 'A') {
      throw this.argumentError(option, 'expected one argument')
    }
    for (const one of together) this.act(one, undefined)
    this.act(option, takesNext ? this.argv[index + 1] : explicit)
    return takesNext ? index + 2 : index + 1
  }

  private act(option: Option, text: string | undefined): void {
    this.seen.add(option)
    const { action, dest, type } = option
    switch (action) {
      case 'help':
        throw new Ended({ exitCode: 0, stdout: formatHelp(this.parser, this.columns), stderr: '' })
      case 'version':
        throw new Ended({ exitCode: 0, stdout: `${this.parser.version}\n`, stderr: '' })
      case 'count':
        this.values.set(dest, Number(this.values.get(dest) ?? 0) + 1)
        return
      case 'store_true':
        this.values.set(dest, true)
        return
      case 'store': {
        const value = type === undefined ? text : type.parse(text as string)
        if (value === undefined) {
          const shown = pythonRepr(text as string)
          throw this.argumentError(option, `invalid ${type?.name} value: ${shown}`)
        }
        this.checkAlone(option)
        this.values.set(dest, value)
      }
    }
  }

  private checkAlone(option: Option): void {
    const { exclusive = [] } = this.parser
    if (!exclusive.includes(option.dest)) return
    const other = [...this.seen].find((arg) => arg !== option && exclusive.includes(arg.dest))
    if (other === undefined) return
    throw this.argumentError(option, `not allowed with argument ${argumentName(other)}`)
  }

  private checkRequired(): void {
    const { args, exclusive } = this.parser
    const missing = args.filter((arg) => isRequired(arg) && !this.seen.has(arg))
    if (missing.length > 0) {
      const names = missing.map(argumentName).join(', ')
      throw this.error(`the following arguments are required: ${names}`)
    }
    const group = args.filter((arg) => exclusive?.includes(arg.dest))
    if (group.length > 0 && !group.some((arg) => this.seen.has(arg))) {
      throw this.error(`one of the arguments ${group.map(argumentName).join(' ')} is required`)
    }
  }

  private argumentError(arg: Option | Positional | Commands, message: string): Ended {
    return this.error(`argument ${argumentName(arg)}: ${message}`)
  }

  private error(message: string): Ended {
    return new Ended(usageError(this.parser, message, this.columns))
  }
}

/** What a positional takes of the kinds of arguments: the first `--` is nobody's. */
const PATTERNS = { one: '(-*A-*)', optional: '(-*A?-*)', command: '(-*A[-AO]*)' } as const

const NEGATIVE_NUMBER = /^-(\d+|\d*\.\d+)$/

function splitAtEquals(text: string): { name: string; explicit: string | undefined } {
  const at = text.indexOf('=')
  if (at < 0) return { name: text, explicit: undefined }
  return { name: text.slice(0, at), explicit: text.slice(at + 1) }
}

function argumentName(arg: Option | Positional | Commands): string {
  return isOption(arg) ? arg.flags.join('/') : arg.dest
}
