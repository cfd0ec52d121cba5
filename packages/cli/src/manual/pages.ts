/**
 * The pages of the manual, made of what commander has for the help: one for the command, and one for
 * each verb, as git and npm have them. `man caravan-ls`, and with man-db `man caravan ls`.
 */

import type { Command } from 'commander'
import { describedProgram } from '../main.js'
import { VERSION } from '../version.js'
import { paragraph, prose, roff, section, tagged, verbatim } from './roff.js'

export interface ManualPage {
  /** Of its file: `caravan-ls.1`. */
  readonly name: string
  readonly text: string
}

/** All of them, that of the command first. */
export function manualPages(): ManualPage[] {
  return pagesOf(describedProgram())
}

function pagesOf(command: Command): ManualPage[] {
  return [
    { name: `${nameOf(command)}.1`, text: pageOf(command) },
    ...verbsOf(command).flatMap((verb) => pagesOf(verb)),
  ]
}

/** `caravan-git-make`. */
function nameOf(command: Command): string {
  return command.parent === null ? command.name() : `${nameOf(command.parent)}-${command.name()}`
}

function verbsOf(command: Command): Command[] {
  // `help` is a page of its own nowhere.
  return command
    .createHelp()
    .visibleCommands(command)
    .filter((verb) => verb.name() !== 'help')
}

function pageOf(command: Command): string {
  const help = command.createHelp()
  const name = nameOf(command)
  const { examples, exit, rest } = textBehind(command)
  const parts = [
    `.TH ${roff(name.toUpperCase())} 1 "" ${quoted(`caravan ${VERSION}`)} ${quoted('caravan manual')}`,
    section('NAME', `${roff(name)} \\- ${roff(command.summary() || summaryOf(command))}`),
    section('SYNOPSIS', `\\fB${roff(help.commandUsage(command))}\\fR`),
    section('DESCRIPTION', paragraph(command.description()), ...rest.map(prose)),
    section(
      'ARGUMENTS',
      ...help
        .visibleArguments(command)
        .map((argument) => tagged(help.argumentTerm(argument), help.argumentDescription(argument))),
    ),
    section(
      'VERBS',
      ...verbsOf(command).map((verb) =>
        tagged(`${nameOf(verb)}(1)`, help.subcommandDescription(verb)),
      ),
    ),
    section(
      'OPTIONS',
      ...help
        .visibleOptions(command)
        .map((option) => tagged(help.optionTerm(option), help.optionDescription(option))),
    ),
    section('EXIT STATUS', exit === undefined ? '' : paragraph(exit)),
    section('EXAMPLES', examples === undefined ? '' : verbatim(examples)),
    section('SEE ALSO', seeAlso(command)),
  ]
  return `${parts.filter((part) => part !== '').join('\n')}\n`
}

function quoted(text: string): string {
  return `"${roff(text)}"`
}

/** Of the command itself, which has no summary: its description without what stands in brackets. */
function summaryOf(command: Command): string {
  return command
    .description()
    .replace(/ \(.*\)/, '')
    .replace(/\.$/, '')
    .toLowerCase()
}

function seeAlso(command: Command): string {
  const { parent } = command
  const others =
    parent === null ? [] : [parent, ...verbsOf(parent).filter((each) => each !== command)]
  // Of a verb within a verb its neighbours; of any other the command alone has them all.
  const shown = parent?.parent === null ? others.slice(0, 1) : others
  return shown.map((each) => `\\fB${roff(nameOf(each))}\\fR(1)`).join(',\n')
}

interface TextBehind {
  readonly examples: string | undefined
  readonly exit: string | undefined
  /** What else there is to say, in blocks. */
  readonly rest: readonly string[]
}

/** What stands behind the options in the help. */
function textBehind(command: Command): TextBehind {
  let text = ''
  command.configureOutput({
    writeOut(piece) {
      text += piece
    },
  })
  command.outputHelp()
  const blocks = text
    .slice(command.helpInformation().length)
    .split(/\n{2,}/)
    .map((block) => block.replace(/^\n+|\n+$/g, ''))
    .filter((block) => block !== '')
  const behind = (title: string) => blocks.find((block) => block.startsWith(title))
  return {
    examples: behind('Examples:')
      ?.replace(/^Examples:\n/, '')
      .replace(/^ {2}/gm, ''),
    exit: behind('Exit codes')?.replace(/^Exit codes: /, ''),
    rest: blocks.filter((block) => !/^(Examples:|Exit codes)/.test(block)),
  }
}
