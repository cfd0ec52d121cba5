/** Replays one recorded run on our engine and compares it step by step with the reference. */

import { isDeepStrictEqual } from 'node:util'
import { MemoryDevice } from '@caravan/device'
import { treeDifference } from '../golden/littlefs/compare.js'
import { errorDifference } from '../golden/littlefs/errors.js'
import type { Mode } from '../golden/littlefs/mode.js'
import { observeTree } from '../golden/littlefs/observe.js'
import { describe } from '../golden/report.js'
import { parseOperation } from './language.js'
import { Performer, type Result } from './perform.js'
import type { Recording, Step } from './recording.js'

/** Where a run went another way than the reference's. */
export interface ReplayFailure {
  /** As in the recording, from 0; format and mount come before. `undefined`: the final tree. */
  readonly step: number | undefined
  readonly op: string
  readonly expected: string
  readonly got: string
}

/** @returns The first difference, or `undefined`. */
export async function replay(recording: Recording, mode: Mode): Promise<ReplayFailure | undefined> {
  const performer = performerOf(recording, mode)
  const before = recording.steps.findIndex(({ op }) => op === 'mount') + 1

  for (const [i, step] of recording.steps.entries()) {
    // Whether a disk is full just there depends on what an allocator hands out.
    if (step.error === 'LFS_ERR_NOSPC' && !isOwnLimit(step, recording)) return undefined
    const failure = await compareStep(performer, step, mode)
    if (failure !== undefined) {
      return { step: recording.name === 'semantics' ? i : i - before, op: step.op, ...failure }
    }
  }
  if (recording.entries === undefined) return undefined
  const tree = treeDifference(recording.entries, await observeTree(mode, performer.volume.fs))
  return tree === undefined
    ? undefined
    : { step: undefined, op: 'the final tree', expected: 'the recorded one', got: tree }
}

async function compareStep(
  performer: Performer,
  step: Step,
  mode: Mode,
): Promise<{ expected: string; got: string } | undefined> {
  const operation = parseOperation(step.op)
  let result: Result
  try {
    result = await performer.perform(operation)
  } catch (error) {
    if (step.error === undefined) return { expected: answer(step), got: describe(error) }
    const difference = errorDifference(
      step.error,
      error,
      operation.kind === 'mount' ? 'mount' : 'use',
    )
    return difference === undefined ? undefined : { expected: step.error, got: describe(error) }
  }
  if (step.error !== undefined) return { expected: step.error, got: `ok ${mode}` }
  if (step.result !== undefined && !isDeepStrictEqual(result, step.result)) {
    return { expected: answer(step), got: JSON.stringify(result) }
  }
  return undefined
}

function answer({ result }: Step): string {
  return result === undefined ? 'ok' : JSON.stringify(result)
}

/**
 * An attribute over the limit is no full disk, though the error is the same: nothing of it depends
 * on an allocator, so the run goes on.
 */
function isOwnLimit(step: Step, { attrMax = ATTR_MAX }: Recording): boolean {
  const operation = parseOperation(step.op)
  return operation.kind === 'setattr' && operation.bytes.length > attrMax
}

const ATTR_MAX = 1022

/** A device with room for what the recording grows to, and the reference's configuration. */
function performerOf(recording: Recording, mode: Mode): Performer {
  const { blockSize, readSize, progSize, cacheSize, blockCycles, diskVersion } = recording
  const { blockCount, nameMax, attrMax, fileMax } = recording
  const grown = recording.steps.map(({ op }) => (op.startsWith('grow ') ? Number(op.slice(5)) : 0))
  const device = new MemoryDevice({
    blockSize,
    blockCount: Math.max(blockCount, ...grown),
    readSize,
    progSize,
  })
  const mounting = given({ blockSize, cacheSize, blockCycles, diskVersion })
  const formatting = given({ blockCount, nameMax, attrMax, fileMax })
  return new Performer(mode, device, { ...mounting, ...formatting }, mounting)
}

/** The options that the recording says. */
function given<T extends object>(options: T): { [Name in keyof T]?: Exclude<T[Name], undefined> } {
  const said = Object.entries(options).filter(([, value]) => value !== undefined)
  return Object.fromEntries(said) as { [Name in keyof T]?: Exclude<T[Name], undefined> }
}
