/** What tests of verbs that change an image expect of a call. */

import { readFileSync } from 'node:fs'
import { expect } from 'vitest'
import { caravan } from './harness.js'

/** It does what it was asked, without a word on standard error. @returns what it printed. */
export async function ok(...argv: string[]): Promise<string> {
  const { code, out, err } = await caravan(argv)
  expect(err).toBe('')
  expect(code).toBe(0)
  return out
}

/** It fails, tells why, and leaves the image as it was. */
export async function expectRefused(
  image: string,
  argv: string[],
  code: number,
  sentence: string,
): Promise<void> {
  const before = readFileSync(image)
  const outcome = await caravan(argv)
  expect(outcome.err).toContain(sentence)
  expect(outcome.code).toBe(code)
  expect(readFileSync(image).equals(before)).toBe(true)
}
