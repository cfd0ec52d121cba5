/** Reads recordings of the reference: `*.jsonl`, one run a line, and `semantics.json`. */

import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import type { ManifestEntry } from '../golden/littlefs/manifest.js'
import type { Result } from './perform.js'

export interface Step {
  readonly op: string
  /** `LFS_ERR_x`; a step without one succeeded. */
  readonly error?: string
  /** Compared where it is there. */
  readonly result?: Result
}

/** One run, from a formatted and mounted device on. */
export interface Recording {
  readonly name: string
  readonly blockSize: number
  readonly blockCount: number
  readonly readSize: number
  readonly progSize: number
  readonly cacheSize?: number
  /** -1: never. */
  readonly blockCycles?: number
  readonly diskVersion?: '2.0' | '2.1'
  readonly nameMax?: number
  readonly attrMax?: number
  readonly fileMax?: number
  readonly steps: readonly Step[]
  /** The whole tree after the last step. */
  readonly entries?: readonly ManifestEntry[]
}

/** @throws SyntaxError where the file is neither form. */
export function readRecordings(path: string): Recording[] {
  const packed = readFileSync(path)
  const text = (path.endsWith('.gz') ? gunzipSync(packed) : packed).toString('utf8')
  if (/\.jsonl(\.gz)?$/.test(path)) {
    const lines = text.split('\n').filter((line) => line !== '')
    return lines.map((line) => {
      const run = JSON.parse(line) as Omit<Recording, 'name'> & { seed: number }
      return { ...run, name: `seed ${run.seed}`, steps: [...FORMAT_AND_MOUNT, ...run.steps] }
    })
  }
  const semantics: unknown = JSON.parse(text)
  if (!Array.isArray(semantics)) {
    throw new SyntaxError(
      `${path} holds no recording: expected .jsonl, .jsonl.gz or semantics.json`,
    )
  }
  return [{ ...SEMANTICS_DEVICE, name: 'semantics', steps: semantics.map(readSemanticsStep) }]
}

const FORMAT_AND_MOUNT: readonly Step[] = [{ op: 'format' }, { op: 'mount' }]

const SEMANTICS_DEVICE = { blockSize: 512, blockCount: 128, readSize: 16, progSize: 16 }

/** `output` is JSON in a string, where it is not hex. */
function readSemanticsStep({ op, result, output }: SemanticsStep): Step {
  if (result !== 'ok') return { op, error: result.replace(/^error:/, '') }
  if (output === null) return { op }
  return { op, result: /^[{[]/.test(output) ? (JSON.parse(output) as Result) : output }
}

interface SemanticsStep {
  readonly op: string
  readonly result: string
  readonly output: string | null
}
