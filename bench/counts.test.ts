/**
 * Counts, not seconds: what a fixed set of work asks of a device, to the byte. A figure that changes
 * is a change of the engine that was meant, or one that was not: where it was meant, and is no
 * regression, the new figure goes here.
 */

import type { BlockDevice, Geometry, Span } from '@caravan/core'
import { MemoryDevice } from '@caravan/device'
import { LittleFS } from '@caravan/littlefs'
import { describe, expect, it } from 'vitest'
import { CountingDevice, type Traffic } from './devices.js'
import { makeBytes, makeNames } from './workload.js'

interface Counts extends Traffic {
  /** Logs that were written to, and made durable by the sync that follows. */
  readonly commits: number
  /** Of those, logs written anew, from the beginning of their block. */
  readonly compactions: number
}

/** Passes requests on; a log is what is programmed and then synced at once. */
class TraceDevice implements BlockDevice {
  readonly geometry: Geometry
  readonly readOnly = false
  private readonly counting: CountingDevice
  private lastProg: readonly Span[] | undefined
  private commits = 0
  private compactions = 0

  /** @param isFaithful as the device that is traced would say itself. */
  constructor(
    device: BlockDevice,
    readonly isFaithful = false,
  ) {
    this.counting = new CountingDevice(device)
    this.geometry = device.geometry
  }

  get counts(): Counts {
    const { commits, compactions } = this
    return { ...this.counting.traffic, commits, compactions }
  }

  reset(): void {
    this.counting.reset()
    this.commits = 0
    this.compactions = 0
  }

  read(spans: readonly Span[]) {
    this.lastProg = undefined
    return this.counting.read(spans)
  }

  prog(spans: readonly Span[]) {
    this.lastProg = spans
    return this.counting.prog(spans)
  }

  erase(blocks: readonly number[]) {
    this.lastProg = undefined
    return this.counting.erase(blocks)
  }

  sync() {
    if (this.lastProg !== undefined) {
      this.commits++
      if (this.lastProg[0]?.offset === 0) this.compactions++
    }
    this.lastProg = undefined
    return this.counting.sync()
  }

  close() {
    return this.counting.close()
  }
}

/** In configuration B. */
const OPTIONS = { cacheSize: 4096, blockCycles: 500 }
const GEOMETRY = { blockSize: 4096, blockCount: 1024, readSize: 16, progSize: 16 }

interface Work {
  readonly prepare?: (fs: LittleFS) => void
  readonly work: (fs: LittleFS, device: BlockDevice) => void
  readonly expected: Counts
}

const small = makeBytes(100, 1)
const chunk = makeBytes(4096, 2)

function createFiles(fs: LittleFS, directory: string, count: number): string[] {
  fs.mkdirSync(directory)
  const paths = makeNames(count, `${directory}/f`)
  for (const path of paths) fs.writeFileSync(path, small)
  return paths
}

const WORKS: Readonly<Record<string, Work>> = {
  'create 200 files of 100 B': {
    work: (fs) => void createFiles(fs, '/d', 200),
    expected: {
      bytesRead: 216_256,
      bytesProgrammed: 67_968,
      blocksErased: 23,
      reads: 271,
      progs: 213,
      erases: 23,
      syncs: 213,
      commits: 213,
      compactions: 23,
    },
  },
  'stat, list and read them': {
    prepare: (fs) => void createFiles(fs, '/d', 200),
    work(fs) {
      for (const name of fs.readdirSync('/d')) {
        fs.statSync(`/d/${name}`)
        fs.readFileSync(`/d/${name}`)
      }
    },
    expected: {
      bytesRead: 0,
      bytesProgrammed: 0,
      blocksErased: 0,
      reads: 0,
      progs: 0,
      erases: 0,
      syncs: 0,
      commits: 0,
      compactions: 0,
    },
  },
  'rename 100 files across directories': {
    prepare(fs) {
      createFiles(fs, '/a', 100)
      fs.mkdirSync('/b')
    },
    work(fs) {
      for (const name of fs.readdirSync('/a')) fs.renameSync(`/a/${name}`, `/b/${name}`)
    },
    expected: {
      bytesRead: 102_080,
      bytesProgrammed: 37_104,
      blocksErased: 10,
      reads: 230,
      progs: 205,
      erases: 10,
      syncs: 205,
      commits: 205,
      compactions: 10,
    },
  },
  'write 1 MiB in 4 KiB chunks': {
    work(fs) {
      const file = fs.openEngineFileSync('/large', { write: true, create: true })
      for (let i = 0; i < 256; i++) file.writeSync(chunk)
      file.closeSync()
    },
    expected: {
      bytesRead: 1_050_704,
      bytesProgrammed: 1_050_704,
      blocksErased: 257,
      reads: 19,
      progs: 19,
      erases: 17,
      syncs: 3,
      commits: 2,
      compactions: 0,
    },
  },
  'read it in 4 KiB chunks': {
    prepare: (fs) => fs.writeFileSync('/large', makeBytes(1 << 20, 3)),
    work(fs) {
      const file = fs.openEngineFileSync('/large')
      const target = new Uint8Array(4096)
      for (let i = 0; i < 256; i++) file.readSync(target)
      file.closeSync()
    },
    expected: {
      bytesRead: 1_052_672,
      bytesProgrammed: 0,
      blocksErased: 0,
      reads: 33,
      progs: 0,
      erases: 0,
      syncs: 0,
      commits: 0,
      compactions: 0,
    },
  },
  'overwrite 64 B in its middle': {
    prepare: (fs) => fs.writeFileSync('/large', makeBytes(1 << 20, 3)),
    work(fs) {
      const file = fs.openEngineFileSync('/large', { read: true, write: true })
      file.seek(1 << 19)
      file.writeSync(small.subarray(0, 64))
      file.closeSync()
    },
    expected: {
      bytesRead: 1_052_352,
      bytesProgrammed: 526_368,
      blocksErased: 129,
      reads: 18,
      progs: 9,
      erases: 8,
      syncs: 2,
      commits: 1,
      compactions: 0,
    },
  },
  'append 64 B and sync, 200 times': {
    work(fs) {
      const file = fs.openEngineFileSync('/log', { append: true, create: true })
      for (let i = 0; i < 200; i++) {
        file.writeSync(small.subarray(0, 64))
        file.syncSync()
      }
      file.closeSync()
    },
    expected: {
      bytesRead: 298_000,
      bytesProgrammed: 281_776,
      blocksErased: 133,
      reads: 398,
      progs: 394,
      erases: 131,
      syncs: 393,
      commits: 201,
      compactions: 2,
    },
  },
  'add a tree of 100 files at once': {
    work(fs) {
      const directories = makeNames(10, '/d').map((path) => ({ path }))
      const files = makeNames(100, '/f').map((name, i) => ({
        path: `${directories[i % 10]?.path}${name}`,
        data: makeBytes(i % 5 < 2 ? 40 : 10_470, i),
      }))
      fs.addTreeSync([...directories, ...files])
    },
    expected: {
      bytesRead: 720_208,
      bytesProgrammed: 633_904,
      blocksErased: 191,
      reads: 103,
      progs: 71,
      erases: 71,
      syncs: 12,
      commits: 11,
      compactions: 11,
    },
  },
  'set 100 keys twice': {
    work(fs) {
      const kv = fs.keyValue({ now: () => 1_700_000_000_000 })
      for (let round = 0; round < 2; round++) {
        for (let i = 0; i < 100; i++) kv.setSync(`/d/key${i}`, small)
      }
    },
    expected: {
      bytesRead: 152_608,
      bytesProgrammed: 54_144,
      blocksErased: 15,
      reads: 247,
      progs: 209,
      erases: 15,
      syncs: 209,
      commits: 209,
      compactions: 15,
    },
  },
  'mount, df, and the first write': {
    prepare(fs) {
      createFiles(fs, '/d', 50)
      fs.writeFileSync('/large', makeBytes(1 << 20, 3))
      fs.unmountSync()
    },
    work(_, device) {
      const fs = LittleFS.mountSync(device, OPTIONS)
      fs.dfSync()
      fs.writeFileSync('/first', small)
    },
    expected: {
      bytesRead: 41_232,
      bytesProgrammed: 144,
      blocksErased: 0,
      reads: 15,
      progs: 1,
      erases: 0,
      syncs: 1,
      commits: 1,
      compactions: 0,
    },
  },
}

/** @returns what it asked for, and what it left behind. */
function trace({ prepare, work }: Work, isFaithful: boolean) {
  const memory = new MemoryDevice(GEOMETRY)
  const device = new TraceDevice(memory, isFaithful)
  LittleFS.formatSync(device, OPTIONS)
  const fs = LittleFS.mountSync(device, OPTIONS)
  prepare?.(fs)
  device.reset()
  work(fs, device)
  return { counts: device.counts, image: memory.bytes }
}

describe('what is asked of the device', () => {
  it.each(Object.entries(WORKS))('%s', (_, work) => {
    expect(trace(work, false).counts).toEqual(work.expected)
  })

  it.each(Object.entries(WORKS))('%s: memory is written alike, and not read back', (_, work) => {
    const { counts, image } = trace(work, true)
    expect(Buffer.compare(image, trace(work, false).image)).toBe(0)
    const { bytesProgrammed, blocksErased, progs, erases, syncs } = work.expected
    expect(counts).toMatchObject({ bytesProgrammed, blocksErased, progs, erases, syncs })
    expect(counts.bytesRead).toBeLessThanOrEqual(work.expected.bytesRead)
    if (work.prepare === undefined) expect(counts.bytesRead).toBeLessThan(bytesProgrammed / 50)
  })

  it('a file that is appended to where units are single bytes goes on in its last block', () => {
    const device = new TraceDevice(new MemoryDevice({ ...GEOMETRY, readSize: 1, progSize: 1 }))
    LittleFS.formatSync(device, { ...OPTIONS, inlineMax: 0 })
    const fs = LittleFS.mountSync(device, { ...OPTIONS, inlineMax: 0 })
    const file = fs.openEngineFileSync('/log', { append: true, create: true })
    for (let i = 0; i < 64; i++) {
      file.writeSync(small.subarray(0, 64))
      file.syncSync()
      if (i === 0) device.reset()
    }
    // No block of data is erased again; what is erased is of logs that were full.
    expect(device.counts.blocksErased).toBe(device.counts.compactions)
    expect(fs.readFileSync('/log').length).toBe(64 * 64)
  })
})
