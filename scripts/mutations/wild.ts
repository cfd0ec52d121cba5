/**
 * Images that no honest writer makes: every log has good checksums, and what it says is wild. Lists of
 * pairs that run in circles, directories that hold themselves, files whose blocks lead anywhere,
 * counts beyond all measure, names that are paths, duplicates.
 *
 * Written from littlefs' SPEC.md alone; shares no code with the engine.
 */

import { type Entry, encodeLog, NO_ID, tagged, words } from './metadata.js'
import { decodeTarget, type Target } from './mutate.js'
import type { Random } from './random.js'

const BIG = [0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff]

const NAMES: readonly (readonly number[])[] = [
  ...[
    'a',
    'b',
    'dir',
    'file',
    '..',
    '.',
    '/',
    'a/b',
    '../../../escaped',
    '/escaped',
    '',
    '\0',
    'a\0b',
  ].map((name) => [...new TextEncoder().encode(name)]),
  // Broken UTF-8: a lone byte, an overlong slash, half a surrogate, a cut sequence.
  [0xff],
  [0xc0, 0xaf],
  [0xed, 0xa0, 0x80],
  [0x61, 0xe2, 0x82],
  [...new TextEncoder().encode('\u202egnp.exe')],
  Array.from({ length: 255 }, () => 0x6e),
]

/** A small image, most of its logs valid. */
export function makeWild(random: Random): Target {
  const blockSize = random.pick([128, 128, 256, 512])
  const blockCount = 6 + random.below(26)
  const image = new Uint8Array(blockSize * blockCount).fill(0xff)
  const minor = random.below(2)
  const pairs: number[][] = [[0, 1]]
  for (let left = random.below(6); left > 0; left--)
    pairs.push([0, 0].map(() => random.below(blockCount)))
  const wild = new WildLog(random, blockSize, blockCount, minor, pairs)
  // Data first: where a log lies on it, the log stays.
  for (let block = 2; block < blockCount; block++) {
    const words = new DataView(image.buffer, block * blockSize, blockSize)
    for (let at = 0; at < 16; at += 4) words.setUint32(at, wild.block(), true)
  }
  for (const [i, pair] of pairs.entries()) {
    const revision = random.pick([1, 2, 0x7fffffff, 0xffffffff, random.word()])
    const halves = random.pick([[0], [0], [1], [0, 1]])
    for (const half of halves) {
      const block = pair[half] as number
      const log = image.subarray(block * blockSize, (block + 1) * blockSize)
      encodeLog(log, (revision + half) >>> 0, wild.commits(i === 0))
    }
  }
  return decodeTarget({ name: 'wild', image, blockSize, readSize: 1, progSize: 1 })
}

class WildLog {
  constructor(
    private readonly random: Random,
    private readonly blockSize: number,
    private readonly blockCount: number,
    private readonly minor: number,
    private readonly pairs: readonly (readonly number[])[],
  ) {}

  /** A block's number, most often of one that there is. */
  block(): number {
    const { random, blockCount } = this
    return random.below(12) === 0
      ? random.pick([blockCount, blockCount + 1, ...BIG])
      : random.below(blockCount)
  }

  commits(isFirst: boolean): Entry[][] {
    const { random } = this
    const commits: Entry[][] = []
    const first: Entry[] = isFirst ? this.superblock() : []
    let id = isFirst ? 1 : 0
    for (let left = 1 + random.below(2); left > 0; left--) {
      const entries = commits.length === 0 ? first : []
      for (let files = random.below(4); files > 0; files--) {
        entries.push(...this.entry(random.below(8) === 0 ? random.below(0x400) : id++))
      }
      if (random.below(2) === 0) entries.push(this.tail())
      if (random.below(6) === 0) entries.push(this.globalState())
      if (random.below(8) === 0) entries.push(this.any())
      commits.push(entries)
    }
    return commits
  }

  private superblock(): Entry[] {
    const { random, blockSize, blockCount } = this
    const limits =
      random.below(6) === 0 ? [1, 2, 3].map(() => random.pick(BIG)) : [255, 0x7fffffff, 1022]
    const count = random.below(10) === 0 ? random.pick([0, 1, ...BIG]) : blockCount
    return [
      tagged(0x401, 0, []),
      tagged(0x0ff, 0, [...new TextEncoder().encode('littlefs')]),
      tagged(0x201, 0, words(0x00020000 | this.minor, blockSize, count, ...limits)),
    ]
  }

  private entry(id: number): Entry[] {
    const { random } = this
    const name = random.pick(NAMES)
    const kind = random.pick(['inline', 'ctz', 'ctz', 'directory', 'directory', 'none'] as const)
    const type =
      random.below(10) === 0
        ? random.pick([0x001, 0x002, 0x003, 0x0ff])
        : kind === 'directory'
          ? 0x002
          : 0x001
    const entries = [tagged(0x401, id, []), tagged(type, id, name)]
    if (kind === 'inline')
      entries.push(
        tagged(
          0x201,
          id,
          Array.from({ length: random.below(20) }, () => random.below(256)),
        ),
      )
    if (kind === 'ctz') entries.push(tagged(0x202, id, words(this.block(), this.size())))
    if (kind === 'directory') entries.push(tagged(0x200, id, this.pair()))
    if (random.below(4) === 0) entries.push(tagged(0x300 | random.below(256), id, [1, 2, 3]))
    if (random.below(10) === 0) entries.push(tagged(0x4ff, id, []))
    return entries
  }

  private size(): number {
    const { random, blockSize, blockCount } = this
    return random.pick([
      0,
      1,
      random.below(4 * blockSize),
      random.below(blockSize * blockCount),
      blockSize * blockCount,
      ...BIG,
    ])
  }

  /** One that holds a log, most often; its blocks in any order. */
  private pair(): number[] {
    const { random } = this
    const known = random.pick(this.pairs)
    const [a, b] = random.below(5) === 0 ? [this.block(), this.block()] : known
    return random.below(2) === 0 ? words(a as number, b as number) : words(b as number, a as number)
  }

  private tail(): Entry {
    return tagged(this.random.pick([0x600, 0x600, 0x601]), NO_ID, this.pair())
  }

  private globalState(): Entry {
    const { random } = this
    const tag = random.pick([
      0x80000000,
      0x80000001,
      0x4ff00000 | (random.below(4) << 10),
      random.word(),
    ])
    return tagged(0x7ff, NO_ID, [...words(tag), ...this.pair()])
  }

  private any(): Entry {
    const { random } = this
    const length = random.below(24)
    const type = random.below(0x500)
    return tagged(
      type,
      random.below(0x400),
      Array.from({ length }, () => random.below(256)),
    )
  }
}
