/**
 * `npm run memory -- [--files N] [--budget MIB]`: what littlefs takes in memory on a volume of 64 GiB in
 * blocks of 512 bytes, with 100,000 files in one directory and over 1000 directories: made, listed,
 * read, renamed, removed, mounted again. The device is sparse and in memory, and not counted.
 *
 * Exits 1 where more than 64 MiB of `heapUsed` and `arrayBuffers` were held beyond what the process
 * had before.
 */

import { parseArgs } from 'node:util'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { ReferenceFS } from '@caravan/littlefs'
import { SparseMemoryDevice } from '@caravan/testkit'

const MIB = 1024 * 1024
const MOST_BYTES = 64 * MIB
const GEOMETRY = { blockSize: 512, blockCount: 2 ** 27, readSize: 16, progSize: 16 }

/** Calls between two looks at the memory. */
const SAMPLE_CALLS = 2000

const { values } = parseArgs({
  options: { files: { type: 'string' }, budget: { type: 'string' } },
})
const fileCount = Number(values.files ?? 100_000)
const memoryBudget = Number(values.budget ?? 40) * MIB

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

let mostBytes = 0
for (const directoryCount of [1, 1000]) work(directoryCount)
console.log(
  `most ever held: ${inMib(mostBytes)} MiB of ${MOST_BYTES / MIB}, caches bounded at ${memoryBudget / MIB}`,
)
process.exitCode = mostBytes > MOST_BYTES ? 1 : 0

function work(directoryCount: number): void {
  const device = new SparseMemoryDevice(GEOMETRY)
  const before = usedBytes(device)
  console.log(
    `\n${fileCount} files in ${directoryCount} ${directoryCount === 1 ? 'directory' : 'directories'}`,
  )
  ReferenceFS.formatSync(device)
  let fs = ReferenceFS.mountSync(device, { memoryBudget })
  const directory = (i: number) => `/d${i % directoryCount}`
  const path = (i: number) => `${directory(i)}/file${i}`
  const content = (i: number) => new Uint8Array(i % 50 === 0 ? 3000 : 20).fill(i)

  /** So many calls, looked at in between. */
  const step = (name: string, count: number, call: (i: number) => void) => {
    const begin = performance.now()
    let most = 0
    for (let i = 0; i < count; i++) {
      call(i)
      if (i % SAMPLE_CALLS === SAMPLE_CALLS - 1) most = Math.max(most, usedBytes(device) - before)
    }
    most = Math.max(most, usedBytes(device) - before)
    mostBytes = Math.max(mostBytes, most)
    const seconds = ((performance.now() - begin) / 1000).toFixed(1)
    console.log(`  ${name.padEnd(28)}${inMib(most).padStart(8)} MiB held${seconds.padStart(9)} s`)
  }

  const tenth = Math.floor(fileCount / 10)
  step('made', directoryCount + fileCount, (i) => {
    if (i < directoryCount) fs.mkdirSync(directory(i))
    else fs.writeFileSync(path(i - directoryCount), content(i - directoryCount))
  })
  const list = () => {
    let found = 0
    for (let i = 0; i < directoryCount; i++) found += fs.readdirSync(directory(i)).length
    return found
  }
  step('listed', 1, () => expectEqual(list(), fileCount))
  const read = (i: number) => {
    const bytes = fs.readFileSync(path(i))
    expectEqual(bytes.length, content(i).length)
    expectEqual(bytes[bytes.length - 1], i & 0xff)
  }
  step('read', fileCount, read)
  step('a tenth renamed', tenth, (i) =>
    fs.renameSync(path(10 * i), `${directory(10 * i + 1)}/new${i}`),
  )
  step('a tenth removed', tenth, (i) => fs.removeSync(path(10 * i + 5)))
  fs.unmountSync()
  step('mounted again', 1, () => {
    fs = ReferenceFS.mountSync(device, { memoryBudget })
  })
  step('listed', 1, () => expectEqual(list(), fileCount - tenth))
  step('read', tenth, (i) => read(10 * i + 3))
  step('the first write: a scan', 1, () => fs.writeFileSync('/last', content(0)))
  step('space counted', 1, () => expectEqual(fs.dfSync().blockCount, GEOMETRY.blockCount))
  fs.unmountSync()
}

function usedBytes(device: SparseMemoryDevice): number {
  collectGarbage()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers - device.heldBytes
}

function inMib(bytes: number): string {
  return (bytes / MIB).toFixed(1)
}

function expectEqual(found: unknown, expected: unknown): void {
  if (found === expected) return
  throw new Error(`The work went wrong: ${String(found)} was found, ${String(expected)} expected.`)
}
