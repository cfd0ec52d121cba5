/** Programs without a process, in directories of their own. */

import { mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { afterAll } from 'vitest'
import type { Program } from '../src/program.js'

/** A directory that is gone after the tests of the file. */
export const scratch: string = realpathSync(mkdtempSync(join(tmpdir(), 'caravan-drop-in-')))
afterAll(() => rmSync(scratch, { recursive: true, force: true }))

let directoryCount = 0

/** A path in the scratch directory at which nothing is yet. */
export function freshPath(): string {
  directoryCount++
  return join(scratch, `fresh-${directoryCount}`)
}

export interface Outcome {
  readonly code: number
  readonly out: string
  readonly err: string
}

export interface Around {
  readonly cwd?: string
  /** SOURCE_DATE_EPOCH. Default 1700000000. */
  readonly clock?: string
  readonly env?: Readonly<Record<string, string>>
  /** What standard input holds. Default: nothing. */
  readonly stdin?: string
  readonly signal?: AbortSignal
  /** Called with every piece of output. */
  readonly onOutput?: (piece: string) => void
}

export async function call(
  program: Program,
  argv: readonly string[],
  { cwd = scratch, clock = '1700000000', env, stdin, signal, onOutput }: Around = {},
): Promise<Outcome> {
  const outcome = { out: '', err: '' }
  const sink = (name: 'out' | 'err') => ({
    write: (piece: string | Uint8Array) => {
      const text = Buffer.from(piece as Uint8Array).toString()
      outcome[name] += text
      onOutput?.(text)
    },
  })
  const code = await program(argv, {
    cwd,
    env: { SOURCE_DATE_EPOCH: clock, ...env },
    stdin: Readable.from(stdin === undefined ? [] : [Buffer.from(stdin)]),
    stdout: sink('out'),
    stderr: sink('err'),
    signal: signal ?? new AbortController().signal,
  })
  return { code, ...outcome }
}
