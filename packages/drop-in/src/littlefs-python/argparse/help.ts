/** Usage and help, worded and wrapped as argparse does it. */

import {
  type Commands,
  isOption,
  type Option,
  optionsOf,
  type Parser,
  type Positional,
  positionalsOf,
} from './parser.js'
import { fillLines, wrapText } from './wrap.js'

/** Columns that stay free at the right edge. */
const MARGIN = 2

/** Where the help of an argument begins, at most. */
const HELP_POSITION_MAX = 24

/** However narrow it gets. */
const TEXT_WIDTH_MIN = 11

const INDENT = 2

const PREFIX = 'usage: '

/** The usage, with its line's end. */
export function formatUsage(parser: Parser, columns: number): string {
  const width = columns - MARGIN
  const { prog } = parser
  const options = optionUsages(parser)
  const positionals = positionalsOf(parser).map(positionalUsage)
  const whole = PREFIX + [prog, ...options, ...positionals].join(' ')
  if (whole.length <= width) return `${whole}\n`

  const isBeside = PREFIX.length + prog.length <= 0.75 * width
  const indent = ' '.repeat(isBeside ? PREFIX.length + prog.length + 1 : PREFIX.length)
  const limits = { before: indent.length - 1, width }
  const optionWords = options.flatMap(breakable)
  const positionalWords = positionals.flatMap(breakable)
  const below = fillLines(positionalWords, limits)
  if (isBeside) {
    const [first, ...more] = fillLines([prog, ...optionWords], {
      ...limits,
      beforeFirst: PREFIX.length - 1,
    })
    return `${PREFIX}${[first, ...[...more, ...below].map((line) => indent + line)].join('\n')}\n`
  }
  const together = fillLines([...optionWords, ...positionalWords], limits)
  const lines = together.length > 1 ? [...fillLines(optionWords, limits), ...below] : together
  return `${PREFIX}${[prog, ...lines.map((line) => indent + line)].join('\n')}\n`
}

/** What may stand on two lines: a value that is no part of brackets. */
function breakable(usage: string): string[] {
  return /^[[(]/.test(usage) ? [usage] : usage.split(' ')
}

function optionUsages(parser: Parser): string[] {
  const usages: string[] = []
  const { exclusive = [] } = parser
  for (const option of optionsOf(parser)) {
    const usage = [option.flags[0], ...metavarOf(option)].join(' ')
    const place = exclusive.indexOf(option.dest)
    if (place > 0) usages[usages.length - 1] += ` | ${usage}`
    else usages.push(option.isRequired === true || place === 0 ? usage : `[${usage}]`)
    if (place >= 0 && place === exclusive.length - 1) usages.push(`(${usages.pop()})`)
  }
  return usages
}

/** What an option's value is called; nothing where it takes none. */
function metavarOf({ action, dest }: Option): string[] {
  return action === 'store' ? [dest.toUpperCase()] : []
}

function positionalUsage(positional: Positional | Commands): string {
  if (positional.takes === 'command') return `${choicesOf(positional)} ...`
  return positional.takes === 'optional' ? `[${positional.dest}]` : positional.dest
}

function choicesOf({ choices }: Commands): string {
  return `{${choices.map(({ name }) => name).join(',')}}`
}

/** What one argument is called, how far it is moved in, and what is said about it. */
interface Item {
  readonly name: string
  readonly indent: number
  readonly help: string | undefined
}

/** What `--help` prints. */
export function formatHelp(parser: Parser, columns: number): string {
  const width = columns - MARGIN
  const sections = sectionsOf(parser)
  const lengths = sections.flatMap(({ items }) => items.map(({ name }) => name.length + INDENT))
  const helpPosition = Math.min(
    Math.max(...lengths) + INDENT,
    HELP_POSITION_MAX,
    Math.max(width - 20, 2 * INDENT),
  )
  const paragraphs = [formatUsage(parser, columns)]
  if (parser.description !== undefined) {
    const lines = wrapText(parser.description, Math.max(width, TEXT_WIDTH_MIN))
    paragraphs.push(`${lines.join('\n')}\n`)
  }
  for (const { title, items } of sections) {
    const lines = items.flatMap((item) => itemLines(item, helpPosition, width))
    paragraphs.push([`${title}:`, ...lines].map((line) => `${line}\n`).join(''))
  }
  return paragraphs.join('\n')
}

function sectionsOf(parser: Parser): { title: string; items: readonly Item[] }[] {
  const positionals: Item[] = []
  const options: Item[] = []
  const sections = [
    { title: 'positional arguments', items: positionals },
    { title: 'options', items: options },
  ]
  for (const arg of parser.args) {
    const { help } = arg
    if (isOption(arg)) {
      const names = arg.flags.map((flag) => [flag, ...metavarOf(arg)].join(' '))
      options.push({ name: names.join(', '), indent: INDENT, help })
    } else if (arg.takes === 'command') {
      const items: Item[] = [{ name: choicesOf(arg), indent: INDENT, help }]
      for (const choice of arg.choices) {
        items.push({ name: choice.name, indent: 2 * INDENT, help: choice.help })
      }
      sections.push({ title: arg.title, items })
    } else {
      positionals.push({ name: arg.dest, indent: INDENT, help })
    }
  }
  return sections.filter(({ items }) => items.length > 0)
}

function itemLines({ name, indent, help }: Item, helpPosition: number, width: number): string[] {
  const header = ' '.repeat(indent) + name
  if (help === undefined) return [header]
  const [first = '', ...more] = wrapText(help, Math.max(width - helpPosition, TEXT_WIDTH_MIN))
  const below = more.map((line) => ' '.repeat(helpPosition) + line)
  const isBeside = header.length <= helpPosition - INDENT
  return isBeside
    ? [header.padEnd(helpPosition) + first, ...below]
    : [header, ' '.repeat(helpPosition) + first, ...below]
}
