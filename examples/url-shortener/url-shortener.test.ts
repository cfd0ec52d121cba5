import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { FileDevice } from '@caravan/device/node'
import { LittleFS } from '@caravan/littlefs'
import { systemProgram, withPage } from '@caravan/testkit'
import { afterAll, afterEach, describe, expect, test } from 'vitest'
import { escapeHtml, page } from './pages.js'

const scratch = mkdtempSync(join(tmpdir(), 'caravan-shortener-'))
afterAll(() => rmSync(scratch, { recursive: true }))

const main = fileURLToPath(new URL('dist/main.js', import.meta.url))
const started = new Set<ChildProcess>()
afterEach(() => {
  for (const child of started) child.kill('SIGKILL')
  started.clear()
})

/** The service as a process of its own, at a port that the system picks. */
async function start(image: string): Promise<{ child: ChildProcess; url: string }> {
  const child = spawn(process.execPath, [main, image, '0'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  started.add(child)
  const lines = createInterface({ input: child.stdout as NonNullable<typeof child.stdout> })
  const [line] = (await once(lines, 'line')) as [string]
  return { child, url: line.replace('listening on ', '') }
}

async function stop(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  const ended = once(child, 'exit')
  child.kill(signal)
  await ended
  started.delete(child)
}

async function shorten(url: string, address: string, name = ''): Promise<Response> {
  return fetch(url, { method: 'POST', body: new URLSearchParams({ address, name }) })
}

async function follow(url: string, name: string): Promise<string | null> {
  const response = await fetch(new URL(name, url), { redirect: 'manual' })
  return response.headers.get('location')
}

test('shortens, redirects, refuses, and stops when told to', async () => {
  const image = join(scratch, 'plain.img')
  const { child, url } = await start(image)
  expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/$/)
  expect((await shorten(url, 'https://example.org/long?a=b&c=d', 'mine')).status).toBe(201)
  expect(await follow(url, 'mine')).toBe('https://example.org/long?a=b&c=d')
  expect((await shorten(url, 'https://example.org/other', 'mine')).status).toBe(400)
  expect(await follow(url, 'mine')).toBe('https://example.org/long?a=b&c=d')
  for (const [address, name] of [
    ['javascript:alert(1)', ''],
    ['nothing', ''],
    ['https://example.org', '../x'],
    ['https://example.org', 'a b'],
  ] as const) {
    expect((await shorten(url, address, name)).status).toBe(400)
  }
  expect((await shorten(url, `https://example.org/${'x'.repeat(10_000)}`)).status).toBe(413)
  expect((await fetch(new URL('nobody', url))).status).toBe(404)
  expect((await fetch(url, { method: 'DELETE' })).status).toBe(405)
  const rush = await Promise.all(
    [1, 2, 3, 4].map((i) => shorten(url, `https://x.org/${i}`, 'rush')),
  )
  expect(rush.filter(({ status }) => status === 201)).toHaveLength(1)
  await stop(child, 'SIGTERM')
  const again = await start(image)
  expect(await follow(again.url, 'mine')).toBe('https://example.org/long?a=b&c=d')
  await stop(again.child, 'SIGTERM')
})

test('killed at any moment, it keeps every link that it answered for', async () => {
  const image = join(scratch, 'killed.img')
  const kept = new Map<string, string>()
  for (let round = 0; round < 6; round++) {
    const { child, url } = await start(image)
    for (const [name, address] of kept) expect(await follow(url, name)).toBe(address)
    let isRunning = true
    const visitors = [0, 1, 2].map(async (visitor) => {
      for (let i = 0; isRunning; i++) {
        const name = `r${round}v${visitor}n${i}`
        const address = `https://example.org/${name}/${'x'.repeat((i * 37) % 300)}`
        try {
          const response = await shorten(url, address, name)
          if (response.status === 201) kept.set(name, address)
        } catch {
          // The connection broke: whether this one was kept is not known.
          return
        }
      }
    })
    await new Promise((resolve) => setTimeout(resolve, 60 + round * 47))
    await stop(child, 'SIGKILL')
    isRunning = false
    await Promise.all(visitors)
  }
  expect(kept.size).toBeGreaterThan(10)
  const device = await FileDevice.open(image, { readOnly: true, blockSize: 4096 })
  const store = (await LittleFS.mount(device)).keyValue()
  for (const [name, address] of kept) {
    expect(new TextDecoder().decode(await store.get(`/links/${name}`))).toBe(address)
  }
  await device.close()
}, 60_000)

test('a file that holds something else is left as it is', async () => {
  const image = join(scratch, 'other.img')
  const device = await FileDevice.open(image, { create: true, sizeBytes: 1 << 20, blockSize: 4096 })
  await device.prog([{ block: 0, offset: 0, bytes: new Uint8Array(4096).fill(7) }])
  await device.close()
  const child = spawn(process.execPath, [main, image, '0'], { stdio: 'ignore' })
  started.add(child)
  const [code] = await once(child, 'exit')
  expect(code).toBe(1)
})

describe('pages', () => {
  test('nothing of a visitor is taken for markup', () => {
    expect(escapeHtml(`<a href="x" title='y'>&`)).toBe(
      '&lt;a href=&quot;x&quot; title=&#39;y&#39;&gt;&amp;',
    )
    const text = page({ links: [['n', 'https://x/<script>']], refused: '<b>' })
    expect(text).not.toContain('<script>')
    expect(text).not.toContain('<b>')
  })
})

describe.skipIf(systemProgram('chromium') === undefined)('in a browser', () => {
  test('the form shortens an address, and the link leads there', async () => {
    const { child, url } = await start(join(scratch, 'browser.img'))
    await withPage({}, async (browser) => {
      await browser.goto(url)
      const address = `${url}?this=is&the=target`
      await browser.getByLabel('Address').fill(address)
      await browser.getByRole('button').click()
      const link = browser.locator('#added')
      const name = (await link.textContent()) ?? ''
      expect(name).toMatch(/^\/[a-z0-9]{6}$/)
      expect(await browser.getByRole('listitem').count()).toBe(1)
      await link.click()
      await browser.waitForURL(address)
      // A name of one's own, and one that is taken.
      for (const expected of ['status', 'alert'] as const) {
        await browser.goto(url)
        await browser.getByLabel('Address').fill('https://example.org/')
        await browser.getByLabel('Name').fill('own')
        await browser.getByRole('button').click()
        expect(await browser.getByRole(expected).count()).toBe(1)
      }
    })
    await stop(child, 'SIGTERM')
  }, 60_000)
})
