/**
 * The service: a web form that shortens addresses, and the short links themselves.
 *
 * All it keeps is in a littlefs image in one file. An answer is given only when what it says is
 * durable, so the process may be killed at any moment.
 */

import { existsSync, renameSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { isErrno } from '@caravan/core'
import { FileDevice } from '@caravan/device/node'
import { LittleFS } from '@caravan/littlefs'
import { Links, RefusedLink } from './links.js'
import { page } from './pages.js'

const BLOCK_SIZE_BYTES = 4096
const IMAGE_SIZE_BYTES = 8 * 1024 * 1024
const BODY_MAX_BYTES = 8192

export interface Service {
  /** Where it listens. */
  readonly url: string
  close(): Promise<void>
}

/** @param image a file; made where it is missing. @param port 0: one that is free. */
export async function startService(image: string, port: number): Promise<Service> {
  if (!existsSync(image)) await makeImage(image)
  const device = await FileDevice.open(image, { blockSize: BLOCK_SIZE_BYTES })
  try {
    const fs = await LittleFS.mount(device)
    const links = new Links(fs.keyValue())
    const server = createServer((request, response) => {
      answer(links, request, response).catch((error: unknown) => {
        console.error(error)
        if (!response.headersSent) response.writeHead(500)
        response.end('Something is wrong here.\n')
      })
    })
    await listen(server, port)
    const { port: listening } = server.address() as AddressInfo
    return {
      url: `http://127.0.0.1:${listening}/`,
      async close() {
        server.closeAllConnections()
        await new Promise<void>((resolve) => server.close(() => resolve()))
        await fs.unmount()
        await device.close()
      },
    }
  } catch (error) {
    await device.close()
    throw error
  }
}

/** Under another name first: killed in the middle, it leaves nothing that would not mount. */
async function makeImage(image: string): Promise<void> {
  const unfinished = `${image}.new`
  rmSync(unfinished, { force: true })
  const device = await FileDevice.open(unfinished, {
    create: true,
    sizeBytes: IMAGE_SIZE_BYTES,
    blockSize: BLOCK_SIZE_BYTES,
  })
  try {
    await LittleFS.format(device)
    await device.sync()
  } finally {
    await device.close()
  }
  renameSync(unfinished, image)
}

async function listen(server: Server, port: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    // Loopback alone: who is to see it from outside stands in front of it.
    server.listen(port, '127.0.0.1', resolve)
  })
}

async function answer(
  links: Links,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { pathname } = new URL(request.url ?? '/', 'http://localhost')
  if (pathname === '/' && request.method === 'POST') return add(links, request, response)
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.writeHead(405, { allow: 'GET, HEAD, POST' }).end()
    return
  }
  if (pathname === '/') {
    html(response, 200, page({ links: await links.all() }))
    return
  }
  const address = await links.find(pathname.slice(1))
  if (address === undefined) response.writeHead(404).end('No such link.\n')
  else response.writeHead(302, { location: address, 'cache-control': 'no-store' }).end()
}

async function add(
  links: Links,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const form = await readForm(request)
  if (form === undefined) {
    response.writeHead(413).end('That is too much.\n')
    return
  }
  try {
    const added = await links.add(form.get('address') ?? '', form.get('name') ?? '')
    html(response, 201, page({ links: await links.all(), added }))
  } catch (error) {
    const refused = refusalOf(error)
    if (refused === undefined) throw error
    html(response, refused.status, page({ links: await links.all(), refused: refused.reason }))
  }
}

function refusalOf(error: unknown): { status: number; reason: string } | undefined {
  if (error instanceof RefusedLink) return { status: 400, reason: error.message }
  const cause = error instanceof Error ? error.cause : undefined
  if (!isErrno(cause, 'ENOSPC')) return undefined
  return { status: 507, reason: 'The store is full.' }
}

async function readForm(request: IncomingMessage): Promise<URLSearchParams | undefined> {
  const pieces: Buffer[] = []
  let size = 0
  for await (const piece of request) {
    size += (piece as Buffer).length
    if (size > BODY_MAX_BYTES) return undefined
    pieces.push(piece as Buffer)
  }
  return new URLSearchParams(Buffer.concat(pieces).toString())
}

function html(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, {
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'",
  })
  response.end(text)
}
