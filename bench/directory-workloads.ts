/** Work on many small files. */

import type { LittleFS } from '@caravan/littlefs'
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

const SIZES = [100, 1000, 10_000] as const
const SPREAD_DIRECTORIES = 50

export const directoryWorkloads: readonly Workload[] = [
  ...SIZES.map(
    (count): Workload => ({
      name: `create ${count} files`,
      unit: 'ops/s',
      yardstick: 'crc',
      ...(count === 1000 ? { traffic: 'all' as const } : {}),
      start: (place) => create(place, count, 0),
    }),
  ),
  ...SIZES.map(
    (count): Workload => ({
      name: `stat each of ${count}`,
      unit: 'ops/s',
      yardstick: 'crc',
      start: (place) => statEach(place, count),
    }),
  ),
  ...SIZES.map(
    (count): Workload => ({
      name: `open and read each of ${count}`,
      unit: 'ops/s',
      yardstick: 'crc',
      start: (place) => readEach(place, count),
    }),
  ),
  ...[1000, 10_000].map(
    (count): Workload => ({
      name: `list ${count}`,
      unit: 'entries/s',
      yardstick: 'crc',
      start: (place) => list(place, count),
    }),
  ),
  {
    name: 'create 1000 files in 50 directories',
    unit: 'ops/s',
    yardstick: 'crc',
    start: (place) => create(place, 1000, SPREAD_DIRECTORIES),
  },
  {
    name: 'rename 1000 files',
    unit: 'ops/s',
    yardstick: 'crc',
    traffic: 'work',
    start: (place) => renameEach(place, 1000),
  },
]

/** Between and beyond the sizes of the reference: for graphs of cost against size. */
export const growthWorkloads: readonly Workload[] = [300, 3000, 30_000].flatMap((count) => [
  {
    name: `create ${count} files`,
    unit: 'ops/s',
    yardstick: 'crc',
    start: (place) => create(place, count, 0),
  } satisfies Workload,
  {
    name: `stat each of ${count}`,
    unit: 'ops/s',
    yardstick: 'crc',
    start: (place) => statEach(place, count),
  } satisfies Workload,
  {
    name: `list ${count}`,
    unit: 'entries/s',
    yardstick: 'crc',
    start: (place) => list(place, count),
  } satisfies Workload,
])

const content = makeBytes(SMALL_FILE_BYTES, 6)

/** Files in one directory, or in turn in each of `directoryCount`, which are there before. */
function create(place: Place, fullCount: number, directoryCount: number): Run {
  const count = scaled(place, fullCount)
  const directories = makeNames(directoryCount || 1, '/d')
  const paths = makeNames(count, '/f').map(
    (name, i) => `${directories[i % directories.length]}${name}`,
  )
  let fs: LittleFS
  return {
    amount: count,
    before() {
      fs = makeFilesystem(place)
      for (const directory of directories) fs.mkdirSync(directory)
    },
    work() {
      for (let i = 0; i < count; i++) fs.writeFileSync(paths[i] as string, content)
    },
    check() {
      const listed = directories.map((directory) => fs.readdirSync(directory).length)
      const sum = listed.reduce((a, b) => a + b, 0)
      expectCount(sum, count, 'files made')
      for (const path of paths) expectBytes(fs.readFileSync(path), content, path)
    },
  }
}

/** A fresh filesystem with `fullCount` files, at scale, in the directory `/d`. */
function makeFlatDirectory(place: Place, fullCount: number) {
  const fs = makeFilesystem(place)
  fs.mkdirSync('/d')
  const paths = makeNames(scaled(place, fullCount), '/d/f')
  for (const path of paths) fs.writeFileSync(path, content)
  return { fs, paths }
}

function statEach(place: Place, fullCount: number): Run {
  const { fs, paths } = makeFlatDirectory(place, fullCount)
  let sum = 0
  return {
    amount: paths.length,
    work() {
      sum = 0
      for (let i = 0; i < paths.length; i++) sum += fs.statSync(paths[i] as string).size
    },
    check: () => expectCount(sum, paths.length * SMALL_FILE_BYTES, 'the sum of the sizes'),
  }
}

function readEach(place: Place, fullCount: number): Run {
  const { fs, paths } = makeFlatDirectory(place, fullCount)
  const target = new Uint8Array(SMALL_FILE_BYTES)
  let sum = 0
  return {
    amount: paths.length,
    work() {
      sum = 0
      for (let i = 0; i < paths.length; i++) {
        const file = fs.openEngineFileSync(paths[i] as string)
        sum += file.readSync(target)
        file.closeSync()
      }
    },
    check() {
      expectCount(sum, paths.length * SMALL_FILE_BYTES, 'bytes read')
      expectBytes(target, content, 'the last file read')
    },
  }
}

function list(place: Place, fullCount: number): Run {
  const { fs, paths } = makeFlatDirectory(place, fullCount)
  let names: string[] = []
  return {
    amount: paths.length,
    work() {
      // With types: the reference's listing says them too.
      names = fs.readdirSync('/d', { withFileTypes: true }).map(({ name }) => name)
    },
    check() {
      expectCount(names.length, paths.length, 'names listed')
      expectCount(new Set(names).size, paths.length, 'different names listed')
    },
  }
}

function renameEach(place: Place, fullCount: number): Run {
  const names = makeNames(scaled(place, fullCount), '/f')
  const from = names.map((name) => `/a${name}`)
  const to = names.map((name) => `/b${name}`)
  let fs: LittleFS
  return {
    amount: names.length,
    before() {
      fs = makeFilesystem(place)
      fs.mkdirSync('/a')
      fs.mkdirSync('/b')
      for (const path of from) fs.writeFileSync(path, content)
    },
    work() {
      for (let i = 0; i < from.length; i++) fs.renameSync(from[i] as string, to[i] as string)
    },
    check() {
      expectCount(fs.readdirSync('/a').length, 0, 'files left')
      for (const path of to) expectBytes(fs.readFileSync(path), content, path)
    },
  }
}
