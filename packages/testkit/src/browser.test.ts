import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { bundleForBrowser, withPage } from './browser.js'
import { systemProgram } from './system.js'

const folder = dirname(fileURLToPath(import.meta.url))
const chromium = systemProgram('chromium')

/** What a page does with a device in memory: write, read back, and an error that keeps its class. */
const USE_OF_A_DEVICE = `
import { DeviceError, run, runSync, type Op } from '@caravan/core'
import { MemoryDevice } from '@caravan/device'

function* copy(bytes: Uint8Array): Op<Uint8Array> {
  yield { kind: 'erase', blocks: [1] }
  yield { kind: 'prog', spans: [{ block: 1, offset: 0, bytes }] }
  yield { kind: 'sync' }
  const back = new Uint8Array(bytes.length)
  yield { kind: 'read', spans: [{ block: 1, offset: 0, bytes: back }] }
  return back
}

function* readBlock(block: number): Op<void> {
  yield { kind: 'read', spans: [{ block, offset: 0, bytes: new Uint8Array(16) }] }
}

const device = new MemoryDevice({ blockSize: 512, blockCount: 4 })
const text = new TextDecoder().decode(runSync(copy(new TextEncoder().encode('sixteen bytes ok')), device))
const failure = await run(readBlock(4), device).then(String, (error) => error)
globalThis.outcome = { text, code: failure instanceof DeviceError ? failure.code : String(failure) }
`

describe('bundleForBrowser', () => {
  it('refuses what only Node has', async () => {
    const code = `import { readFileSync } from 'node:fs'\nreadFileSync('x')`
    await expect(bundleForBrowser({ code, folder })).rejects.toThrow(/node:fs/)
  })
})

describe.skipIf(chromium === undefined)('a page in Chromium', () => {
  it('runs an operation on a device in memory', async () => {
    const main = await bundleForBrowser({ code: USE_OF_A_DEVICE, folder })
    const outcome = await withPage({ 'main.js': main }, async (page) => {
      await page.waitForFunction('globalThis.outcome')
      return page.evaluate('globalThis.outcome')
    })
    expect(outcome).toEqual({ text: 'sixteen bytes ok', code: 'OUT_OF_RANGE' })
  })

  it('serves bytes, and only what it was given', async () => {
    const bytes = Uint8Array.of(0, 255, 10, 13)
    const answer = await withPage({ 'main.js': '', 'image.bin': bytes }, (page) =>
      page.evaluate(`(async () => ({
        bytes: [...new Uint8Array(await (await fetch('/image.bin')).arrayBuffer())],
        other: (await fetch('/other')).status,
      }))()`),
    )
    expect(answer).toEqual({ bytes: [0, 255, 10, 13], other: 404 })
  })

  it('fails where the page does', async () => {
    const main = `setTimeout(() => { throw new TypeError('the page is broken') }, 10)`
    const never = withPage({ 'main.js': main }, (page) => page.waitForFunction('globalThis.never'))
    await expect(never).rejects.toThrow(/the page is broken/)
  })

  it('ends in bounded time', async () => {
    const stuck = withPage({ 'main.js': '' }, () => new Promise(() => {}), { timeoutMs: 3_000 })
    await expect(stuck).rejects.toThrow(/longer than 3000 ms/)
  })
})
