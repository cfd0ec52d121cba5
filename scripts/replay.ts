/**
 * `npm run replay -- FILE...`: replays recordings of the reference (`*.jsonl`, `*.jsonl.gz`,
 * `semantics.json`) on our engine, with the synchronous API and with promises.
 *
 * Prints each failing run and, alone on the last line, `N passed, N failed`; a run passes when both
 * ways do. Exits 1 on a failure or where there is nothing to replay, 2 on wrong use.
 */

import { MODES } from './golden/littlefs/mode.js'
import { describe } from './golden/report.js'
import { type Recording, readRecordings } from './replay/recording.js'
import { type ReplayFailure, replay } from './replay/replay.js'

const files = process.argv.slice(2)
if (files.length === 0 || files.some((file) => file.startsWith('-'))) {
  console.error(
    'usage: npm run replay -- FILE...   (for instance golden/littlefs/recordings.jsonl.gz)',
  )
  process.exit(2)
}

let passed = 0
let failed = 0
for (const file of files) {
  for (const recording of await readOrReport(file)) {
    if (await passes(recording)) passed++
    else failed++
  }
}
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed > 0 || passed === 0 ? 1 : 0

async function readOrReport(file: string): Promise<Recording[]> {
  try {
    return readRecordings(file)
  } catch (error) {
    console.log(`${file}: ${describe(error)}`)
    failed++
    return []
  }
}

async function passes(recording: Recording): Promise<boolean> {
  for (const mode of MODES) {
    let failure: ReplayFailure | undefined
    try {
      failure = await replay(recording, mode)
    } catch (error) {
      failure = { step: undefined, op: 'the replay', expected: 'to go on', got: describe(error) }
    }
    if (failure !== undefined) {
      const { step, op, expected, got } = failure
      const at = step === undefined ? '' : `, step ${step}`
      console.log(`${recording.name}${at}, ${mode}: ${op}: expected ${expected}, got ${got}`)
      return false
    }
  }
  return true
}
