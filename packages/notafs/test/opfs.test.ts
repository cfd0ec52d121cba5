/**
 * notafs on the browser's own private files, in a worker of headless Chromium: the slice of the model
 * tests that every format runs there.
 */

import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { MemoryDevice } from '@caravan/device'
import {
  bundleForWorker,
  callWorker,
  seedFromEnvironment,
  systemProgram,
  withPage,
} from '@caravan/testkit'
import { runSlice } from '@caravan/testkit/slice'
import { beforeAll, describe, expect, it } from 'vitest'
import { NotaFS } from '../src/index.js'

const folder = dirname(fileURLToPath(import.meta.url))
const chromium = systemProgram('chromium')

const SLICE = `
import { OpfsDevice } from '@caravan/device/opfs'
import { NotaFS } from '@caravan/notafs'
import { runSlice } from '@caravan/testkit/slice'

const subject = {
  format: (device) => NotaFS.formatSync(device),
  mount: (device) => NotaFS.mountSync(device),
}

async function run({ seed, runs, steps, cutOneIn }) {
  const geometry = { blockSize: 4096, blockCount: 96 }
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

const SUBJECT = {
  format: NotaFS.formatSync,
  mount: (device: MemoryDevice) => NotaFS.mountSync(device),
}

it('the slice in memory: operations, remounts and cuts beside a map', () => {
  const { seed, runs } = seedFromEnvironment(4)
  for (let i = 0; i < runs; i++) {
    const device = new MemoryDevice({ blockSize: 4096, blockCount: 96 })
    const options = { seed: seed + i, steps: 60, cutOneIn: 5 }
    expect(runSlice(SUBJECT as Parameters<typeof runSlice>[0], device, options)).toBeUndefined()
  }
})

describe.skipIf(chromium === undefined)('notafs on OPFS in a worker of Chromium', () => {
  let files: Record<string, string> = {}
  beforeAll(async () => {
    files = {
      'main.js': '',
      'slice.js': await bundleForWorker(SLICE, folder),
    }
  })

  it('operations, remounts and cuts beside a map', { timeout: 600_000 }, async () => {
    const { seed, runs } = seedFromEnvironment(4)
    const outcome = await withPage(
      files,
      (page) => callWorker(page, 'slice.js', { seed, runs, steps: 60, cutOneIn: 5 }),
      { timeoutMs: 30_000 + 10_000 * runs },
    )
    expect(outcome).toBe(`same: ${4096 * 96} bytes`)
  })
})
