/**
 * The story: a program that uses littlefs as it would use `node:fs`, or as a key-value store, is
 * killed in the middle of a call, and starts again with half of it: a file with the new content and
 * the old time, a copy without its end, one key of two that belong together.
 */

import { Timestamp } from '@caravan/core'
import { LittleFS, type LittleFSKeyValue, type LittleFSOptions } from '@caravan/littlefs'
import {
  CrashDevice,
  cutsInOrder,
  cutsOutOfOrder,
  Random,
  seedFromEnvironment,
} from '@caravan/testkit'
import { afterAll, describe, expect, test } from 'vitest'
import { type Place, place, places } from './crash-kinds.js'
import type { CrashCounts } from './crash-run.js'
import {
  cutChange,
  type FaceChange,
  type FaceInUse,
  type Seen,
  SPARE_BLOCKS,
} from './cut-change.js'
import { nextTurn } from './next-turn.js'

const DAY_MS = 86_400_000
const bytes = (size: number, value: number) => new Uint8Array(size).fill(value)

/** `node:fs`' face. Block sizes differ: `large` is a file of some blocks. */
class NodeFace implements FaceInUse {
  constructor(
    readonly fs: LittleFS,
    readonly large: number,
  ) {}

  prepare(): void {
    const { fs } = this
    fs.mkdirSync('/dir/sub', { recursive: true })
    fs.mkdirSync('/empty')
    fs.writeFileSync('/dir/small', 'small')
    fs.writeFileSync('/dir/large', bytes(this.large, 1))
    fs.writeFileSync('/dir/sub/deep', bytes(this.large / 2, 2))
    fs.writeFileSync('/other', 'other')
  }

  look(): Seen {
    const seen = new Map<string, string>([['blocks', `${this.fs.info().blockCount}`]])
    for (const { path, type, attributes } of this.fs.walkSync('/')) {
      const held = [...attributes].map(
        ([kind, value]) => `${kind}=${Buffer.from(value).toString('hex')}`,
      )
      const content = type === 'file' ? Buffer.from(this.fs.readFileSync(path)).toString('hex') : ''
      seen.set(path, `${type} ${content} ${held.join()}`)
    }
    return seen
  }

  use(): void {
    this.fs.writeFileSync('/after', 'x')
    this.fs.unlinkSync('/after')
  }
}

const mountNode = (device: CrashDevice, options: LittleFSOptions, day: number) =>
  new NodeFace(
    LittleFS.mountSync(device, { ...options, times: 't4', now: () => day * DAY_MS }),
    3 * Math.min(options.blockSize ?? 0, 4096),
  )

const NODE_CHANGES: readonly FaceChange<NodeFace>[] = [
  { name: 'writeFile', change: ({ fs }) => fs.writeFileSync('/new', 'new') },
  {
    name: 'writeFile over a large file',
    change: ({ fs }) => fs.writeFileSync('/dir/large', 'now'),
  },
  {
    name: 'writeFile of a large file over a small one',
    change: ({ fs, large }) => fs.writeFileSync('/dir/small', bytes(large, 3)),
  },
  {
    name: 'appendFile',
    change: ({ fs, large }) => fs.appendFileSync('/dir/large', bytes(large, 4)),
  },
  { name: 'truncate', change: ({ fs }) => fs.truncateSync('/dir/large', 100) },
  { name: 'truncate to more', change: ({ fs, large }) => fs.truncateSync('/other', large) },
  { name: 'copyFile', change: ({ fs }) => fs.copyFileSync('/dir/large', '/copy') },
  { name: 'copyFile over a file', change: ({ fs }) => fs.copyFileSync('/dir/large', '/other') },
  {
    name: 'cp of a tree',
    change: ({ fs }) => fs.cpSync('/dir', '/copy', { recursive: true }),
    inSteps: true,
  },
  { name: 'mkdir', change: ({ fs }) => fs.mkdirSync('/made') },
  {
    name: 'mkdir of parents too',
    change: ({ fs }) => fs.mkdirSync('/made/in/one', { recursive: true }),
    inSteps: true,
  },
  { name: 'rename of a file', change: ({ fs }) => fs.renameSync('/dir/large', '/moved') },
  { name: 'rename over a file', change: ({ fs }) => fs.renameSync('/dir/large', '/other') },
  { name: 'rename of a directory', change: ({ fs }) => fs.renameSync('/dir/sub', '/empty/sub') },
  { name: 'unlink', change: ({ fs }) => fs.unlinkSync('/dir/large') },
  { name: 'rmdir', change: ({ fs }) => fs.rmdirSync('/empty') },
  {
    name: 'rm of a tree',
    change: ({ fs }) => fs.rmSync('/dir', { recursive: true }),
    inSteps: true,
  },
  { name: 'utimes', change: ({ fs }) => fs.utimesSync('/dir/large', 7, 7) },
  {
    name: 'write and fsync on a descriptor',
    change: ({ fs }) => {
      const fd = fs.openSync('/dir/large', 'r+')
      fs.writeSync(fd, bytes(700, 5), 0, 700, 10)
      fs.fsyncSync(fd)
      fs.closeSync(fd)
    },
  },
  {
    name: 'setAttribute',
    change: ({ fs }) => fs.setAttributeSync('/dir/large', 9, bytes(8, 6)),
  },
  {
    name: 'addTree',
    change: ({ fs, large }) =>
      fs.addTreeSync([
        { path: 'web' },
        { path: 'web/index.html', data: bytes(large, 7) },
        { path: 'web/a', data: bytes(10, 8) },
        { path: 'dir/small', data: bytes(12, 9) },
      ]),
    inSteps: true,
  },
  { name: 'grow', change: ({ fs }) => fs.growSync(fs.info().blockCount + SPARE_BLOCKS) },
]

/** The key-value face. */
class StoreFace implements FaceInUse {
  constructor(
    readonly kv: LittleFSKeyValue,
    readonly large: number,
  ) {}

  prepare(): void {
    const { kv } = this
    for (let i = 0; i < 6; i++) kv.setSync(`/d/k${i}`, `value ${i}`)
    kv.setSync('/d/large', bytes(this.large, 1))
    kv.setSync('/e/x', 'other')
    for (const name of ['a', 'b', 'd']) kv.setSync(`/p/${name}`, name)
  }

  /** Times and contents, which must change together. */
  look(): Seen {
    const { kv } = this
    const seen = new Map<string, string>()
    for (const [key, kind] of kv.entriesSync('/')) {
      const time = kind === 'value' ? kv.lastModifiedSync(key)?.days : ''
      const digest = kind === 'value' ? Buffer.from(kv.digestSync(key)).toString('hex') : ''
      seen.set(key, `${kind} ${time} ${digest}`)
    }
    return seen
  }

  use(): void {
    this.kv.setSync('/after', 'x')
    this.kv.removeSync('/after')
  }
}

const mountStore = (device: CrashDevice, options: LittleFSOptions, day: number) =>
  new StoreFace(
    LittleFS.mountSync(device, options).keyValue({ now: () => new Timestamp(day, 0n) }),
    3 * Math.min(options.blockSize ?? 0, 4096),
  )

const STORE_CHANGES: readonly FaceChange<StoreFace>[] = [
  { name: 'a value replaced', change: ({ kv }) => kv.setSync('/d/k3', 'another value') },
  {
    name: 'a large value replaced',
    change: ({ kv, large }) => kv.setSync('/d/large', bytes(large + 300, 9)),
  },
  {
    name: 'a part of a large value',
    change: ({ kv }) => kv.setPartialSync('/d/large', 70, 'part'),
  },
  { name: 'a value added', change: ({ kv }) => kv.setSync('/d/new', 'new') },
  { name: 'space allocated', change: ({ kv, large }) => kv.allocateSync('/d/zeros', large) },
  { name: 'a value removed', change: ({ kv }) => kv.removeSync('/d/k3') },
  { name: 'a value renamed', change: ({ kv }) => kv.renameSync('/d/k3', '/d/k9') },
  { name: 'a value renamed over another', change: ({ kv }) => kv.renameSync('/d/k3', '/e/x') },
  { name: 'a dictionary renamed', change: ({ kv }) => kv.renameSync('/d', '/e/d') },
  { name: 'a dictionary removed', change: ({ kv }) => kv.removeSync('/d'), inSteps: true },
  {
    name: 'an atomic batch',
    change: ({ kv, large }) => {
      const result = kv.batchSync(
        [
          { op: 'set', key: '/p/a', value: 'a2' },
          { op: 'set', key: '/p/b', value: bytes(large / 2, 3) },
          { op: 'set', key: '/p/c', value: 'c2' },
          { op: 'remove', key: '/p/d' },
        ],
        { atomic: true },
      )
      expect(result.atomic).toBe(true)
    },
  },
]

/** What every change goes through: usual devices, and drawn ones. */
function tryPlaces(random: Random, runs: number): Place[] {
  const roomy = places().filter(({ setup }) => setup.blockSize >= 256)
  const usual = [1, -1].map((blockCycles) => place(512, 16, { blockCycles, blockCount: 64 }))
  return [...usual, ...Array.from({ length: runs }, () => random.pick(roomy))]
}

const { seed, runs } = seedFromEnvironment(2)
const counts: CrashCounts = { states: 0, doubleCuts: 0, subsets: 0 }

afterAll(() => {
  console.log(`${counts.states} states cut`)
})

describe('node:fs, cut at every request: old or new', () => {
  test.each(NODE_CHANGES)('$name', { timeout: 600_000 }, async (change) => {
    const random = new Random(seed)
    for (const each of tryPlaces(random, runs)) {
      await nextTurn()
      const wrong = cutChange(mountNode, change, each, random, counts)
      expect(wrong, `CARAVAN_SEED=${seed} ${JSON.stringify(each.setup)}`).toBeUndefined()
    }
  })
})

describe('the key-value store, cut at every request: all of a change, or nothing of it', () => {
  test.each(STORE_CHANGES)('$name', { timeout: 600_000 }, async (change) => {
    const random = new Random(seed)
    for (const each of tryPlaces(random, runs)) {
      await nextTurn()
      const wrong = cutChange(mountStore, change, each, random, counts)
      expect(wrong, `CARAVAN_SEED=${seed} ${JSON.stringify(each.setup)}`).toBeUndefined()
    }
  })
})

describe('format, cut at every request: what was there, nothing, or an empty filesystem', () => {
  test.each([true, false])('over a filesystem: %s', (isOver) => {
    const { setup } = place(512, 16, {})
    const device = new CrashDevice(setup)
    if (isOver) {
      LittleFS.formatSync(device)
      mountNode(device, {}, 1).prepare()
    }
    const paths = (on: CrashDevice) =>
      [...LittleFS.mountSync(on).walkSync('/')].map(({ path }) => path)
    const before = isOver ? paths(device) : undefined
    device.startRecording()
    LittleFS.formatSync(device)
    const recording = device.stopRecording()
    const random = new Random(seed)
    const options = { geometry: setup, eraseValue: 0xff, random, thorough: true }
    const answers = new Set<string>()
    for (const cuts of [cutsInOrder, cutsOutOfOrder]) {
      for (const { state, label, answered } of cuts(recording, options)) {
        const reborn = new CrashDevice({ ...setup, state })
        const answer = answerOf(() => paths(reborn))
        answers.add(answer)
        const expected = [answerOf(() => before ?? []), '/', 'NOT_LITTLEFS', 'CORRUPT_PAIR']
        expect(expected, label).toContain(answer)
        if (answered === recording.requests.length) expect(answer, label).toBe('/')
        LittleFS.formatSync(reborn)
        mountNode(reborn, {}, 2).prepare()
      }
    }
    expect(answers.size).toBeGreaterThan(1)
  })
})

function answerOf(look: () => readonly string[]): string {
  try {
    return look().join()
  } catch (error) {
    return (error as { code: string }).code
  }
}
