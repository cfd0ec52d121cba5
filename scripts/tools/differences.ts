/**
 * Where ours answers otherwise than the original, on purpose: each with what it is about, what we
 * answer instead, and why. The list is data, one file a tool, and docs/drop-in.md shows it.
 */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Case, ToolName } from './cases.js'
import type { Expectation, ExpectedText } from './expectation.js'
import type { ImageFacts } from './image-facts.js'

export interface Difference {
  readonly id: string
  /** What the original does. */
  readonly original: string
  /** What ours does. */
  readonly ours: string
  readonly reason: string
  /** Which calls it is about: all of it must hold. Without it no recorded call shows it. */
  readonly when?: {
    /** A pattern in the arguments, put together with blanks. */
    readonly argv?: string
    readonly exitCode?: number
    /** The original was ended by a signal. */
    readonly crashed?: boolean
    /** The original did not end. */
    readonly timedOut?: boolean
    /** Patterns in what the original wrote. */
    readonly stdout?: string
    readonly stderr?: string
    /** It left an image that could be mounted (`sound`), one that could not, or none. */
    readonly image?: 'sound' | 'unusable' | 'none'
    /** The size of the image is no whole number of blocks. */
    readonly isCutBlock?: boolean
    /** A file has a time that no 32 bits hold. */
    readonly hasLateTime?: boolean
    /** The blocks of a file cannot be read. */
    readonly hasUnreadableFile?: boolean
  }
  readonly instead?: {
    readonly exitCodes?: readonly number[]
    /** Patterns in the recorded output and what stands there instead; or a pattern for all of it. */
    readonly stdout?: readonly (readonly [string, string])[] | string
    readonly stderr?: readonly (readonly [string, string])[] | string
    /** Patterns for what stands before or behind the rest. */
    readonly stdoutBehind?: string
    readonly stderrBefore?: string
    readonly stderrBehind?: string
    /** Nothing is written, or anything may be. */
    readonly files?: 'none' | 'any'
    /** The file has whole blocks only. */
    readonly wholeBlocks?: boolean
    /** Times are those of the image, not their lowest 32 bits. */
    readonly lateTimes?: boolean
  }
}

// Data stays with the source, also where this is compiled.
const home = import.meta.url.replace('/scripts/dist/', '/scripts/')
const folder = fileURLToPath(new URL('./differences/', home))

export function readDifferences(tool: ToolName): readonly Difference[] {
  return JSON.parse(readFileSync(join(folder, `${tool}.json`), 'utf8')) as readonly Difference[]
}

/** The differences that a recorded call shows. */
export function differencesOf(
  recorded: Case,
  expected: Expectation,
  facts: ImageFacts,
  listed: readonly Difference[],
): Difference[] {
  return listed.filter(({ when }) => when !== undefined && isAbout(when, recorded, expected, facts))
}

function isAbout(
  when: NonNullable<Difference['when']>,
  recorded: Case,
  expected: Expectation,
  facts: ImageFacts,
): boolean {
  const matches = (pattern: string | undefined, text: string) =>
    pattern === undefined || new RegExp(pattern, 'm').test(text)
  const is = <T>(wanted: T | undefined, found: T) => wanted === undefined || wanted === found
  const { image } = expected
  const isUnusable = recorded.image?.errors !== undefined
  const state = isUnusable ? 'unusable' : recorded.image === undefined ? 'none' : 'sound'
  return (
    matches(when.argv, recorded.argv.join(' ')) &&
    matches(when.stdout, recorded.stdout) &&
    matches(when.stderr, recorded.stderr) &&
    is(when.exitCode, recorded.exitCode) &&
    is(when.crashed, recorded.signal !== undefined) &&
    is(when.timedOut, recorded.timedOut === true || recorded.exitCode === null) &&
    is(when.image, state) &&
    is(
      when.isCutBlock,
      image !== undefined && requestedSize(recorded) % image.record.blockSize !== 0,
    ) &&
    is(when.hasLateTime, facts.hasLateTime) &&
    is(when.hasUnreadableFile, facts.hasUnreadableFile)
  )
}

/** Bytes of `-s`, which may be decimal, hexadecimal or octal; 0 without. */
function requestedSize({ argv }: Case): number {
  const at = argv.findIndex((argument) => argument === '-s' || argument === '--size')
  const text = at < 0 ? '0' : (argv[at + 1] ?? '0')
  return Number(text.replace(/^0(?=\d)/, '0o'))
}

function wholeBlocks({ record, sizeBytes }: NonNullable<Expectation['image']>): number {
  return sizeBytes - (sizeBytes % record.blockSize)
}

/** What ours is to answer, with the differences applied in turn. */
export function applied(
  expected: Expectation,
  differences: readonly Difference[],
  facts: ImageFacts,
): Expectation {
  return differences.reduce((before, { instead = {} }) => {
    const { stdout, stdoutBehind, stderr, stderrBefore, stderrBehind } = instead
    return {
      exitCodes: instead.exitCodes ?? before.exitCodes,
      stdout: framed(replaced(before.stdout, stdout), '', stdoutBehind),
      stderr: framed(replaced(before.stderr, stderr), stderrBefore, stderrBehind),
      files:
        instead.files === 'any'
          ? undefined
          : instead.files === 'none' && before.files !== undefined
            ? new Map()
            : instead.lateTimes === true
              ? facts.inFiles(before.files)
              : before.files,
      image:
        instead.files !== undefined || before.image === undefined
          ? undefined
          : instead.wholeBlocks === true
            ? { ...before.image, sizeBytes: wholeBlocks(before.image) }
            : before.image,
    }
  }, expected)
}

function replaced(
  text: ExpectedText,
  change: string | readonly (readonly [string, string])[] | undefined,
): ExpectedText {
  if (change === undefined) return text
  if (typeof change === 'string') return new RegExp(change)
  // A pattern made before stands for what is no longer exact: it is not changed again.
  if (typeof text !== 'string') return text
  return change.reduce(
    (before, [pattern, by]) => before.replace(new RegExp(pattern, 'gm'), by),
    text,
  )
}

function framed(text: ExpectedText, before = '', behind = ''): ExpectedText {
  if (before === '' && behind === '') return text
  return new RegExp(`^${before}${sourceOf(text)}${behind}$`)
}

function sourceOf(text: ExpectedText): string {
  if (typeof text !== 'string') return text.source.replace(/^\^|\$$/g, '')
  return text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')
}
