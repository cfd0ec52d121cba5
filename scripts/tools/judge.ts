/** Replays recorded calls against ours, each in a directory of its own and without a process. */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { littlefsPython, mklittlefs, type Program } from '@caravan/drop-in'
import type { CaseResult } from '../golden/report.js'
import type { Case, Recording, ToolName } from './cases.js'
import { applied, type Difference, differencesOf } from './differences.js'
import { type Answer, differenceOf, type Expectation, expectationOf } from './expectation.js'
import { ImageFacts } from './image-facts.js'
import { type Place, preparePlace } from './place.js'

export const PROGRAMS: Readonly<Record<ToolName, Program>> = {
  mklittlefs,
  'littlefs-python': littlefsPython,
}

/** How a case was judged. */
export interface Verdict extends CaseResult {
  /** The listed differences that it shows. */
  readonly differences: readonly string[]
}

/** Runs a tool: in this process, or as one of its own. */
export type Runner = (argv: readonly string[], place: Place, recorded: Case) => Promise<Ended>

interface Ended {
  readonly exitCode: number
  readonly stdout: Buffer
  readonly stderr: Buffer
}

export function runnerOf(program: Program): Runner {
  return async (argv, { cwd }, { env: { clock } }) => {
    const stdout: Buffer[] = []
    const stderr: Buffer[] = []
    const sink = (pieces: Buffer[]) => ({
      write: (piece: string | Uint8Array) => void pieces.push(Buffer.from(piece as Uint8Array)),
    })
    const exitCode = await program(argv, {
      cwd,
      env: clock === null ? {} : { SOURCE_DATE_EPOCH: String(clock) },
      stdin: Readable.from([]),
      stdout: sink(stdout),
      stderr: sink(stderr),
      signal: new AbortController().signal,
    })
    return { exitCode, stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr) }
  }
}

export async function judge(
  recorded: Case,
  recording: Recording,
  listed: readonly Difference[],
  run: Runner,
): Promise<Verdict> {
  const place = preparePlace(recorded, recording)
  try {
    const input = recorded.input.image == null ? undefined : readFileSync(join(place.cwd, 'fs.img'))
    const facts = await ImageFacts.of(input)
    const argv = recorded.argv.map((argument) => place.fill(argument))
    const ended = await run(argv, place, recorded)
    const answer: Answer = {
      ...ended,
      files: place.changes(),
      read: (path) => readFileSync(join(place.cwd, path)),
    }
    const expected = expectationOf(recorded, recording, place)
    const shown = differencesOf(recorded, expected, facts, listed)
    const difference =
      (await differenceOf(applied(expected, shown, facts), answer)) ??
      (recorded.unstable === undefined
        ? await superfluous(expected, shown, facts, answer)
        : undefined)
    return { name: recorded.name, difference, differences: shown.map(({ id }) => id) }
  } finally {
    place.remove()
  }
}

/** A listed difference without which the answer would be right as well. */
async function superfluous(
  expected: Expectation,
  shown: readonly Difference[],
  facts: ImageFacts,
  answer: Answer,
): Promise<string | undefined> {
  for (const each of shown) {
    const others = shown.filter((other) => other !== each)
    if ((await differenceOf(applied(expected, others, facts), answer)) === undefined) {
      return `the listed difference '${each.id}' is none any more: take it off the list`
    }
  }
  return undefined
}
