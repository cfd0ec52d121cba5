/** The metadata logs of golden images, taken apart by as little code as can be. */

import { crc32 } from '../src/format/crc32.js'
import { type LogRules, type LogSummary, scanLog } from '../src/format/metadata-log.js'
import { cleanNames, imageOf, manifestOf } from './golden-images.js'

export interface GoldenLog {
  /** Case and block, for messages. */
  readonly where: string
  readonly block: Uint8Array
  readonly rules: LogRules
  readonly summary: LogSummary
}

export interface RawTag {
  readonly at: number
  readonly type: number
  readonly id: number
  /** As the tag says it: 0x3ff for a deletion. */
  readonly length: number
  readonly data: Uint8Array
}

export interface RawCommit {
  readonly start: number
  readonly end: number
  /** What the first tag is XORed with. */
  readonly before: number
  readonly tags: readonly RawTag[]
}

export function rulesOf(name: string): LogRules {
  const { progSize, diskVersion } = manifestOf(name)
  return { progSize, crc32, hasForwardCrc: diskVersion === '2.1' }
}

/** Every block of every clean image that holds a good commit, blocks no longer in use too. */
export function* goldenLogs(names: readonly string[] = cleanNames): Generator<GoldenLog> {
  for (const name of names) {
    const { blockSize } = manifestOf(name)
    const image = imageOf(name)
    const rules = rulesOf(name)
    for (let at = 0; at + blockSize <= image.length; at += blockSize) {
      const block = image.subarray(at, at + blockSize)
      const summary = scanLog(block, rules)
      if (summary !== undefined)
        yield { where: `${name}, ${at / blockSize}`, block, rules, summary }
    }
  }
}

/** Tags by commit, up to `end`. */
export function commitsOf(block: Uint8Array, end: number): RawCommit[] {
  const view = new DataView(block.buffer, block.byteOffset, block.length)
  const commits: RawCommit[] = []
  let tags: RawTag[] = []
  let start = 0
  let before = -1
  let previous = -1
  for (let at = 4; at < end; ) {
    const tag = view.getInt32(at) ^ previous
    const type = (tag >>> 20) & 0x7ff
    const length = tag & 0x3ff
    const next = at + 4 + (length === 0x3ff ? 0 : length)
    tags.push({ at, type, id: (tag >>> 10) & 0x3ff, length, data: block.subarray(at + 4, next) })
    at = next
    previous = tag
    if ((type & 0x780) !== 0x500) continue
    previous = (tag ^ ((type & 1) << 31)) | 0
    commits.push({ start, end: at, before, tags })
    start = at
    before = previous
    tags = []
  }
  return commits
}
