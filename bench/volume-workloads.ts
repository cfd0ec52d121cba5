/** Work on a filesystem as a whole. */

import { MemoryDevice } from '@caravan/device'
import { buildImage, LittleFS } from '@caravan/littlefs'
import type { Run } from './row.js'
import {
  expectBytes,
  expectCount,
  makeBytes,
  makeFilesystem,
  makeNames,
  type Place,
  SMALL_FILE_BYTES,
  scaled,
  type Workload,
} from './workload.js'

const FULL_DIRECTORIES = 20
const FULL_FILES = 50
const FULL_FILE_BYTES = 48 << 10

const PACK_BLOCKS = 1024
const PACK_FILES = 500
const PACK_DIRECTORIES = 25

export const volumeWorkloads: readonly Workload[] = [
  { name: 'mount', unit: 'mounts/s', yardstick: 'crc', start: mount },
  { name: 'first write after mount', unit: 'ops/s', yardstick: 'crc', start: writeFirst },
  { name: 'df', unit: 'ops/s', yardstick: 'crc', start: df },
  {
    name: 'first df after mount',
    unit: 'ops/s',
    yardstick: 'crc',
    reference: 'df',
    start: dfFirst,
  },
  {
    name: 'pack 500 files',
    unit: 'packs/s',
    yardstick: 'crc',
    traffic: 'all',
    blockCount: PACK_BLOCKS,
    start: pack,
  },
  {
    name: 'pack 500 files at once',
    unit: 'packs/s',
    yardstick: 'crc',
    blockCount: PACK_BLOCKS,
    start: packAtOnce,
  },
  {
    name: 'read 500 files back',
    unit: 'times/s',
    yardstick: 'crc',
    blockCount: PACK_BLOCKS,
    start: readBack,
  },
]

/** 48 MiB of 64 in 1000 files; unmounted. */
function fillVolume(place: Place): void {
  const fs = makeFilesystem(place)
  const content = makeBytes(scaled(place, FULL_FILE_BYTES), 7)
  for (const directory of makeNames(FULL_DIRECTORIES, '/d')) {
    fs.mkdirSync(directory)
    for (const name of makeNames(scaled(place, FULL_FILES), '/f')) {
      fs.writeFileSync(directory + name, content)
    }
  }
  fs.unmountSync()
}

function expectFullVolume(fs: LittleFS, place: Place): void {
  expectCount(fs.readdirSync('/').length, FULL_DIRECTORIES, 'directories')
  const size = fs.statSync('/d00000/f00000').size
  expectCount(size, scaled(place, FULL_FILE_BYTES), 'bytes in a file')
}

function mount(place: Place): Run {
  fillVolume(place)
  return {
    amount: 1,
    work: () => LittleFS.mountSync(place.device, place.options).unmountSync(),
    check: () => expectFullVolume(LittleFS.mountSync(place.device, place.options), place),
  }
}

function writeFirst(place: Place): Run {
  fillVolume(place)
  const content = makeBytes(SMALL_FILE_BYTES, 8)
  let fs: LittleFS
  return {
    amount: 1,
    before() {
      fs = LittleFS.mountSync(place.device, place.options)
      fs.rmSync('/first', { force: true })
      fs.unmountSync()
      fs = LittleFS.mountSync(place.device, place.options)
    },
    work: () => fs.writeFileSync('/first', content),
    check() {
      expectBytes(fs.readFileSync('/first'), content, 'the file written first')
      fs.rmSync('/first')
      expectFullVolume(fs, place)
    },
  }
}

function df(place: Place): Run {
  fillVolume(place)
  const fs = LittleFS.mountSync(place.device, place.options)
  let usedBlocks = 0
  return {
    amount: 1,
    work() {
      usedBlocks = fs.dfSync().usedBlocks
    },
    check: () => expectCount(usedBlocks, fs.blockUseSync().length, 'blocks used'),
  }
}

function dfFirst(place: Place): Run {
  fillVolume(place)
  let fs: LittleFS
  let usedBlocks = 0
  return {
    amount: 1,
    before() {
      fs = LittleFS.mountSync(place.device, place.options)
    },
    work() {
      usedBlocks = fs.dfSync().usedBlocks
    },
    check: () => expectCount(usedBlocks, fs.blockUseSync().length, 'blocks used'),
  }
}

interface PackedFile {
  readonly path: string
  readonly data: Uint8Array
}

/** 500 files of 40 or 10,470 bytes over 25 directories: 3 MiB. */
function filesToPack(place: Place): { directories: string[]; files: PackedFile[] } {
  const directories = makeNames(PACK_DIRECTORIES, '/d')
  const files = makeNames(scaled(place, PACK_FILES), '/f').map((name, i) => ({
    path: `${directories[i % PACK_DIRECTORIES]}${name}`,
    data: makeBytes(i % 5 < 2 ? 40 : 10_470, i),
  }))
  return { directories, files }
}

function packInto(place: Place, directories: readonly string[], files: readonly PackedFile[]) {
  const fs = makeFilesystem(place)
  for (const directory of directories) fs.mkdirSync(directory)
  for (const { path, data } of files) fs.writeFileSync(path, data)
  fs.unmountSync()
}

function expectPacked(fs: LittleFS, directories: readonly string[], files: readonly PackedFile[]) {
  expectCount(fs.readdirSync('/').length, directories.length, 'directories')
  for (const { path, data } of files) expectBytes(fs.readFileSync(path), data, path)
}

function pack(place: Place): Run {
  const { directories, files } = filesToPack(place)
  return {
    amount: 1,
    work: () => packInto(place, directories, files),
    check() {
      expectPacked(LittleFS.mountSync(place.device, place.options), directories, files)
    },
  }
}

/** The same tree by the bulk builder, into the same memory each time, as the reference packs. */
function packAtOnce(place: Place): Run {
  const { directories, files } = filesToPack(place)
  const entries = [...directories.map((path) => ({ path })), ...files]
  const { blockSize, blockCount, progSize } = place.device.geometry
  const image = new Uint8Array(blockSize * blockCount)
  const options = { ...place.options, blockSize, blockCount, progSize, into: image }
  return {
    amount: 1,
    async work() {
      await buildImage(entries, options)
    },
    check() {
      const device = new MemoryDevice(image, { blockSize, progSize })
      expectPacked(LittleFS.mountSync(device, place.options), directories, files)
    },
  }
}

/** Mounts, and reads every file into a buffer of its size. */
function readBack(place: Place): Run {
  const { directories, files } = filesToPack(place)
  packInto(place, directories, files)
  const targets = files.map(({ data }) => new Uint8Array(data.length))
  return {
    amount: 1,
    work() {
      const fs = LittleFS.mountSync(place.device, place.options)
      for (let i = 0; i < files.length; i++) {
        const file = fs.openEngineFileSync((files[i] as PackedFile).path)
        file.readSync(targets[i] as Uint8Array)
        file.closeSync()
      }
      fs.unmountSync()
    },
    check() {
      for (const [i, { path, data }] of files.entries()) {
        expectBytes(targets[i] as Uint8Array, data, path)
      }
    },
  }
}
