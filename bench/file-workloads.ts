/** Work on the content of one file. */

import type { FileHandle, LittleFS } from '@caravan/littlefs'
import type { Run } from './row.js'
import {
  cut,
  expectBytes,
  expectCount,
  MEGABYTE,
  makeBytes,
  makeFilesystem,
  makeNumbers,
  type Place,
  scaled,
  type Workload,
} from './workload.js'

export const LARGE_FILE_BYTES = 8 << 20
export const CHUNK_BYTES = 4096
const RANDOM_READS = 2000
const APPENDS = 5000
export const RECORD_BYTES = 64
const OVERWRITTEN_FILE_BYTES = 1 << 20
const OVERWRITES = 200

export const fileWorkloads: readonly Workload[] = [
  { name: 'write 8 MiB', unit: 'MB/s', yardstick: 'copy', traffic: 'all', start: writeLarge },
  {
    name: 'read 8 MiB in 4 KiB chunks',
    unit: 'MB/s',
    yardstick: 'copy',
    start: (place) => readLarge(place, CHUNK_BYTES),
  },
  {
    name: 'read 8 MiB in one call',
    unit: 'MB/s',
    yardstick: 'copy',
    start: (place) => readLarge(place, LARGE_FILE_BYTES),
  },
  { name: '2000 random 4 KiB reads', unit: 'ops/s', yardstick: 'copy', start: readAtRandom },
  {
    name: 'append 64 B and sync',
    unit: 'ops/s',
    yardstick: 'crc',
    traffic: 'all',
    start: appendAndSync,
  },
  {
    name: 'overwrite 64 B in 1 MiB',
    unit: 'ops/s',
    yardstick: 'crc',
    traffic: 'all',
    start: overwrite,
  },
]

function writeLarge(place: Place): Run {
  const content = makeBytes(scaled(place, LARGE_FILE_BYTES), 1)
  const chunks = cut(content, CHUNK_BYTES)
  let fs: LittleFS
  let file: FileHandle
  return {
    amount: content.length / MEGABYTE,
    before() {
      fs = makeFilesystem(place)
      file = fs.openEngineFileSync('/large', { write: true, create: true })
    },
    work() {
      for (let i = 0; i < chunks.length; i++) file.writeSync(chunks[i] as Uint8Array)
      file.closeSync()
    },
    check: () => expectBytes(fs.readFileSync('/large'), content, 'the file written'),
  }
}

/** A file in a fresh filesystem. */
function makeLargeFile(place: Place): { fs: LittleFS; content: Uint8Array } {
  const fs = makeFilesystem(place)
  const content = makeBytes(scaled(place, LARGE_FILE_BYTES), 1)
  fs.writeFileSync('/large', content)
  return { fs, content }
}

function readLarge(place: Place, pieceBytes: number): Run {
  const { fs, content } = makeLargeFile(place)
  const target = new Uint8Array(content.length)
  const pieces = cut(target, pieceBytes)
  return {
    amount: content.length / MEGABYTE,
    work() {
      const file = fs.openEngineFileSync('/large')
      for (let i = 0; i < pieces.length; i++) file.readSync(pieces[i] as Uint8Array)
      file.closeSync()
    },
    check: () => expectBytes(target, content, 'the bytes read'),
  }
}

/** Where in a file of `size` bytes chunks are read. */
export function randomPositions(place: { readonly scale: number }, size: number): number[] {
  const next = makeNumbers(2)
  const last = Math.max(0, size - CHUNK_BYTES)
  return Array.from({ length: scaled(place, RANDOM_READS) }, () => next() % (last + 1))
}

function readAtRandom(place: Place): Run {
  const { fs, content } = makeLargeFile(place)
  const positions = randomPositions(place, content.length)
  const target = new Uint8Array(Math.min(CHUNK_BYTES, content.length))
  const file = fs.openEngineFileSync('/large')
  return {
    amount: positions.length,
    work() {
      for (let i = 0; i < positions.length; i++) {
        file.seek(positions[i] as number)
        file.readSync(target)
      }
    },
    check() {
      const last = positions.at(-1) as number
      expectBytes(target, content.subarray(last, last + target.length), 'the last chunk read')
    },
  }
}

function appendAndSync(place: Place): Run {
  const count = scaled(place, APPENDS)
  const record = makeBytes(RECORD_BYTES, 3)
  let fs: LittleFS
  let file: FileHandle
  return {
    amount: count,
    before() {
      fs = makeFilesystem(place)
      file = fs.openEngineFileSync('/log', { append: true, create: true })
    },
    work() {
      for (let i = 0; i < count; i++) {
        file.writeSync(record)
        file.syncSync()
      }
    },
    check() {
      // What is seen beside the handle that is still open: only what it has synced.
      const content = fs.readFileSync('/log')
      expectCount(content.length, count * RECORD_BYTES, 'bytes in the log')
      for (const found of cut(content, RECORD_BYTES)) expectBytes(found, record, 'a record')
    },
  }
}

function overwrite(place: Place): Run {
  const fs = makeFilesystem(place)
  const content = makeBytes(scaled(place, OVERWRITTEN_FILE_BYTES), 4)
  fs.writeFileSync('/file', content)
  const count = scaled(place, OVERWRITES)
  const middle = content.length >> 1
  const record = makeBytes(RECORD_BYTES, 5)
  return {
    amount: count,
    work() {
      for (let i = 0; i < count; i++) {
        const file = fs.openEngineFileSync('/file', { read: true, write: true })
        file.seek(middle)
        file.writeSync(record)
        file.closeSync()
      }
    },
    check() {
      const expected = content.slice()
      expected.set(record, middle)
      expectBytes(fs.readFileSync('/file'), expected, 'the file overwritten')
    },
  }
}
