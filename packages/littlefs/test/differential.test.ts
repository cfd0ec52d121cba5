/**
 * The same random programs of calls on our face and on `node:fs` in a temporary directory: results,
 * error codes and the calls that errors name are the same, but for the differences listed here.
 */

import * as host from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { propertyParameters } from '@caravan/testkit'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Outcome, PromiseRun, program, type Step, SyncRun } from './fs-program.js'
import { freshDevice, mountForNode } from './node-face.js'

/** Where ours is not the host's: a name, the reason, and how to tell. */
const DIFFERENCES: readonly {
  readonly name: string
  readonly reason: string
  readonly applies: (step: Step, ours: Outcome, theirs: Outcome) => boolean
}[] = [
  {
    name: 'realpath with dots or a slash at the end',
    reason:
      'realpathSync of Node takes `..` back as text, even behind a file; ours is as its own promise form',
    applies: ({ call, path }) => call === 'realpath' && /\.|\/$/.test(path),
  },
  {
    name: 'cp to a path that ends in dots',
    reason: 'Node makes the directory twice and fails; ours copies',
    applies: ({ call, other }) => call === 'cp' && /\.$/.test(other),
  },
  {
    name: 'cp to a path that goes back',
    reason:
      'on the way to `c/../a` Node makes a directory c, and fails where that is what it copies to; ours copies',
    applies: goesBack,
  },
  {
    name: 'cp that fails',
    reason:
      'where several things are wrong, Node tells any; and it leaves directories made on the way, ours does not',
    applies: ({ call }, ours, theirs) => call === 'cp' && isFailure(ours) && isFailure(theirs),
  },
  {
    name: 'rm of a directory by a path that ends in dots',
    reason: 'Node removes what is in `x/..` and fails then; ours refuses',
    applies: ({ call, path }) => call === 'rm' && /\.$/.test(path),
  },
  {
    name: 'the call that a failed rm names',
    reason: 'Node names the step of its own that failed (lstat, rmdir); ours is one operation: rm',
    applies: ({ call }, ours, theirs) =>
      call === 'rm' && isFailure(ours) && isFailure(theirs) && ours.code === theirs.code,
  },
  {
    name: 'rm with force of what would be below a file',
    reason: 'Node 20 says ENOTDIR, as ours does; later ones that there is nothing to remove',
    applies: ({ call, force }, ours, theirs) =>
      call === 'rm' && force && isFailure(ours) && ours.code === 'ENOTDIR' && theirs === undefined,
  },
  {
    name: 'the call that a failed realpath names',
    reason: 'Node names lstat in realpathSync; ours is one operation: realpath',
    applies: ({ call }, ours, theirs) =>
      call === 'realpath' && isFailure(ours) && isFailure(theirs) && ours.code === theirs.code,
  },
]

function goesBack({ call, other }: Step): boolean {
  return call === 'cp' && other.includes('/../')
}

function isFailure(outcome: Outcome): outcome is { code: string } {
  return typeof outcome === 'object' && outcome !== null && 'code' in outcome
}

const RUNS = 400

let folder = ''
let count = 0
beforeAll(() => {
  folder = host.mkdtempSync(join(tmpdir(), 'caravan-differential-'))
})
afterAll(() => host.rmSync(folder, { recursive: true, force: true }))

describe.each([
  ['synchronous calls', SyncRun],
  ['promises', PromiseRun],
] as const)('random programs of %s', (_, Run) => {
  it('do on ours what they do on the host', async () => {
    await fc.assert(
      fc.asyncProperty(program, async (steps) => {
        const root = join(folder, `${count++}`)
        host.mkdirSync(root)
        const ours = new Run(mountForNode(freshDevice(128)) as unknown as typeof host, '')
        const theirs = new Run(host, root)
        for (const step of steps) {
          const [our, their] = [await ours.step(step), await theirs.step(step)]
          // What it has left behind is one of the differences, though both say the same.
          if (step.call === 'cp' && isFailure(our) && isFailure(their)) break
          if (goesBack(step)) break
          // The host removes the target of a copy that failed, whatever it was before.
          if (step.call === 'copyFile' && isFailure(our) && isFailure(their)) break
          if (isDeepStrictEqual(our, their)) continue
          if (DIFFERENCES.some(({ applies }) => applies(step, our, their))) break
          expect(our, JSON.stringify(step)).toEqual(their)
        }
        await ours.end()
        await theirs.end()
        host.rmSync(root, { recursive: true, force: true })
      }),
      propertyParameters(RUNS),
    )
  }, 120_000)
})
