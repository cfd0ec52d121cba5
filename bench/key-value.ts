/**
 * The key-value store beside chamelon's figures: `npm run bench-key-value`.
 *
 * As chamelon was measured: in memory, 64 MiB, blocks of 4096 bytes, one dictionary, values of 16
 * bytes.
 */

import { MemoryDevice } from '@caravan/device'
import { LittleFS, type LittleFSKeyValue } from '@caravan/littlefs'

const BLOCK_SIZE = 4096
const DEVICE_BYTES = 64 * 1024 * 1024
const VALUE = new Uint8Array(16).fill(7)

/** chamelon's, in milliseconds an operation: OCaml, in memory, on the machine of reference.json. */
const CHAMELON_MS: Readonly<Record<string, Readonly<Record<number, number>>>> = {
  set: { 100: 0.33, 1000: 3.2 },
  get: { 100: 0.3, 1000: 3.8 },
  list: { 100: 0.4, 1000: 3.8 },
  lastModified: { 100: 0.6, 1000: 7.1 },
  'dictionary lastModified': { 100: 30, 1000: 3600 },
  'dictionary lastModified, one changed': { 100: 30, 1000: 3600 },
  'dictionary digest': { 100: 31, 1000: 3700 },
  'dictionary digest, one changed': { 100: 31, 1000: 3700 },
}

interface Row {
  readonly work: string
  readonly keys: number
  readonly ms: number
  readonly chamelonMs: number | undefined
}

/** For work that is to run once a group. */
const once = (): void => {}

/** All rows for dictionaries of these sizes. */
export function measureKeyValue(sizes: readonly number[]): Row[] {
  return sizes.flatMap((keys) => {
    const { kv, key, another } = filled(keys)
    let turn = 0
    const next = () => key((turn++ * 7919) % keys)
    const works: [string, () => void, (() => void)?][] = [
      ['set', () => kv.setSync(next(), VALUE)],
      ['get', () => void kv.getSync(next())],
      ['list', () => void kv.listSync('/d')],
      ['lastModified', () => void kv.lastModifiedSync(next())],
      ['dictionary lastModified', () => void another().lastModifiedSync('/d'), once],
      [
        'dictionary lastModified, one changed',
        () => void kv.lastModifiedSync('/d'),
        () => kv.setSync(next(), VALUE),
      ],
      ['dictionary digest', () => void another().digestSync('/d'), once],
      [
        'dictionary digest, one changed',
        () => void kv.digestSync('/d'),
        () => kv.setSync(next(), VALUE),
      ],
    ]
    return works.map(([work, run, before]) => ({
      work,
      keys,
      ms: timed(run, before),
      chamelonMs: CHAMELON_MS[work]?.[keys],
    }))
  })
}

interface Filled {
  readonly kv: LittleFSKeyValue
  readonly key: (index: number) => string
  /** Another store on the same mount, whose sums are not known yet. */
  readonly another: () => LittleFSKeyValue
}

function filled(keys: number): Filled {
  const blockCount = (keys > 50_000 ? 4 : 1) * (DEVICE_BYTES / BLOCK_SIZE)
  const device = new MemoryDevice({
    blockSize: BLOCK_SIZE,
    blockCount,
    readSize: 16,
    progSize: 16,
  })
  LittleFS.formatSync(device)
  const fs = LittleFS.mountSync(device)
  const kv = fs.keyValue()
  const key = (index: number) => `/d/key${index}`
  for (let i = 0; i < keys; i++) kv.setSync(key(i), VALUE)
  return { kv, key, another: () => fs.keyValue() }
}

/** Milliseconds of one run: the median of groups, after a warm-up. */
function timed(run: () => void, before?: () => void): number {
  const groups: number[] = []
  const deadline = performance.now() + 600
  while (performance.now() < deadline || groups.length < 5) {
    const count = before === undefined ? 20 : 1
    before?.()
    const begin = performance.now()
    for (let i = 0; i < count; i++) run()
    groups.push((performance.now() - begin) / count)
  }
  groups.sort((a, b) => a - b)
  return groups[groups.length >> 1] as number
}

export function keyValueTable(rows: readonly Row[]): string {
  const lines = rows.map(({ work, keys, ms, chamelonMs }) => {
    const times = chamelonMs === undefined ? '' : `${Math.round(chamelonMs / ms)} x`
    const cells = [
      work.padEnd(38),
      String(keys).padStart(7),
      `${ms.toPrecision(3)} ms`.padStart(12),
    ]
    const other = chamelonMs === undefined ? '' : `${chamelonMs} ms`
    return [...cells, other.padStart(12), times.padStart(10)].join('')
  })
  const head = `${'work'.padEnd(38)}${'keys'.padStart(7)}${'caravan'.padStart(12)}${'chamelon'.padStart(12)}${'faster'.padStart(10)}`
  return [head, ...lines].join('\n')
}
