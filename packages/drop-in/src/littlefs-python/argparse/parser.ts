/**
 * A command line as Python's argparse describes one: tables that parse.ts reads and help.ts prints.
 *
 * Of argparse there is what littlefs-python uses, and that as argparse does it, down to the wording.
 *
 * Source: the documentation of Python's argparse; the answers of CPython 3.11 (golden/tools).
 */

/** What an argument becomes. */
export type Value = string | bigint | boolean | number

/** What the text of an argument has to be. */
export interface ValueType {
  /** As argparse names it in `invalid NAME value`. */
  readonly name: string
  /** `undefined` where the text is none. */
  parse(text: string): Value | undefined
}

interface Argument {
  /** The name of its value. */
  readonly dest: string
  readonly help?: string
}

export interface Option extends Argument {
  /** `-v`, `--verbose`. The first one is shown in the usage. */
  readonly flags: readonly string[]
  /** What it does: takes a value; is counted; is set; prints and ends the program. */
  readonly action: 'store' | 'count' | 'store_true' | 'help' | 'version'
  /** Of the value that it takes. Default: any text. */
  readonly type?: ValueType
  readonly isRequired?: boolean
  readonly default?: Value
}

export interface Positional extends Argument {
  /** One value that must be there, or one that need not. */
  readonly takes: 'one' | 'optional'
  readonly default?: Value
}

/** Commands that a parser hands the rest of the arguments to. */
export interface Commands extends Argument {
  readonly takes: 'command'
  /** Above them in the help. */
  readonly title: string
  readonly choices: readonly {
    readonly name: string
    readonly help: string
    readonly parser: Parser
  }[]
}

export interface Parser {
  /** As it is called: `littlefs-python create`. */
  readonly prog: string
  readonly description?: string
  /** What `--version` prints. */
  readonly version?: string
  /** In the order in which they were added: messages name missing ones so. */
  readonly args: readonly (Option | Positional | Commands)[]
  /** Options that stand behind one another in `args`, of which exactly one must be given. */
  readonly exclusive?: readonly string[]
}

export function isOption(arg: Option | Positional | Commands): arg is Option {
  return 'flags' in arg
}

export function optionsOf({ args }: Parser): Option[] {
  return args.filter(isOption)
}

export function positionalsOf({ args }: Parser): (Positional | Commands)[] {
  return args.filter((arg): arg is Positional | Commands => !isOption(arg))
}

/** Whether something must be given for it. */
export function isRequired(arg: Option | Positional | Commands): boolean {
  return isOption(arg) ? arg.isRequired === true : arg.takes !== 'optional'
}
