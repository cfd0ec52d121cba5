/** What a recorded call should come to, and in what an answer differs from it. */

import type { Case, FileAfter, ImageRecord, Recording } from './cases.js'
import { imageDifference } from './image.js'
import type { Place } from './place.js'

/** Output: exactly a text, or what a pattern describes. */
export type ExpectedText = string | RegExp

export interface Expectation {
  /** Of which one is right; empty where any is. */
  readonly exitCodes: readonly number[]
  readonly stdout: ExpectedText
  readonly stderr: ExpectedText
  /** `undefined` where they are not compared. */
  readonly files: ReadonlyMap<string, FileAfter> | undefined
  /** `undefined` where there is none, or it is not compared. */
  readonly image: ExpectedImage | undefined
}

export interface ExpectedImage {
  /** Below the directory of the call. */
  readonly path: string
  readonly record: ImageRecord
  /** Bytes of the file. */
  readonly sizeBytes: number
  /** False where the time of the root is that of the clock. */
  readonly comparesRoot: boolean
}

export interface Answer {
  readonly exitCode: number
  readonly stdout: Buffer
  readonly stderr: Buffer
  readonly files: ReadonlyMap<string, FileAfter>
  /** A file below the directory of the call. */
  read(path: string): Buffer
}

/** What was recorded, as what to expect. */
export function expectationOf(recorded: Case, recording: Recording, place: Place): Expectation {
  const { exitCode, unstable, image, env } = recorded
  const known = image === undefined ? undefined : recording.knownImage(image)
  const any = /^/
  return {
    exitCodes: exitCode === null ? [] : [exitCode],
    stdout: unstable === undefined ? textOf(recorded.stdout, recorded.stdoutHex, place) : any,
    stderr: unstable === undefined ? textOf(recorded.stderr, recorded.stderrHex, place) : any,
    files: unstable === undefined ? new Map(Object.entries(recorded.filesAfter)) : undefined,
    image:
      image === undefined || known === undefined
        ? undefined
        : {
            path: place.fill(image.path ?? '{image}').slice(place.cwd.length + 1),
            record: known,
            sizeBytes: image.imageSize,
            comparesRoot: env.clock !== null,
          },
  }
}

/** As latin1: a byte a character, so that bytes that are no text compare too. */
function textOf(text: string, hex: string | undefined, place: Place): string {
  const bytes = hex === undefined ? Buffer.from(place.fill(text)) : Buffer.from(hex, 'hex')
  const plain = bytes.toString('latin1')
  return hex === undefined ? plain : place.fill(plain)
}

/** The first thing in which an answer is not what is expected; `undefined` where it is. */
export async function differenceOf(
  expected: Expectation,
  answer: Answer,
): Promise<string | undefined> {
  const { exitCodes } = expected
  if (exitCodes.length > 0 && !exitCodes.includes(answer.exitCode)) {
    const stderr = answer.stderr.toString().slice(0, SHOWN_LENGTH)
    return `exit code ${answer.exitCode}, expected ${exitCodes.join(' or ')}: ${JSON.stringify(stderr)}`
  }
  return (
    textDifference('stdout', expected.stdout, answer.stdout) ??
    textDifference('stderr', expected.stderr, answer.stderr) ??
    filesDifference(expected, answer) ??
    (expected.image === undefined
      ? undefined
      : await imageDifference(expected.image, answer.read(expected.image.path)))
  )
}

const SHOWN_LENGTH = 300

function textDifference(name: string, expected: ExpectedText, bytes: Buffer): string | undefined {
  const text = bytes.toString('latin1')
  const isRight = typeof expected === 'string' ? text === expected : expected.test(text)
  if (isRight) return undefined
  const wanted = typeof expected === 'string' ? expected : expected.source
  const at =
    typeof expected === 'string'
      ? [...text].findIndex((character, i) => character !== expected[i])
      : 0
  const from = Math.max(0, (at < 0 ? text.length : at) - 40)
  const show = (whole: string) => JSON.stringify(whole.slice(from, from + SHOWN_LENGTH))
  return `${name} ${show(text)}, expected ${show(wanted)}`
}

function filesDifference(
  { files: expected, image }: Expectation,
  { files }: Answer,
): string | undefined {
  if (expected === undefined) return undefined
  for (const path of new Set([...expected.keys(), ...files.keys()])) {
    const wanted = expected.get(path)
    const file = files.get(path)
    if (wanted === undefined) return `${path} is ${JSON.stringify(file)}, and is not expected`
    if (file === undefined) return `${path} is not there, or as it was before`
    const fields = image?.path === path ? (['type'] as const) : FIELDS
    for (const field of fields) {
      if (wanted[field] === undefined || wanted[field] === 'now') continue
      if (file[field] !== wanted[field]) {
        return `${path}: ${field} ${file[field]}, expected ${wanted[field]}`
      }
    }
  }
  return undefined
}

const FIELDS = ['type', 'size', 'sha256', 'mtime', 'mode', 'target'] as const
