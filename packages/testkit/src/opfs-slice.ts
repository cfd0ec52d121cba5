/**
 * The slice of the model tests on the browser's own private files, in a worker of headless Chromium:
 * the same for every format that is written there.
 */

import { MemoryDevice } from '@caravan/device'
import { bundleForWorker, callWorker, withPage } from './browser.js'
import { seedFromEnvironment } from './seeds.js'
import { runSlice, type SliceSubject } from './slice/index.js'

const STEPS = 60
const CUT_ONE_IN = 5
const RUNS = 4
const BLOCK_BYTES = 4096

/** A filesystem's class, as a worker imports it. */
export interface OpfsSubject {
  /** `@caravan/littlefs`. */
  readonly packageName: string
  /** `LittleFS`. */
  readonly className: string
  /** Where the package is found from. */
  readonly folder: string
  readonly blockCount: number
}

/** The slice on a device in memory. @returns the first difference. */
export function sliceInMemory(subject: SliceSubject, blockCount: number): string | undefined {
  const { seed, runs } = seedFromEnvironment(RUNS)
  for (let i = 0; i < runs; i++) {
    const device = new MemoryDevice({ blockSize: BLOCK_BYTES, blockCount })
    const options = { seed: seed + i, steps: STEPS, cutOneIn: CUT_ONE_IN }
    const difference = runSlice(subject, device, options)
    if (difference !== undefined) return difference
  }
  return undefined
}

/** @returns the first difference; else `same`, with the bytes of the file that is left. */
export async function sliceOnOpfs(subject: OpfsSubject): Promise<unknown> {
  const { seed, runs } = seedFromEnvironment(RUNS)
  const files = {
    'main.js': '',
    'slice.js': await bundleForWorker(codeOf(subject), subject.folder),
  }
  const asked = { seed, runs, steps: STEPS, cutOneIn: CUT_ONE_IN }
  return withPage(files, (page) => callWorker(page, 'slice.js', asked), {
    timeoutMs: 30_000 + 10_000 * runs,
  })
}

/** What {@link sliceOnOpfs} ends with where all is well. */
export function sameOnOpfs({ blockCount }: Pick<OpfsSubject, 'blockCount'>): string {
  return `same: ${BLOCK_BYTES * blockCount} bytes`
}

function codeOf({ packageName, className, blockCount }: OpfsSubject): string {
  return `
import { OpfsDevice } from '@caravan/device/opfs'
import { ${className} } from '${packageName}'
import { runSlice } from '@caravan/testkit/slice'

const subject = {
  format: (device) => ${className}.formatSync(device),
  mount: (device) => ${className}.mountSync(device),
}

async function run({ seed, runs, steps, cutOneIn }) {
  const geometry = { blockSize: ${BLOCK_BYTES}, blockCount: ${blockCount} }
  for (let i = 0; i < runs; i++) {
    const device = await OpfsDevice.open('slice.img', { ...geometry, create: true })
    const difference = runSlice(subject, device, { seed: seed + i, steps, cutOneIn })
    device.close()
    if (difference !== undefined) return difference
  }
  // What was written is a file, and is there for the next worker.
  const device = await OpfsDevice.open('slice.img', { readOnly: true })
  return 'same: ' + device.geometry.blockCount * device.geometry.blockSize + ' bytes'
}
`
}
