/** `caravan completion`: the script with which a shell completes words; and what the script asks. */

import type { Command } from 'commander'
import { type Candidate, type Candidates, candidatesFor } from '../completion/candidates.js'
import { COMPLETE_VERB, completionScript, SHELLS, type Shell } from '../completion/scripts.js'
import { parseShellLine, quoted } from '../completion/shell-line.js'
import type { Context } from '../context.js'
import { withHelp } from '../verb.js'

const COMPLETION_HELP = `
Verbs, options, values that are known (formats, versions, profiles, partitions), files,
and paths within the image that is named before: caravan ls flash.img /w<TAB>. Only
files are opened for that, never an address. Names that are not text are completed
behind --escaped.

  bash  a line of ~/.bashrc:  source <(caravan completion bash)
  zsh   a line of ~/.zshrc:   source <(caravan completion zsh)
  fish  once:                 caravan completion fish > ~/.config/fish/completions/caravan.fish`

export function addCompletion(program: Command, context: Context): void {
  const command = program
    .command('completion')
    .summary('print a script that completes words in a shell')
    .description('Prints a script with which a shell completes verbs, options, values and paths.')
    .helpOption('-h, --help', 'print this help')
    .addArgument(program.createArgument('<shell>', 'the shell').choices(SHELLS))
    .action((shell: Shell) => context.out.put(completionScript(shell)))
  withHelp(command, ['source <(caravan completion bash)'], COMPLETION_HELP)
  program
    .command(COMPLETE_VERB, { hidden: true })
    .addArgument(program.createArgument('<shell>').choices(SHELLS))
    .argument('[words...]')
    .helpOption(false)
    .action((shell: Shell, words: readonly string[]) =>
      shell === 'bash'
        ? completeBash(program, context, words)
        : complete(program, context, shell, words),
    )
}

/** @param given the line before the cursor, and what bash cuts words at. */
async function completeBash(
  program: Command,
  context: Context,
  [line = '', breaks = '']: readonly string[],
): Promise<void> {
  const { words, quote, keptLength } = parseShellLine(line, breaks)
  const found = await candidatesFor(program, context, behindCommand(words))
  await print(context, found, ({ value }) => quoted(value.slice(keptLength), quote))
}

/** Variables may be set before the name of the command. */
function behindCommand(words: readonly string[]): readonly string[] {
  const name = words.findIndex((word) => !/^\w+=/.test(word))
  return words.slice(name + 1)
}

async function complete(
  program: Command,
  context: Context,
  shell: Shell,
  words: readonly string[],
): Promise<void> {
  const current = words.at(-1) ?? ''
  // fish hands the word at the cursor over as it was typed.
  const plain = shell === 'fish' ? parseShellLine(current, '').words.join(' ') : current
  const found = await candidatesFor(program, context, [...words.slice(0, -1), plain])
  await print(context, found, ({ value, note }) =>
    note === undefined ? value : `${value}\t${note}`,
  )
}

async function print(
  { out }: Context,
  { words, files }: Candidates,
  lineOf: (candidate: Candidate) => string,
): Promise<void> {
  await out.line(files)
  for (const candidate of words) await out.line(lineOf(candidate))
}
