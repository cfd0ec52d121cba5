/** Arguments of options, for commander: what cannot be read is a wrong argument. */

import { InvalidArgumentError } from 'commander'
import { UsageError } from './errors.js'
import type { TimeChoice } from './host-tree.js'
import { parseCount, parseSize } from './sizes.js'

export function asSize(text: string): number {
  return parseOrRefuse(() => parseSize(text))
}

export function asCount(text: string): number {
  return parseOrRefuse(() => parseCount(text))
}

/** A count of rewrites; -1 for never. */
export function asCycles(text: string): number {
  if (text === '-1') return -1
  const count = asCount(text)
  if (count === 0) throw new InvalidArgumentError('Write 1 or more, or -1 for never.')
  return count
}

/** `none`, `file`, or seconds since 1970. */
export function asTimeChoice(text: string): TimeChoice {
  if (text === 'none' || text === 'file') return text
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(Number(text))) {
    throw new InvalidArgumentError(
      'Write none, file (the time of each file) or seconds since 1970.',
    )
  }
  return { seconds: Number(text) }
}

/** A date as RFC 3339 has it, with its zone; or seconds since 1970. */
export function asGitDate(text: string): { seconds: number; zone: string } {
  if (/^\d+$/.test(text) && Number.isSafeInteger(Number(text))) {
    return { seconds: Number(text), zone: '+0000' }
  }
  const zone = /^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d+)?([Zz]|[+-]\d\d:?\d\d)$/.exec(text)?.[1]
  const ms = Date.parse(text.replace(' ', 'T'))
  if (zone === undefined || Number.isNaN(ms)) {
    throw new InvalidArgumentError(
      'Write a date with its zone, like 2024-01-02T03:04:05+01:00, or seconds since 1970.',
    )
  }
  const offset = /^z$/i.test(zone) ? '+0000' : zone.replace(':', '')
  return { seconds: Math.floor(ms / 1000), zone: offset }
}

/** An option that may be given several times. */
export function collect(text: string, before: readonly string[] | undefined): string[] {
  return [...(before ?? []), text]
}

function parseOrRefuse(parse: () => number): number {
  try {
    return parse()
  } catch (error) {
    if (error instanceof UsageError) throw new InvalidArgumentError(error.message)
    throw error
  }
}
