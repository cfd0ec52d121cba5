/** The promise form of some workloads: for devices that answer later, and for what promises cost. */

import { type FileHandle, LittleFS } from '@caravan/littlefs'
import { CHUNK_BYTES, LARGE_FILE_BYTES, randomPositions } from './file-workloads.js'
import type { Run } from './row.js'
import {
  cut,
  expectBytes,
  expectCount,
  MEGABYTE,
  makeBytes,
  makeNames,
  type Place,
  SMALL_FILE_BYTES,
  scaled,
  type Workload,
} from './workload.js'

/** Named as their synchronous forms. */
export const promiseWorkloads: readonly Workload[] = [
  { name: 'write 8 MiB', unit: 'MB/s', yardstick: 'copy', start: writeLarge },
  { name: 'read 8 MiB in 4 KiB chunks', unit: 'MB/s', yardstick: 'copy', start: readLarge },
  { name: '2000 random 4 KiB reads', unit: 'ops/s', yardstick: 'copy', start: readAtRandom },
  { name: 'create 1000 files', unit: 'ops/s', yardstick: 'crc', start: create },
  { name: 'stat each of 1000', unit: 'ops/s', yardstick: 'crc', start: statEach },
]

async function makeFilesystem({ device, options }: Place): Promise<LittleFS> {
  await LittleFS.format(device, options)
  return LittleFS.mount(device, options)
}

function writeLarge(place: Place): Run {
  const content = makeBytes(scaled(place, LARGE_FILE_BYTES), 1)
  const chunks = cut(content, CHUNK_BYTES)
  let fs: LittleFS
  let file: FileHandle
  return {
    amount: content.length / MEGABYTE,
    async before() {
      fs = await makeFilesystem(place)
      file = await fs.openEngineFile('/large', { write: true, create: true })
    },
    async work() {
      for (const chunk of chunks) await file.write(chunk)
      await file.close()
    },
    check: async () => expectBytes(await fs.readFile('/large'), content, 'the file written'),
  }
}

async function makeLargeFile(place: Place): Promise<{ fs: LittleFS; content: Uint8Array }> {
  const fs = await makeFilesystem(place)
  const content = makeBytes(scaled(place, LARGE_FILE_BYTES), 1)
  await fs.writeFile('/large', content)
  return { fs, content }
}

async function readLarge(place: Place): Promise<Run> {
  const { fs, content } = await makeLargeFile(place)
  const target = new Uint8Array(content.length)
  const pieces = cut(target, CHUNK_BYTES)
  return {
    amount: content.length / MEGABYTE,
    async work() {
      const file = await fs.openEngineFile('/large')
      for (const piece of pieces) await file.read(piece)
      await file.close()
    },
    check: () => expectBytes(target, content, 'the bytes read'),
  }
}

async function readAtRandom(place: Place): Promise<Run> {
  const { fs, content } = await makeLargeFile(place)
  const positions = randomPositions(place, content.length)
  const target = new Uint8Array(Math.min(CHUNK_BYTES, content.length))
  const file = await fs.openEngineFile('/large')
  return {
    amount: positions.length,
    async work() {
      for (const position of positions) {
        file.seek(position)
        await file.read(target)
      }
    },
    check() {
      const last = positions.at(-1) as number
      expectBytes(target, content.subarray(last, last + target.length), 'the last chunk read')
    },
  }
}

function create(place: Place): Run {
  const paths = makeNames(scaled(place, 1000), '/d/f')
  const content = makeBytes(SMALL_FILE_BYTES, 6)
  let fs: LittleFS
  return {
    amount: paths.length,
    async before() {
      fs = await makeFilesystem(place)
      await fs.mkdir('/d')
    },
    async work() {
      for (const path of paths) await fs.writeFile(path, content)
    },
    async check() {
      expectCount((await fs.readdir('/d')).length, paths.length, 'files made')
      for (const path of paths) expectBytes(await fs.readFile(path), content, path)
    },
  }
}

async function statEach(place: Place): Promise<Run> {
  const made = create(place)
  await made.before?.()
  await made.work()
  const fs = await LittleFS.mount(place.device, place.options)
  const paths = makeNames(scaled(place, 1000), '/d/f')
  let sum = 0
  return {
    amount: paths.length,
    async work() {
      sum = 0
      for (const path of paths) sum += (await fs.stat(path)).size
    },
    check: () => expectCount(sum, paths.length * SMALL_FILE_BYTES, 'the sum of the sizes'),
  }
}
