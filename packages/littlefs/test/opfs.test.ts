/**
 * littlefs on the browser's own private files, in a worker of headless Chromium: the slice of the
 * model tests that every format runs there, and what the device says of other tabs.
 */

import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  bundleForBrowser,
  bundleForWorker,
  callWorker,
  type SliceSubject,
  sameOnOpfs,
  sliceInMemory,
  sliceOnOpfs,
  systemProgram,
  withPage,
} from '@caravan/testkit'
import { beforeAll, describe, expect, it } from 'vitest'
import { LittleFS } from '../src/index.js'

const folder = dirname(fileURLToPath(import.meta.url))
const chromium = systemProgram('chromium')

const ON_OPFS = {
  packageName: '@caravan/littlefs',
  className: 'LittleFS',
  folder,
  blockCount: 48,
}

const CALLS = `
import { OpfsDevice } from '@caravan/device/opfs'
import { LittleFS } from '@caravan/littlefs'

async function run({ path, options, write, read }) {
  try {
    const device = await OpfsDevice.open(path, options)
    if (write !== undefined) {
      await LittleFS.format(device)
      const fs = await LittleFS.mount(device)
      await fs.writeFile('/name', write)
      await fs.unmount()
    }
    if (read) return (await LittleFS.mount(device)).readFileSync('/name', 'utf8')
    return 'opened'
  } catch (error) {
    return { name: error.name, code: error.code, message: error.message }
  }
}
`

it('the slice in memory: operations, remounts and cuts beside a map', () => {
  const subject = { format: LittleFS.formatSync, mount: LittleFS.mountSync }
  expect(sliceInMemory(subject as SliceSubject, ON_OPFS.blockCount)).toBeUndefined()
})

describe.skipIf(chromium === undefined)('littlefs on OPFS in a worker of Chromium', () => {
  let files: Record<string, string> = {}
  beforeAll(async () => {
    files = {
      'main.js': await pageModule(),
      'calls.js': await bundleForWorker(CALLS, folder),
    }
  })

  it('operations, remounts and cuts beside a map', { timeout: 600_000 }, async () => {
    expect(await sliceOnOpfs(ON_OPFS)).toBe(sameOnOpfs(ON_OPFS))
  })

  it('what one worker wrote the next one reads; while one has it, others are refused', async () => {
    await withPage(files, async (page) => {
      const path = 'images/flash.img'
      const create = { create: true, sizeBytes: 65_536 }
      const call = (argument: object, keep = false) =>
        callWorker(page, 'calls.js', { path, ...argument }, { keep })
      expect(await call({ options: {} })).toMatchObject({ name: 'DeviceError', code: 'NOT_FOUND' })
      expect(await call({ options: create, write: 'Ada' })).toBe('opened')
      expect(await call({ options: {}, read: true }, true)).toBe('Ada')
      const refused = await call({ options: {} })
      expect(refused).toMatchObject({ name: 'DeviceError', code: 'LOCKED' })
      expect(refused).toHaveProperty('message', expect.stringContaining('in this or another tab'))
      // A page itself has no access that answers at once.
      await page.waitForFunction('globalThis.outcome')
      expect(await page.evaluate('globalThis.outcome')).toBe('UNSUPPORTED')
    })
  })
})

/** The same call from the page itself. */
function pageModule(): Promise<string> {
  const code = `
import { OpfsDevice } from '@caravan/device/opfs'
globalThis.outcome = OpfsDevice.open('x', { create: true, sizeBytes: 512 }).then(
  () => 'opened',
  (error) => error.code,
)`
  return bundleForBrowser({ code, folder })
}
