/** Differences of two trees, in words and as JSON. */

import type { ComparedEntry } from './compared-tree.js'
import {
  attributeName,
  attributesJson,
  type EntryJson,
  formatMode,
  kindJson,
  pathJson,
  showName,
} from './entries.js'
import { formatTime } from './modification-time.js'
import { harmlessName, toHex } from './names.js'
import type { Output } from './output.js'
import type { Style } from './style.js'
import type { Aspect, Difference } from './tree-comparison.js'

interface LineOptions {
  readonly out: Output
  readonly style: Style
  readonly escaped?: boolean
}

/** `- /only-in-a`, `+ /only-in-b/`, `~ /changed: content, 12 and 14 bytes, from byte 3`. */
export function differenceLine(difference: Difference, options: LineOptions): Uint8Array {
  const { path, a, b, aspects } = difference
  const [mark, colour] = markOf(difference)
  const slash = (b ?? a)?.type === 'directory' && path.length > 1 ? '/' : ''
  const what = aspects.length === 0 ? '' : `: ${aspects.map(aspectInWords).join('; ')}`
  return Buffer.concat([
    Buffer.from(options.style(colour, `${mark} `)),
    showName(path, options.out, options.escaped),
    Buffer.from(`${slash}${what}`),
  ])
}

function markOf({ a, b }: Difference) {
  if (b === undefined) return ['-', 'red'] as const
  return a === undefined ? (['+', 'green'] as const) : (['~', 'yellow'] as const)
}

function aspectInWords(aspect: Aspect): string {
  switch (aspect.what) {
    case 'type':
      return `${aspect.a}, and ${aspect.b}`
    case 'content': {
      const sizes = aspect.a === aspect.b ? aspect.a : `${aspect.a} and ${aspect.b}`
      return `content, ${sizes} bytes, from byte ${aspect.firstByte}`
    }
    case 'target':
      return `leads to ${harmlessName(aspect.a)}, and ${harmlessName(aspect.b)}`
    case 'commit':
      return `commit ${aspect.a}, and ${aspect.b}`
    case 'mode':
      return `mode ${formatMode(aspect.a)}, and ${formatMode(aspect.b)}`
    case 'time':
      return `time ${formatTime(aspect.a)}, and ${formatTime(aspect.b)}`
    case 'attribute':
      return `attribute ${attributeName(aspect.type)} ${valueInWords(aspect.a)}, and ${valueInWords(aspect.b)}`
  }
}

/** Longer values of attributes are for `--json`. */
const VALUE_SHOWN_BYTES = 16

function valueInWords(value: Uint8Array | undefined): string {
  if (value === undefined) return 'none'
  if (value.length > VALUE_SHOWN_BYTES) return `of ${value.length} bytes`
  return value.length === 0 ? 'empty' : toHex(value)
}

/** The shape in which `--json` prints a difference. */
interface DifferenceJson {
  path: string
  pathHex?: string
  kind: 'only in a' | 'only in b' | 'changed'
  a?: SideJson
  b?: SideJson
  /** What is not the same: `content`, `time`... */
  aspects?: string[]
  /** Of a content. */
  firstByte?: number
}

/** What an entry is on one side: of what is in both, only what is not the same. */
type SideJson = Partial<EntryJson>

export function differenceJson({ path, a, b, aspects }: Difference): DifferenceJson {
  if (a === undefined || b === undefined) {
    return {
      ...pathJson(path),
      kind: a === undefined ? 'only in b' : 'only in a',
      ...(a === undefined ? {} : { a: wholeJson(a) }),
      ...(b === undefined ? {} : { b: wholeJson(b) }),
    }
  }
  const content = aspects.find((aspect) => aspect.what === 'content')
  return {
    ...pathJson(path),
    kind: 'changed',
    a: partJson(a, aspects, 'a'),
    b: partJson(b, aspects, 'b'),
    aspects: [...new Set(aspects.map(({ what }) => what))],
    ...(content === undefined ? {} : { firstByte: content.firstByte }),
  }
}

function wholeJson(entry: ComparedEntry): SideJson {
  const { type, size, modified, attributes = new Map<number, Uint8Array>() } = entry
  return {
    type,
    ...(type === 'file' ? { size } : {}),
    ...kindJson(entry),
    ...(modified === undefined ? {} : { modified: modified.toISOString() }),
    ...(attributes.size === 0 ? {} : { attributes: attributesJson(attributes) }),
  }
}

function partJson(entry: ComparedEntry, aspects: readonly Aspect[], side: 'a' | 'b'): SideJson {
  const whole = wholeJson(entry)
  const attributes: Record<string, string> = {}
  let part: SideJson = {}
  for (const aspect of aspects) {
    if (aspect.what === 'type') part = { ...part, type: aspect[side] }
    else if (aspect.what === 'content') part = { ...part, size: aspect[side] }
    else if (aspect.what === 'target') part = { ...part, ...kindJson(entry) }
    else if (aspect.what === 'commit') part = { ...part, id: aspect[side] }
    else if (aspect.what === 'mode') part = { ...part, mode: formatMode(aspect[side]) }
    else if (aspect.what === 'time') part = { ...part, modified: aspect[side].toISOString() }
    else {
      const value = whole.attributes?.[attributeName(aspect.type)]
      if (value !== undefined) attributes[attributeName(aspect.type)] = value
    }
  }
  const hasAttributes = aspects.some(({ what }) => what === 'attribute')
  return hasAttributes ? { ...part, attributes } : part
}
