/**
 * A page in headless Chromium, for tests of what caravan does in a browser.
 *
 * 1. The page is served from memory on loopback, at a port that the system picks.
 * 2. The browser is one process of this call's own, ended by its id, whatever the test did.
 * 3. Nothing waits for ever: not for the browser, and not for the test.
 */

import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { build } from 'esbuild'
import { chromium, type Page } from 'playwright-core'
import { systemProgram } from './system.js'

/** Content by name: `index.html`, `main.js`, `image.bin`... */
export type PageFiles = Readonly<Record<string, string | Uint8Array>>

export interface PageOptions {
  /** For the test, once the browser has started. Default 30,000. */
  readonly timeoutMs?: number
}

/** A browser that has to be read from a cold disk, on a busy machine. */
const START_TIMEOUT_MS = 60_000

const START_PAGE = `<!doctype html><meta charset="utf-8"><title>caravan</title>
<script type="module" src="/main.js"></script>`

const CONTENT_TYPES = new Map([
  ['html', 'text/html; charset=utf-8'],
  ['js', 'text/javascript; charset=utf-8'],
  ['json', 'application/json'],
])

/** Closed networks refuse what Chromium asks of the world by itself, so it is told not to ask. */
const CHROMIUM_ARGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

/**
 * Serves `files`, opens them in Chromium and hands the page to `use`. Without an `index.html` the
 * page is one that loads `main.js` as a module.
 *
 * @throws Error where Chromium is missing (ask `systemProgram('chromium')` first), where the page
 *   itself fails with an error that nobody caught, and when the time is over
 */
export async function withPage<T>(
  files: PageFiles,
  use: (page: Page) => Promise<T>,
  { timeoutMs = 30_000 }: PageOptions = {},
): Promise<T> {
  const executablePath = systemProgram('chromium')
  if (executablePath === undefined) throw new Error('There is no Chromium to open a page in.')
  const server = await serve({ 'index.html': START_PAGE, ...files })
  try {
    const host = await chromium.launchServer({
      executablePath,
      args: CHROMIUM_ARGS,
      headless: true,
      timeout: START_TIMEOUT_MS,
    })
    try {
      const browser = await chromium.connect(host.wsEndpoint(), { timeout: START_TIMEOUT_MS })
      const page = await browser.newPage()
      page.setDefaultTimeout(timeoutMs)
      const failed = new Promise<never>((_, reject) => page.on('pageerror', reject))
      const test = async () => {
        await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
        return use(page)
      }
      return await within(timeoutMs, 'The page', Promise.race([test(), failed]))
    } finally {
      // A browser that does not end when asked is killed, by the id of its process.
      await within(5_000, 'Closing Chromium', host.close()).catch(() => host.kill())
    }
  } finally {
    server.closeAllConnections()
    server.close()
  }
}

/**
 * One JavaScript module with everything that `entry` imports, as a browser would load it.
 *
 * @param entry a file, or code with the folder that its imports are looked up from
 * @throws what esbuild found: anything of Node's among the imports is an error
 */
export async function bundleForBrowser(
  entry: string | { readonly code: string; readonly folder: string },
): Promise<string> {
  const result = await build({
    ...(typeof entry === 'string'
      ? { entryPoints: [entry] }
      : { stdin: { contents: entry.code, resolveDir: entry.folder, loader: 'ts' } }),
    bundle: true,
    platform: 'browser',
    format: 'esm',
    target: 'es2022',
    write: false,
    logLevel: 'silent',
  })
  return (result.outputFiles[0] as { text: string }).text
}

/**
 * A module for a worker: `code`, which declares a function `run`, and its imports. Each message to
 * the worker calls it; see {@link callWorker}.
 */
export function bundleForWorker(code: string, folder: string): Promise<string> {
  return bundleForBrowser({ code: `${code}\n${ANSWERING}`, folder })
}

const ANSWERING = `
self.onmessage = async ({ data }) => {
  try {
    postMessage({ value: await run(data) })
  } catch (error) {
    postMessage({ error: String(error?.stack ?? error) })
  }
}`

/**
 * Calls `run` in a new worker of the page, made of a file that the page is served with.
 *
 * @param keep leaves the worker alive, with all that it holds, until the page is closed
 * @returns what it gives; as data that can be cloned
 * @throws Error what it throws
 */
export async function callWorker(
  page: Page,
  file: string,
  argument: unknown,
  { keep = false } = {},
): Promise<unknown> {
  const call = JSON.stringify({ file, argument, keep })
  const answer = await page.evaluate(`(${inPage})(${call})`)
  const { value, error } = answer as { value?: unknown; error?: string }
  if (error !== undefined) throw new Error(error)
  return value
}

/** Runs in the page. */
const inPage = `({ file, argument, keep }) => new Promise((resolve) => {
  const worker = new Worker('/' + file, { type: 'module' })
  const end = (answer) => {
    if (!keep) worker.terminate()
    resolve(answer)
  }
  worker.onmessage = ({ data }) => end(data)
  worker.onerror = ({ message }) => end({ error: message ?? 'The worker did not start.' })
  worker.postMessage(argument)
})`

async function serve(files: PageFiles): Promise<Server> {
  const server = createServer((request, response) => {
    const path = new URL(request.url ?? '/', 'http://localhost').pathname
    const name = path === '/' ? 'index.html' : path.slice(1)
    const content = Object.hasOwn(files, name) ? files[name] : undefined
    // Chromium asks for an icon of every page; none is no failure.
    if (content === undefined) return response.writeHead(name === 'favicon.ico' ? 204 : 404).end()
    const type = CONTENT_TYPES.get(name.slice(name.lastIndexOf('.') + 1))
    response.setHeader('content-type', type ?? 'application/octet-stream')
    response.end(content)
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', resolve)
  })
  return server
}

async function within<T>(timeMs: number, what: string, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} took longer than ${timeMs} ms.`)), timeMs)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}
