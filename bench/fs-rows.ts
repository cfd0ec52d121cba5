/**
 * The same program on several `fs`: ours and those that a program would take instead, in memory and
 * on a tmpfs. What differs from the rows of littlefs is that each call goes through the face.
 */

import nodeFs, { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Geometry } from '@caravan/core'
import { MemoryDevice } from '@caravan/device'
import { FileDevice } from '@caravan/device/node'
import { nodeFs as faceOf } from '@caravan/fs/node'
import { LittleFS } from '@caravan/littlefs'
import { configureSingle, InMemory, fs as zenfs } from '@zenfs/core'
import { createFsFromVolume, Volume } from 'memfs'
import { CHUNK_BYTES, LARGE_FILE_BYTES, RECORD_BYTES, randomPositions } from './file-workloads.js'
import type { Row, Run, Surroundings } from './row.js'
import {
  cut,
  expectBytes,
  expectCount,
  MEGABYTE,
  makeBytes,
  makeNames,
  SMALL_FILE_BYTES,
  scaled,
} from './workload.js'

/** What of `node:fs` the program uses. */
interface ProgramFs {
  writeFileSync(path: string, data: Uint8Array): void
  readFileSync(path: string): unknown
  openSync(path: string, flags: string): number
  readSync(
    fd: number,
    target: Uint8Array,
    offset: number,
    length: number,
    position: number | null,
  ): number
  writeSync(fd: number, data: Uint8Array): number
  fsyncSync(fd: number): void
  closeSync(fd: number): void
  mkdirSync(path: string): unknown
  statSync(path: string): { readonly size: number | bigint }
  readdirSync(path: string): unknown
  renameSync(from: string, to: string): void
}

/** Empty filesystems, one after the other. */
interface Subject {
  /** A new one, in place of the last. `top` is the path that everything is below. */
  readonly fresh: () => Promise<{ fs: ProgramFs; top: string }>
  readonly close: () => void
  readonly deviceBytes?: number
}

type MakeSubject = (surroundings: Surroundings) => Subject

const SUBJECTS: Readonly<Record<string, MakeSubject>> = {
  caravan: (surroundings) => {
    const device = new MemoryDevice(scaledGeometry(surroundings))
    return {
      fresh: async () => onDevice(device, surroundings),
      close: () => device.close(),
      deviceBytes: device.bytes.length,
    }
  },
  memfs: () => ({
    fresh: async () => ({ fs: createFsFromVolume(new Volume()) as ProgramFs, top: '' }),
    close: () => undefined,
  }),
  '@zenfs/core': () => ({
    async fresh() {
      await configureSingle({ backend: InMemory })
      return { fs: zenfs as ProgramFs, top: '' }
    },
    close: () => undefined,
  }),
  'caravan on a tmpfs': (surroundings) => {
    const folder = temporaryFolder(surroundings)
    const geometry = scaledGeometry(surroundings)
    const device = FileDevice.openSync(join(folder, 'image'), { ...geometry, create: true })
    return {
      fresh: async () => onDevice(device, surroundings),
      close() {
        device.close()
        rmSync(folder, { recursive: true })
      },
    }
  },
  'node:fs on a tmpfs': (surroundings) => {
    let folder = temporaryFolder(surroundings)
    return {
      async fresh() {
        rmSync(folder, { recursive: true })
        folder = temporaryFolder(surroundings)
        return { fs: nodeFs, top: folder }
      },
      close: () => rmSync(folder, { recursive: true }),
    }
  },
}

/** In configuration B. */
function onDevice(device: MemoryDevice | FileDevice, { reference }: Surroundings) {
  const { cacheSize, blockCycles } = reference.configurations.B
  LittleFS.formatSync(device, { cacheSize, blockCycles })
  const fs = LittleFS.mountSync(device, { cacheSize, blockCycles })
  return { fs: faceOf(fs) as ProgramFs, top: '' }
}

/** The reference's, with as many blocks as the work needs at that scale. */
export function scaledGeometry({ reference, scale }: Surroundings): Geometry {
  const { geometry } = reference
  return { ...geometry, blockCount: Math.ceil(geometry.blockCount * scale) }
}

/** In memory where the system has a place for that. */
export function temporaryFolder({ directory }: Surroundings): string {
  const inMemory = '/dev/shm'
  return mkdtempSync(join(existsSync(inMemory) ? inMemory : directory, 'caravan-bench-'))
}

type Program = (subject: Subject, surroundings: Surroundings) => Promise<Run>

const PROGRAMS: readonly (Pick<Row, 'name' | 'unit' | 'yardstick'> & { program: Program })[] = [
  { name: 'fs: write 8 MiB', unit: 'MB/s', yardstick: 'copy', program: writeLarge },
  { name: 'fs: read 8 MiB in 4 KiB chunks', unit: 'MB/s', yardstick: 'copy', program: readLarge },
  { name: 'fs: 2000 random 4 KiB reads', unit: 'ops/s', yardstick: 'copy', program: readAtRandom },
  { name: 'fs: append 64 B and fsync', unit: 'ops/s', yardstick: 'crc', program: append },
  { name: 'fs: create 1000 files', unit: 'ops/s', yardstick: 'crc', program: create },
  { name: 'fs: stat each of 1000', unit: 'ops/s', yardstick: 'crc', program: statEach },
  { name: 'fs: read each of 1000', unit: 'ops/s', yardstick: 'crc', program: readEach },
  { name: 'fs: list 1000', unit: 'entries/s', yardstick: 'crc', program: list },
  { name: 'fs: rename 1000 files', unit: 'ops/s', yardstick: 'crc', program: renameEach },
]

export const fsRows: readonly Row[] = PROGRAMS.flatMap(({ name, unit, yardstick, program }) =>
  Object.entries(SUBJECTS).map(([subject, make]) => ({
    name,
    subject,
    configuration: '',
    unit,
    yardstick,
    async start(surroundings) {
      const made = make(surroundings)
      try {
        const { close, deviceBytes = 0 } = made
        return { ...(await program(made, surroundings)), close, deviceBytes }
      } catch (error) {
        made.close()
        throw error
      }
    },
  })),
)

async function writeLarge(subject: Subject, surroundings: Surroundings): Promise<Run> {
  const content = makeBytes(scaled(surroundings, LARGE_FILE_BYTES), 1)
  const chunks = cut(content, CHUNK_BYTES)
  let { fs, top } = await subject.fresh()
  let fd = 0
  return {
    amount: content.length / MEGABYTE,
    async before() {
      ;({ fs, top } = await subject.fresh())
      fd = fs.openSync(`${top}/large`, 'w')
    },
    work() {
      for (let i = 0; i < chunks.length; i++) fs.writeSync(fd, chunks[i] as Uint8Array)
      fs.fsyncSync(fd)
      fs.closeSync(fd)
    },
    check: () => expectBytes(bytesOf(fs, `${top}/large`), content, 'the file written'),
  }
}

async function readLarge(subject: Subject, surroundings: Surroundings): Promise<Run> {
  const { fs, top } = await subject.fresh()
  const content = makeBytes(scaled(surroundings, LARGE_FILE_BYTES), 1)
  fs.writeFileSync(`${top}/large`, content)
  const target = new Uint8Array(content.length)
  return {
    amount: content.length / MEGABYTE,
    work() {
      const fd = fs.openSync(`${top}/large`, 'r')
      for (let at = 0; at < target.length; at += CHUNK_BYTES) {
        fs.readSync(fd, target, at, Math.min(CHUNK_BYTES, target.length - at), null)
      }
      fs.closeSync(fd)
    },
    check: () => expectBytes(target, content, 'the bytes read'),
  }
}

async function readAtRandom(subject: Subject, surroundings: Surroundings): Promise<Run> {
  const { fs, top } = await subject.fresh()
  const content = makeBytes(scaled(surroundings, LARGE_FILE_BYTES), 1)
  fs.writeFileSync(`${top}/large`, content)
  const positions = randomPositions(surroundings, content.length)
  const target = new Uint8Array(Math.min(CHUNK_BYTES, content.length))
  const fd = fs.openSync(`${top}/large`, 'r')
  return {
    amount: positions.length,
    work() {
      for (let i = 0; i < positions.length; i++) {
        fs.readSync(fd, target, 0, target.length, positions[i] as number)
      }
    },
    check() {
      const last = positions.at(-1) as number
      expectBytes(target, content.subarray(last, last + target.length), 'the last chunk read')
    },
  }
}

async function append(subject: Subject, surroundings: Surroundings): Promise<Run> {
  const count = scaled(surroundings, 1000)
  const record = makeBytes(RECORD_BYTES, 3)
  let { fs, top } = await subject.fresh()
  let fd = 0
  return {
    amount: count,
    async before() {
      ;({ fs, top } = await subject.fresh())
      fd = fs.openSync(`${top}/log`, 'a')
    },
    work() {
      for (let i = 0; i < count; i++) {
        fs.writeSync(fd, record)
        fs.fsyncSync(fd)
      }
    },
    check() {
      const content = bytesOf(fs, `${top}/log`)
      expectCount(content.length, count * RECORD_BYTES, 'bytes in the log')
      for (const found of cut(content, RECORD_BYTES)) expectBytes(found, record, 'a record')
    },
  }
}

const smallContent = makeBytes(SMALL_FILE_BYTES, 6)

async function create(subject: Subject, surroundings: Surroundings): Promise<Run> {
  let { fs, top } = await subject.fresh()
  let paths: string[] = []
  return {
    amount: scaled(surroundings, 1000),
    async before() {
      ;({ fs, top } = await subject.fresh())
      fs.mkdirSync(`${top}/d`)
      paths = makeNames(scaled(surroundings, 1000), `${top}/d/f`)
    },
    work() {
      for (let i = 0; i < paths.length; i++) fs.writeFileSync(paths[i] as string, smallContent)
    },
    check() {
      for (const path of paths) expectBytes(bytesOf(fs, path), smallContent, path)
    },
  }
}

/** A filesystem with 1000 files, at scale, in one directory. */
async function madeDirectory(subject: Subject, surroundings: Surroundings) {
  const { fs, top } = await subject.fresh()
  fs.mkdirSync(`${top}/d`)
  const paths = makeNames(scaled(surroundings, 1000), `${top}/d/f`)
  for (const path of paths) fs.writeFileSync(path, smallContent)
  return { fs, top, paths }
}

async function statEach(subject: Subject, surroundings: Surroundings): Promise<Run> {
  const { fs, paths } = await madeDirectory(subject, surroundings)
  let sum = 0
  return {
    amount: paths.length,
    work() {
      sum = 0
      for (let i = 0; i < paths.length; i++) sum += Number(fs.statSync(paths[i] as string).size)
    },
    check: () => expectCount(sum, paths.length * SMALL_FILE_BYTES, 'the sum of the sizes'),
  }
}

async function readEach(subject: Subject, surroundings: Surroundings): Promise<Run> {
  const { fs, paths } = await madeDirectory(subject, surroundings)
  let last: unknown
  return {
    amount: paths.length,
    work() {
      for (let i = 0; i < paths.length; i++) last = fs.readFileSync(paths[i] as string)
    },
    check: () => expectBytes(last as Uint8Array, smallContent, 'the last file read'),
  }
}

async function list(subject: Subject, surroundings: Surroundings): Promise<Run> {
  const { fs, top, paths } = await madeDirectory(subject, surroundings)
  let names: string[] = []
  return {
    amount: paths.length,
    work() {
      names = fs.readdirSync(`${top}/d`) as string[]
    },
    check: () => expectCount(new Set(names).size, paths.length, 'names listed'),
  }
}

async function renameEach(subject: Subject, surroundings: Surroundings): Promise<Run> {
  let fs: ProgramFs
  let from: string[] = []
  let to: string[] = []
  return {
    amount: scaled(surroundings, 1000),
    async before() {
      const made = await madeDirectory(subject, surroundings)
      fs = made.fs
      from = made.paths
      fs.mkdirSync(`${made.top}/e`)
      to = makeNames(from.length, `${made.top}/e/f`)
    },
    work() {
      for (let i = 0; i < from.length; i++) fs.renameSync(from[i] as string, to[i] as string)
    },
    check() {
      for (const path of to) expectBytes(bytesOf(fs, path), smallContent, path)
    },
  }
}

function bytesOf(fs: ProgramFs, path: string): Uint8Array {
  return fs.readFileSync(path) as Uint8Array
}
