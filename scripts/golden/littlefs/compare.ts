/** Compares what was seen with what a manifest holds; answers with the first difference. */

import { describe } from '../report.js'
import { errorDifference } from './errors.js'
import type { ManifestEntry } from './manifest.js'
import type { FailedOp, ObservedEntry } from './observe.js'

/** The reference's operation -> ours: a file is opened and read in one call. */
const OPS: Readonly<Record<string, FailedOp>> = {
  getattr: 'getattr',
  dir_open: 'dir_open',
  dir_read: 'dir_open',
  open: 'open',
  read: 'open',
}

/** @returns The first difference, or `undefined` where the trees are the same. */
export function treeDifference(
  expected: readonly ManifestEntry[],
  seen: readonly ObservedEntry[],
): string | undefined {
  for (let i = 0; i < Math.max(expected.length, seen.length); i++) {
    const difference = entryDifference(expected[i], seen[i])
    if (difference !== undefined) return difference
  }
  return undefined
}

/** @returns The first difference of one entry, or `undefined`. */
export function entryDifference(
  expected: ManifestEntry | undefined,
  seen: ObservedEntry | undefined,
): string | undefined {
  if (expected === undefined) return `unexpected entry ${JSON.stringify(seen?.path)}`
  const path = JSON.stringify(expected.path)
  if (seen === undefined) return `entry ${path} is missing at the end`
  if (seen.path !== expected.path) {
    return `expected entry ${path}, got ${JSON.stringify(seen.path)}`
  }
  const failure = failureDifference(expected.error, seen.failed)
  if (failure !== undefined) return `${path}: ${failure}`
  for (const field of ['type', 'size', 'sha256'] as const) {
    if (seen[field] !== expected[field]) {
      return `${path}: ${field} expected ${expected[field]}, got ${seen[field]}`
    }
  }
  return attributesDifference(path, expected.attrs, seen.attrs)
}

function failureDifference(
  expected: string | undefined,
  failed: ObservedEntry['failed'],
): string | undefined {
  if (expected === undefined) {
    return failed && `expected to be readable, ${failed.op} failed with ${describe(failed.error)}`
  }
  const [op = '', code = ''] = expected.split(':')
  if (failed === undefined) return `expected ${expected}, but it is readable`
  if (failed.op !== OPS[op]) return `expected ${expected}, but ${failed.op} failed`
  return errorDifference(code, failed.error)
}

function attributesDifference(
  path: string,
  expected: Readonly<Record<string, string>>,
  seen: Readonly<Record<string, string>>,
): string | undefined {
  for (const type of new Set([...Object.keys(expected), ...Object.keys(seen)])) {
    if (expected[type] !== seen[type]) {
      return `${path}: attribute ${type} expected ${expected[type]}, got ${seen[type]}`
    }
  }
  return undefined
}
