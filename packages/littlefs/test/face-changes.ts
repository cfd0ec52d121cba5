/** The faces of littlefs as a crash test uses them, and the changes that it cuts. */

import { Timestamp } from '@caravan/core'
import { LittleFS, type LittleFSKeyValue, type LittleFSOptions } from '@caravan/littlefs'
import type { CrashDevice } from '@caravan/testkit'
import { Broken } from './crash-run.js'
import { type FaceChange, type FaceInUse, type Seen, SPARE_BLOCKS } from './cut-change.js'

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
    const { blockCount, diskVersion } = this.fs.info()
    const seen = new Map([
      ['blocks', `${blockCount}`],
      ['version', diskVersion],
    ])
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

export const mountNode = (device: CrashDevice, options: LittleFSOptions, day: number) =>
  new NodeFace(
    LittleFS.mountSync(device, { ...options, times: 't4', now: () => day * DAY_MS }),
    3 * Math.min(options.blockSize ?? 0, 4096),
  )

export const NODE_CHANGES: readonly FaceChange<NodeFace>[] = [
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
  {
    name: 'shrink',
    first: ({ fs }) => fs.growSync(fs.info().blockCount + SPARE_BLOCKS),
    change: ({ fs }) => {
      const lastBlock = Math.max(...fs.blockUseSync().map(({ block }) => block))
      // A wear move of the growth may have taken the last one.
      if (lastBlock + 1 === fs.info().blockCount) fs.setAttributeSync('/other', 9, bytes(8, 6))
      else fs.shrinkSync(lastBlock + 1)
    },
  },
  {
    name: 'disk version up',
    first: ({ fs }) => fs.setDiskVersionSync('2.0'),
    change: ({ fs }) => fs.setDiskVersionSync('2.1'),
    changesVersion: true,
  },
  {
    name: 'disk version down',
    first: ({ fs }) => fs.setDiskVersionSync('2.1'),
    change: ({ fs }) => fs.setDiskVersionSync('2.0'),
    changesVersion: true,
  },
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

export const mountStore = (device: CrashDevice, options: LittleFSOptions, day: number) =>
  new StoreFace(
    LittleFS.mountSync(device, options).keyValue({ now: () => new Timestamp(day, 0n) }),
    3 * Math.min(options.blockSize ?? 0, 4096),
  )

export const STORE_CHANGES: readonly FaceChange<StoreFace>[] = [
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
      if (!result.atomic) throw new Broken('the batch was not one step')
    },
  },
]
