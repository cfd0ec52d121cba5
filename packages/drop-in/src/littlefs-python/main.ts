/** The program `littlefs-python`: what its arguments ask for, and what that answers. */

import { Interrupted } from '@caravan/cli/host'
import { type Program, resolveFrom, type Surroundings } from '../program.js'
import { parseArguments, usageError } from './argparse/parse.js'
import { type Call, callOf } from './call.js'
import { COMMAND_LINE } from './command-line.js'
import { create } from './create.js'
import { extract } from './extract.js'
import { sentenceOf } from './failure.js'
import { list } from './list.js'
import { repl } from './repl/repl.js'
import { statsAt } from './replace-file.js'

const FAILED = 1
const WRONG_USE = 2
const INTERRUPTED = 130

export const littlefsPython: Program = async (argv, around) => {
  const columns = columnsOf(around)
  const parsed = parseArguments(COMMAND_LINE, argv, columns)
  if ('exit' in parsed) {
    around.stdout.write(parsed.exit.stdout)
    around.stderr.write(parsed.exit.stderr)
    return parsed.exit.exitCode
  }
  const tellFailure = (sentence: string) =>
    around.stderr.write(`${COMMAND_LINE.prog}: error: ${sentence}\n`)
  try {
    return await run(callOf(parsed.values), around, columns)
  } catch (error) {
    if (error instanceof Interrupted) {
      tellFailure('interrupted')
      return INTERRUPTED
    }
    const sentence = sentenceOf(error)
    if (sentence === undefined) throw error
    tellFailure(sentence)
    return FAILED
  }
}

async function run(call: Call, around: Surroundings, columns: number): Promise<number> {
  if (call.command === 'create') return await create(call, around, columns)
  if ((await statsAt(resolveFrom(around.cwd, call.source)))?.isFile() !== true) {
    const message = `Source image '${call.source}' does not exist.`
    around.stderr.write(usageError(COMMAND_LINE, message, columns).stderr)
    return WRONG_USE
  }
  if (call.command === 'extract') return await extract(call, around)
  return call.command === 'list' ? await list(call, around) : await repl(call, around)
}

const COLUMNS_DEFAULT = 80

/** How wide help and usage may be: argparse looks at COLUMNS, which bin.ts sets from the terminal. */
function columnsOf({ env }: Surroundings): number {
  const columns = Number(env.COLUMNS)
  return Number.isInteger(columns) && columns > 0 ? columns : COLUMNS_DEFAULT
}
