/** The program `mklittlefs`: what its arguments ask for, and what that answers. */

import { describe, Interrupted } from '@caravan/cli/host'
import type { Surroundings } from '../program.js'
import { type Arguments, parseArguments } from './arguments.js'
import { create } from './create.js'
import { list } from './list.js'
import { EXIT, type Session } from './session.js'
import { unpack } from './unpack.js'
import { HELP_TEXT, usageError, VERSION_TEXT } from './usage.js'

const ACTIONS: Readonly<Record<Arguments['action'], (session: Session) => Promise<number>>> = {
  create,
  unpack,
  list,
}

/** @returns the exit code: 0 done, 1 something failed or wrong use, 130 interrupted. */
export async function mklittlefs(argv: readonly string[], around: Surroundings): Promise<number> {
  const parsed = parseArguments(argv)
  switch (parsed.kind) {
    case 'help':
      around.stdout.write(HELP_TEXT)
      return EXIT.done
    case 'version':
      around.stdout.write(VERSION_TEXT)
      return EXIT.done
    case 'error':
      around.stderr.write(usageError(parsed.subject, parsed.problem))
      return EXIT.failed
  }
  const { arguments: given } = parsed
  if (given.debug > 0) around.stdout.write('Debug output enabled\n')
  try {
    return await ACTIONS[given.action]({ ...around, arguments: given })
  } catch (error) {
    if (error instanceof Interrupted) return EXIT.interrupted
    around.stderr.write(`error: ${describe(error)}\n`)
    return EXIT.failed
  }
}
