/** The package as it is built, bundled for the browser, in headless Chromium. */

import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { bundleForBrowser, systemProgram, withPage } from '@caravan/testkit'
import { describe, expect, it } from 'vitest'
import { imageOf, manifestOf, sha256 } from './golden-images.js'

const folder = dirname(fileURLToPath(import.meta.url))
const chromium = systemProgram('chromium')

/** Loads the image that the page is served with; then formats, writes and reads one in memory. */
const USE_OF_IMAGES = `
import { MemoryDevice } from '@caravan/device'
import { LittleFS } from '@caravan/littlefs'

async function sha256(bytes: Uint8Array): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))
  return [...digest].map((byte) => byte.toString(16).padStart(2, '0')).join('')
}

async function openGolden() {
  const image = new Uint8Array(await (await fetch('/image.bin')).arrayBuffer())
  const fs = await LittleFS.mount(new MemoryDevice(image), { readOnly: true })
  const entries = []
  for await (const { path, type, size } of fs.walk()) {
    const content = type === 'file' ? await sha256(fs.readFileSync(path)) : null
    entries.push({ path, type: type === 'file' ? 'reg' : 'dir', size, sha256: content })
  }
  return { entries, top: await fs.readdir('/'), blockSize: fs.info().blockSize }
}

async function makeOne() {
  const device = new MemoryDevice({ blockSize: 512, blockCount: 64 })
  await LittleFS.format(device)
  const fs = await LittleFS.mount(device)
  await fs.mkdir('/a/b', { recursive: true })
  await fs.writeFile('/a/b/text', 'gr\\u00fcezi')
  fs.writeFileSync('/large', new Uint8Array(9000).fill(7))
  const handle = await fs.openEngineFile('/large', { write: true })
  handle.seek(8990)
  await handle.write(new Uint8Array(20).fill(8))
  await handle.close()
  await fs.unmount()
  const again = LittleFS.mountSync(new MemoryDevice(device.bytes))
  return {
    text: again.readFileSync('/a/b/text', 'utf8'),
    large: await sha256(again.readFileSync('/large')),
    names: again.readdirSync('/', { recursive: true }),
    missing: await again.readFile('/none').catch((error) => error.code),
  }
}

globalThis.outcome = Promise.all([openGolden(), makeOne()]).then(
  ([golden, made]) => ({ golden, made }),
  (error) => ({ error: String(error.stack) }),
)
`

describe.skipIf(chromium === undefined)('littlefs in Chromium', () => {
  it('opens the image of an ESP32, and makes one: field-esp-idf-2.1', async () => {
    const main = await bundleForBrowser({ code: USE_OF_IMAGES, folder })
    const files = { 'main.js': main, 'image.bin': imageOf('field-esp-idf-2.1') }
    const outcome = await withPage(files, async (page) => {
      await page.waitForFunction('globalThis.outcome')
      return page.evaluate('globalThis.outcome')
    })
    const large = new Uint8Array(9010).fill(7, 0, 8990).fill(8, 8990)
    const { entries } = manifestOf('field-esp-idf-2.1')
    const expected = entries?.map(({ path, type, size, sha256 }) => ({ path, type, size, sha256 }))
    expect(outcome).toEqual({
      golden: {
        entries: expect.arrayContaining(expected ?? []),
        top: expect.any(Array),
        blockSize: 4096,
      },
      made: {
        text: 'grüezi',
        large: sha256(large),
        names: ['a', 'large', 'a/b', 'a/b/text'],
        missing: 'ENOENT',
      },
    })
    const { golden } = outcome as { golden: { entries: unknown[] } }
    expect(golden.entries).toHaveLength(expected?.length ?? 0)
  })
})
