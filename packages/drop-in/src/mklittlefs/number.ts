/**
 * Numbers as the original reads them: a C++ stream that takes the base from the prefix, of 32 bits.
 *
 * Decimal, `0x` hexadecimal, `0` octal, a sign, blanks before; no suffixes. Nothing at all leaves the
 * default.
 */

const DIGITS = { 8: /^[0-7]*/, 10: /^[0-9]*/, 16: /^[0-9a-f]*/i } as const

const INT_MIN = -(2 ** 31)
const INT_MAX = 2 ** 31 - 1

/** @returns the number, `undefined` for an empty text, or why it is none, in the original's words. */
export function parseNumber(text: string): number | undefined | { readonly problem: string } {
  const unreadable = { problem: `Couldn't read argument value from string '${text}'` }
  let value: number | undefined
  let count = 0
  for (let rest = text; rest !== ''; count++) {
    const read = readOne(rest)
    if (read === undefined) return unreadable
    ;({ value, rest } = read)
  }
  if (count > 1) return { problem: `More than one valid value parsed from string '${text}'` }
  return value
}

/** The number that a text begins with, and what stands behind it. */
function readOne(text: string): { value: number; rest: string } | undefined {
  const [start = '', sign = '', prefix = ''] = /^[ \t\n\v\f\r]*([+-]?)(0x|0)?/i.exec(text) ?? []
  const base = prefix === '' ? 10 : prefix === '0' ? 8 : 16
  const digits = DIGITS[base].exec(text.slice(start.length))?.[0] ?? ''
  // The nought that says octal is a number itself.
  if (digits === '' && prefix !== '0') return undefined
  const magnitude = digits === '' ? 0 : Number.parseInt(digits, base)
  const value = sign === '-' ? -magnitude : magnitude
  if (value < INT_MIN || value > INT_MAX) return undefined
  return { value: value === 0 ? 0 : value, rest: text.slice(start.length + digits.length) }
}
