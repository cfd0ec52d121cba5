/** An image on a web server, opened in headless Chromium: the first file costs little of it. */

import { createHash } from 'node:crypto'
import { readFileSync, symlinkSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { bundleForBrowser, systemProgram, withPage } from '@caravan/testkit'
import { describe, expect, it } from 'vitest'
import { makeImage } from '../src/node/index.js'
import { commitFiles, freshPath, repository } from './repositories.js'

const folder = dirname(fileURLToPath(import.meta.url))
const isThere = systemProgram('chromium') !== undefined && systemProgram('git') !== undefined

const SHOW_A_FILE = `
import { HttpDevice } from '@caravan/device/http'
import { Docteur } from '@caravan/docteur'

async function show(address: string) {
  const fs = await Docteur.mount(await HttpDevice.open(address))
  const text = await fs.readFile('/docs/part1/page31.txt', 'utf8')
  return { text, names: await fs.readdir('/docs/part1') }
}
globalThis.outcome = show(ADDRESS).catch((error) => ({ error: String(error.stack) }))
`

interface Served {
  readonly server: Server
  readonly requests: { readonly bytes: number }[]
}

/** A server that knows ranges, for pages of another origin. */
async function serve(image: Uint8Array): Promise<Served> {
  const requests: { bytes: number }[] = []
  const server = createServer((request, response) => {
    response.setHeader('access-control-allow-origin', '*')
    response.setHeader('access-control-allow-headers', 'range, if-range')
    response.setHeader('access-control-expose-headers', 'content-range, etag, accept-ranges')
    if (request.method === 'OPTIONS') return response.writeHead(204).end()
    const [, from, to] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '') ?? []
    if (from === undefined) {
      requests.push({ bytes: image.length })
      return response.end(image)
    }
    const end = Math.min(to === '' ? image.length : Number(to) + 1, image.length)
    const part = image.subarray(Number(from), end)
    requests.push({ bytes: part.length })
    response.writeHead(206, {
      'content-range': `bytes ${from}-${end - 1}/${image.length}`,
      'content-length': part.length,
      etag: '"1"',
    })
    return response.end(part)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { server, requests }
}

/** Pages of text that share little, so that the image is large: one file is a small part of it. */
function pages(): Record<string, string> {
  const files: Record<string, string> = {}
  for (let i = 0; i < 300; i++) {
    const lines = Array.from({ length: 150 }, (_, line) =>
      createHash('sha256').update(`${i} ${line}`).digest('base64'),
    )
    files[`docs/part${i % 10}/page${i}.txt`] = lines.join('\n')
  }
  return files
}

describe.skipIf(!isThere)('an image behind a range server, in Chromium', () => {
  it('shows its first file with fewer than 10 requests and under 5 % of the image', async () => {
    const files = pages()
    const source = repository(files)
    symlinkSync('docs', `${source}/link`)
    commitFiles(source, {}, 'a link')
    const path = freshPath('image')
    await makeImage(source, path)
    const image = new Uint8Array(readFileSync(path))
    const { server, requests } = await serve(image)
    try {
      const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}/site.img`
      const code = SHOW_A_FILE.replace('ADDRESS', JSON.stringify(address))
      const main = await bundleForBrowser({ code, folder })
      const outcome = await withPage({ 'main.js': main }, async (page) => {
        await page.waitForFunction('globalThis.outcome')
        return page.evaluate('globalThis.outcome')
      })
      expect(outcome).toEqual({
        text: files['docs/part1/page31.txt'],
        names: expect.any(Array),
      })
      // The listing of its directory included: that was read on the way.
      const transferred = requests.reduce((sum, { bytes }) => sum + bytes, 0)
      expect(requests.length).toBeLessThan(10)
      expect(transferred / image.length).toBeLessThan(0.05)
    } finally {
      server.closeAllConnections()
      server.close()
    }
  }, 60_000)
})
