/** The device against a real server on loopback, which serves well, and in every bad way. */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { HttpDevice, type HttpDeviceOptions } from './index.js'

type Handler = (request: IncomingMessage, response: ServerResponse) => void

const IMAGE = Uint8Array.from({ length: 300_000 }, (_, i) => (i * 7) ^ (i >> 8))
const ETAG = '"one"'

let server: Server
let origin = ''
let handler: Handler = serveRanges()
/** The `Range` of every request, or its method where it has none. */
const asked: string[] = []

beforeAll(async () => {
  server = createServer((request, response) => {
    asked.push(request.headers.range ?? request.method ?? '')
    handler(request, response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterAll(() => {
  server.closeAllConnections()
  server.close()
})
beforeEach(() => {
  handler = serveRanges()
  asked.length = 0
})

interface Served {
  readonly image?: Uint8Array
  /** `null` for none. */
  readonly etag?: string | null
  readonly lastModified?: string
  /** What is done to each answer with bytes. */
  readonly change?: (answer: Answered, request: IncomingMessage) => void
}

interface Answered {
  status: number
  headers: Record<string, string>
  body: Uint8Array
  /** Breaks the connection off after the body. */
  breaksOff?: boolean
}

/** A server that knows ranges, as RFC 9110 has it. */
function serveRanges({ image = IMAGE, etag = ETAG, lastModified, change }: Served = {}): Handler {
  return (request, response) => {
    const headers: Record<string, string> = { 'Accept-Ranges': 'bytes' }
    if (etag !== null) headers.ETag = etag
    if (lastModified !== undefined) headers['Last-Modified'] = lastModified
    const condition = request.headers['if-range']
    const isOther = condition !== undefined && condition !== etag && condition !== lastModified
    const match = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '')
    const answer: Answered = { status: 200, headers, body: image }
    if (match !== null && !isOther) {
      const start = Number(match[1])
      const end = Math.min(Number(match[2]) + 1, image.length)
      if (start >= image.length) {
        answer.status = 416
        headers['Content-Range'] = `bytes */${image.length}`
        answer.body = new Uint8Array(0)
      } else {
        answer.status = 206
        headers['Content-Range'] = `bytes ${start}-${end - 1}/${image.length}`
        answer.body = image.subarray(start, end)
      }
    }
    headers['Content-Length'] = String(answer.body.length)
    change?.(answer, request)
    response.writeHead(answer.status, answer.headers)
    if (answer.breaksOff === true) response.write(answer.body, () => response.destroy())
    else response.end(request.method === 'HEAD' ? undefined : answer.body)
  }
}

const QUICK: HttpDeviceOptions = { retryDelayMs: 1, retries: 2 }

function open(options: HttpDeviceOptions = {}, path = '/image'): Promise<HttpDevice> {
  return HttpDevice.open(`${origin}${path}`, { ...QUICK, ...options })
}

async function read(device: HttpDevice, at: number, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length)
  await device.withBlockSize(device.sizeBytes).read([{ block: 0, offset: at, bytes }])
  return bytes
}

async function failure(call: () => unknown): Promise<unknown> {
  try {
    await call()
  } catch (error) {
    return error
  }
  throw new Error('It did not fail.')
}

const expected = (at: number, length: number) => IMAGE.slice(at, at + length)

/** As `toEqual`, which takes its time over large arrays. */
function expectSame(found: Uint8Array, wanted: Uint8Array): void {
  expect(Buffer.compare(found, wanted)).toBe(0)
}

describe('a server that knows ranges', () => {
  test('tells the size with the first bytes, and both are used', async () => {
    const device = await open()
    expect(device.geometry).toEqual({ blockSize: 512, blockCount: 585, readSize: 1, progSize: 1 })
    expect(device).toMatchObject({ sizeBytes: 300_000, readOnly: true, isWhole: false })
    expectSame(await read(device, 100, 8000), expected(100, 8000))
    expect(asked).toEqual(['bytes=0-8191'])
    expect(device).toMatchObject({ requestCount: 1, transferredBytes: 8192 })
  })

  test('a small image comes with the first request', async () => {
    handler = serveRanges({ image: IMAGE.subarray(0, 5000) })
    const device = await open()
    expect(device.isWhole).toBe(true)
    expectSame(await read(device, 4000, 1000), expected(4000, 1000))
    expect(asked).toHaveLength(1)
  })

  test('an empty one', async () => {
    handler = serveRanges({ image: new Uint8Array(0) })
    const device = await open()
    expect(device.geometry.blockCount).toBe(0)
    expect(
      await failure(() => device.read([{ block: 0, offset: 0, bytes: new Uint8Array(1) }])),
    ).toMatchObject({ code: 'OUT_OF_RANGE' })
  })

  test('near pages come in one request, far ones side by side, known ones not at all', async () => {
    const device = await open({ pageBytes: 1000, gapBytes: 2000 })
    const spans = [5000, 9500, 50_000, 200].map((at) => ({
      block: 0,
      offset: at,
      bytes: new Uint8Array(100),
    }))
    await device.withBlockSize(300_000).read(spans)
    for (const { offset, bytes } of spans) expect(bytes).toEqual(expected(offset, 100))
    expect(asked).toEqual([
      'bytes=0-999',
      'bytes=5000-5999',
      'bytes=9000-9999',
      'bytes=50000-50999',
    ])
    expectSame(await read(device, 5900, 100), expected(5900, 100))
    expect(asked).toHaveLength(4)
    asked.length = 0
    await read(device, 20_000, 1)
    await read(device, 22_000, 1)
    const near = [30_000, 32_900].map((offset) => ({
      block: 0,
      offset,
      bytes: new Uint8Array(100),
    }))
    await device.withBlockSize(300_000).read(near)
    expect(asked).toEqual(['bytes=20000-20999', 'bytes=22000-22999', 'bytes=30000-32999'])
    expect(near.map(({ bytes }) => bytes)).toEqual([expected(30_000, 100), expected(32_900, 100)])
  })

  test('reading on is read ahead for: the whole image in few requests', async () => {
    const device = await open({ pageBytes: 1024, readAheadBytes: 65_536 })
    for (let at = 0; at < IMAGE.length; at += 1000) {
      const length = Math.min(1000, IMAGE.length - at)
      expectSame(await read(device, at, length), expected(at, length))
    }
    expect(device.requestCount).toBeLessThan(15)
    expect(device.transferredBytes).toBe(300_000)
  })

  test('memory answers at once; what leaves the cache is asked for again', async () => {
    const device = await open({ pageBytes: 1000, cacheBytes: 3000, readAheadBytes: 0, gapBytes: 0 })
    for (const at of [10_000, 20_000, 30_000, 40_000]) await read(device, at, 10)
    asked.length = 0
    const view = device.withBlockSize(100_000)
    const one = { block: 0, offset: 40_000, bytes: new Uint8Array(10) }
    expect(view.read([one])).toBeUndefined()
    expect(one.bytes).toEqual(expected(40_000, 10))
    await read(device, 10_000, 10)
    expect(asked).toEqual(['bytes=10000-10999'])
  })

  test('a read larger than the cache', async () => {
    const device = await open({ pageBytes: 1000, cacheBytes: 3000 })
    expectSame(await read(device, 1, 299_999), expected(1, 299_999))
  })

  test('what two reads want at once is asked for once', async () => {
    const device = await open({ pageBytes: 1000, readAheadBytes: 0 })
    const reads = [50_100, 50_200, 50_900].map((at) => read(device, at, 200))
    const [a, b, c] = await Promise.all(reads)
    expect([a, b, c]).toEqual([expected(50_100, 200), expected(50_200, 200), expected(50_900, 200)])
    expect(asked).toEqual(['bytes=0-999', 'bytes=50000-50999', 'bytes=51000-51999'])
  })

  test('no more requests at once than allowed', async () => {
    let underWay = 0
    let most = 0
    const ranges = serveRanges()
    handler = (request, response) => {
      underWay++
      most = Math.max(most, underWay)
      setTimeout(() => {
        underWay--
        ranges(request, response)
      }, 5)
    }
    const device = await open({ pageBytes: 1000, gapBytes: 0, readAheadBytes: 0, concurrency: 3 })
    const places = Array.from({ length: 20 }, (_, i) => 10_000 + i * 10_000)
    const found = await Promise.all(places.map((at) => read(device, at, 100)))
    expect(found).toEqual(places.map((at) => expected(at, 100)))
    expect(most).toBe(3)
  })

  test('sends what it is given, and keeps a password out of the address', async () => {
    const seen: (string | undefined)[] = []
    handler = serveRanges({
      change: (_, { headers }) => seen.push(headers.authorization, headers['x-own'] as string),
    })
    const address = origin.replace('//', '//me:s%20c@')
    const device = await HttpDevice.open(address, { headers: { 'X-Own': 'yes' } })
    await read(device, 100_000, 1)
    const basic = `Basic ${Buffer.from('me:s c').toString('base64')}`
    expect(seen).toEqual([basic, 'yes', basic, 'yes'])
    handler = (_, response) => response.writeHead(403).end()
    const error = await failure(() => HttpDevice.open(address))
    expect(error).toMatchObject({ code: 'IO', path: `${origin}/` })
    expect((error as Error).message).not.toContain('s%20c')
  })

  test('redirects are followed once, and again where they have run out', async () => {
    let valid = '/1'
    const ranges = serveRanges()
    handler = (request, response) => {
      if (request.url === '/image') response.writeHead(302, { Location: valid }).end()
      else if (request.url === valid) ranges(request, response)
      else response.writeHead(403).end()
    }
    const device = await open()
    expect(asked).toHaveLength(2)
    await read(device, 100_000, 10)
    expect(asked).toHaveLength(3)
    valid = '/2'
    expectSame(await read(device, 200_000, 10), expected(200_000, 10))
    expect(asked).toHaveLength(6)
  })

  test('a server that gives less than asked, and says so', async () => {
    handler = serveRanges({
      change: (answer) => {
        const [, start] = /bytes (\d+)/.exec(answer.headers['Content-Range'] ?? '') ?? []
        answer.body = answer.body.subarray(0, 3000)
        const end = Number(start) + answer.body.length
        answer.headers['Content-Range'] = `bytes ${start}-${end - 1}/300000`
        answer.headers['Content-Length'] = String(answer.body.length)
      },
    })
    const device = await open()
    expectSame(await read(device, 0, 20_000), expected(0, 20_000))
  })

  test('one whose answers do not say the size is asked for it', async () => {
    handler = serveRanges({
      change: (answer) => {
        if (answer.status !== 206) return
        answer.headers['Content-Range'] = (answer.headers['Content-Range'] ?? '').replace(
          /\d+$/,
          '*',
        )
      },
    })
    const device = await open()
    expect(device.sizeBytes).toBe(300_000)
    expect(asked).toEqual(['bytes=0-8191', 'HEAD'])
    expectSame(await read(device, 250_000, 100), expected(250_000, 100))
  })

  test('one that hides Content-Range, as from a page of another origin', async () => {
    handler = serveRanges({ change: ({ headers }) => delete headers['Content-Range'] })
    const device = await open()
    expect(device.sizeBytes).toBe(300_000)
    expectSame(await read(device, 250_000, 100), expected(250_000, 100))
  })
})

describe('an image that is changed while it is read', () => {
  const OTHER = IMAGE.map((byte) => byte ^ 1)
  test.each<[string, Served, Served, string]>([
    ['another tag', {}, { image: OTHER, etag: '"two"' }, 'ETag'],
    ['another weak tag', { etag: 'W/"a"' }, { image: OTHER, etag: 'W/"b"' }, 'ETag'],
    [
      'another time',
      { etag: null, lastModified: 'Mon, 01 Jan 2024 00:00:00 GMT' },
      { etag: null, image: OTHER, lastModified: 'Mon, 01 Jan 2025 00:00:00 GMT' },
      'Last-Modified',
    ],
    ['longer', { etag: null }, { etag: null, image: new Uint8Array(300_001) }, 'has 300001 now'],
    ['cut short', { etag: null }, { etag: null, image: IMAGE.subarray(0, 9000) }, 'has 9000 now'],
    ['without a version any more, all of it', {}, { etag: null, image: OTHER }, 'sends all of it'],
  ])('%s', async (_, before, after, words) => {
    handler = serveRanges(before)
    const device = await open()
    handler = serveRanges(after)
    const error = await failure(() => read(device, 200_000, 10))
    expect(error).toMatchObject({ name: 'DeviceError', code: 'CHANGED', path: `${origin}/image` })
    expect((error as Error).message).toContain(words)
    expect(asked).toHaveLength(2)
  })
})

describe('servers that are of no use', () => {
  test('no ranges: refused in words, and not read to its end', async () => {
    handler = (_, response) => {
      response.writeHead(200, { 'Content-Length': String(1e12) })
      response.write(IMAGE)
    }
    const error = await failure(() => open())
    expect(error).toMatchObject({ name: 'DeviceError', code: 'NO_RANGES' })
    expect((error as Error).message).toContain('not given out by ranges: asked for the first 8192')
    expect((error as Error).message).toContain('download the whole image first')
  })

  test('no ranges, but little enough to be loaded whole', async () => {
    handler = (_, response) => response.end(Buffer.from(IMAGE))
    const device = await open({ wholeMaxBytes: 300_000 })
    expect(device.isWhole).toBe(true)
    expectSame(await read(device, 0, 300_000), expected(0, 300_000))
    expect(asked).toHaveLength(1)
    expect(await failure(() => open({ wholeMaxBytes: 299_999 }))).toMatchObject({
      code: 'NO_RANGES',
    })
  })

  test('ranges that are gone later', async () => {
    handler = serveRanges({ etag: null })
    const device = await open()
    handler = (_, response) => response.end(Buffer.from(IMAGE))
    expect(await failure(() => read(device, 100_000, 1))).toMatchObject({ code: 'NO_RANGES' })
  })

  test.each(['first', 'later'])('packed answers: %s', async (when) => {
    const pack = ({ headers, body }: Answered): Answered => {
      const packed = gzipSync(body)
      return {
        status: 206,
        headers: {
          ...headers,
          'Content-Encoding': 'gzip',
          'Content-Length': String(packed.length),
        },
        body: packed,
      }
    }
    const packing = serveRanges({ change: (answer) => Object.assign(answer, pack(answer)) })
    if (when === 'first') handler = packing
    const error = await failure(async () => {
      const device = await open()
      handler = packing
      await read(device, 100_000, 1)
    })
    expect(error).toMatchObject({ code: 'NO_RANGES' })
    expect((error as Error).message).toContain('Content-Encoding: gzip')
  })

  test.each([
    ['other bytes', 'bytes 100001-108192/300000'],
    ['more bytes', 'bytes 98304-299999/300000'],
    ['nonsense', 'bytes nine-ten/300000'],
    ['no range at all', 'bytes */300000'],
  ])('a wrong Content-Range: %s', async (_, range) => {
    const device = await open()
    handler = serveRanges({
      change: ({ headers }) => Object.assign(headers, { 'Content-Range': range }),
    })
    const error = await failure(() => read(device, 100_000, 1))
    expect(error).toMatchObject({ code: 'IO' })
    expect((error as Error).message).toContain(`answered with '${range}'`)
    expect(asked).toHaveLength(2)
  })

  test('a first answer with other bytes', async () => {
    handler = serveRanges({
      change: ({ headers }) => Object.assign(headers, { 'Content-Range': 'bytes 1-8192/300000' }),
    })
    expect(await failure(() => open())).toMatchObject({ code: 'IO' })
  })

  test('more bytes than announced', async () => {
    const device = await open()
    handler = serveRanges({
      change: (answer) => {
        answer.body = new Uint8Array(20_000)
        answer.headers['Content-Length'] = '20000'
      },
    })
    const error = await failure(() => read(device, 100_000, 1))
    expect((error as Error).message).toContain('sent more than it announced')
  })

  test.each([
    [404, 'NOT_FOUND', 'There is no', 1],
    [410, 'NOT_FOUND', 'There is no', 1],
    [401, 'IO', 'asks who you are', 1],
    [403, 'IO', 'asks who you are', 1],
    [400, 'IO', 'Check the address', 1],
    [500, 'IO', '500 Internal Server Error, 3 times', 3],
    [503, 'IO', '503 Service Unavailable, 3 times', 3],
    [429, 'IO', '429 Too Many Requests, 3 times', 3],
    [416, 'IO', '416 Range Not Satisfiable', 1],
  ] as const)('%d', async (status, code, words, count) => {
    handler = (_, response) => response.writeHead(status).end()
    const error = await failure(() => open())
    expect(error).toMatchObject({ name: 'DeviceError', code, path: `${origin}/image` })
    expect((error as Error).message).toContain(words)
    expect(asked).toHaveLength(count)
  })

  test('416 for bytes that were there', async () => {
    handler = serveRanges({ etag: null })
    const device = await open()
    handler = (_, response) => response.writeHead(416).end()
    const error = await failure(() => read(device, 100_000, 1))
    expect(error).toMatchObject({ code: 'CHANGED' })
    expect((error as Error).message).toContain('no bytes from 98304 on')
  })

  test('pieces too small', async () => {
    const device = await open()
    handler = serveRanges({
      change: (answer) => {
        const [, start] = /bytes (\d+)/.exec(answer.headers['Content-Range'] ?? '') ?? []
        answer.body = answer.body.subarray(0, 1)
        answer.headers['Content-Range'] = `bytes ${start}-${start}/300000`
        answer.headers['Content-Length'] = '1'
      },
    })
    expect(await failure(() => read(device, 100_000, 1))).toMatchObject({
      code: 'IO',
      message: expect.stringContaining('pieces too small'),
    })
    expect(asked.length).toBeLessThan(100)
  })

  test('nobody listens', async () => {
    const error = await failure(() => HttpDevice.open('http://127.0.0.1:1/x', QUICK))
    expect(error).toMatchObject({ code: 'IO', cause: expect.any(TypeError) })
    expect((error as Error).message).toContain('cannot be reached')
  })
})

describe('a network that fails now and then', () => {
  test('an answer that breaks off is gone on with', async () => {
    const device = await open({ readAheadBytes: 0 })
    let left = 2
    handler = serveRanges({
      change: (answer) => {
        if (left-- <= 0) return
        answer.body = answer.body.subarray(0, 2000)
        answer.breaksOff = true
      },
    })
    expectSame(await read(device, 98_304, 8000), expected(98_304, 8000))
    expect(asked.slice(1)).toEqual([
      'bytes=98304-106495',
      'bytes=100304-106495',
      'bytes=102304-106495',
    ])
  })

  test('a busy server is asked again, as often as said', async () => {
    let left = 2
    const ranges = serveRanges()
    handler = (request, response) => {
      if (left-- > 0) response.writeHead(503, { 'Retry-After': '0' }).end()
      else ranges(request, response)
    }
    const device = await open()
    expect(device.requestCount).toBe(3)
    left = 3
    expect(await failure(() => read(device, 100_000, 1))).toMatchObject({ code: 'IO' })
    left = 0
    expectSame(await read(device, 100_000, 1), expected(100_000, 1))
  })

  test('a server that hangs', async () => {
    handler = () => {}
    const error = await failure(() => open({ timeoutMs: 20, retries: 1 }))
    expect(error).toMatchObject({ code: 'IO' })
    expect((error as Error).message).toContain('no whole answer within 20 ms')
    expect(asked).toHaveLength(2)
  })

  test('a body that breaks off each time', async () => {
    handler = serveRanges({
      change: (answer) => {
        answer.body = answer.body.subarray(0, 100)
        answer.breaksOff = true
      },
    })
    expect(await failure(() => open())).toMatchObject({ code: 'IO' })
    expect(asked).toHaveLength(3)
  })

  test('a body shorter than announced, ended in good order', async () => {
    const device = await open()
    handler = serveRanges({
      change: (answer) => {
        answer.body = answer.body.subarray(0, 100)
        answer.headers['Content-Length'] = '100'
      },
    })
    expect(await failure(() => read(device, 100_000, 1))).toMatchObject({ code: 'SHORT_TRANSFER' })
    expect(asked).toHaveLength(4)
  })
})

describe('the end of it', () => {
  test('a signal ends what is under way, and all after', async () => {
    const controller = new AbortController()
    const device = await open({ signal: controller.signal })
    handler = () => controller.abort()
    expect(await failure(() => read(device, 100_000, 1))).toMatchObject({ code: 'ABORTED' })
    expect(await failure(() => read(device, 0, 1))).toMatchObject({ code: 'ABORTED' })
    expect(asked).toHaveLength(2)
    expect(await failure(() => open({ signal: controller.signal }))).toMatchObject({
      code: 'ABORTED',
    })
  })

  test('a signal ends the wait before the next try', async () => {
    const controller = new AbortController()
    handler = (_, response) => {
      response.writeHead(503).end()
      setTimeout(() => controller.abort(), 5)
    }
    const options = { signal: controller.signal, retryDelayMs: 1_000_000 }
    expect(await failure(() => open(options))).toMatchObject({ code: 'ABORTED' })
  })

  test('closing does the same, for views too', async () => {
    const device = await open()
    const view = device.withBlockSize(1000)
    handler = () => device.close()
    expect(
      await failure(() => view.read([{ block: 99, offset: 0, bytes: new Uint8Array(1) }])),
    ).toMatchObject({ code: 'CLOSED' })
    expect(await failure(() => view.sync())).toMatchObject({ code: 'CLOSED' })
    device.close()
  })

  test('writing is refused', async () => {
    const device = await open()
    for (const call of [() => device.prog(), () => device.erase()]) {
      expect(await failure(call)).toMatchObject({ code: 'READ_ONLY', path: `${origin}/image` })
    }
  })

  test.each<[string, HttpDeviceOptions, string]>([
    ['no address', {}, 'is no address'],
    ['ftp://x/y', {}, "'ftp:' is not read"],
    ['http://x/', { pageBytes: 0 }, 'pageBytes is 0'],
    ['http://x/', { concurrency: 0 }, 'concurrency is 0'],
    ['http://x/', { retries: -1 }, 'retries is -1'],
    ['http://x/', { blockSize: 0 }, 'blockSize is 0'],
  ])('%s %j', async (address, options, words) => {
    expect(await failure(() => HttpDevice.open(address, options))).toMatchObject({
      name: 'MisuseError',
      code: 'INVALID_ARGUMENT',
      message: expect.stringContaining(words),
    })
  })

  test('a fetch that is handed in', async () => {
    const urls: string[] = []
    const device = await HttpDevice.open('https://example.org/image', {
      fetch: async (url) => {
        urls.push(url)
        return new Response(IMAGE.slice(0, 100), {
          status: 206,
          headers: { 'Content-Range': 'bytes 0-99/100' },
        })
      },
    })
    expectSame(await read(device, 0, 100), expected(0, 100))
    expect(urls).toEqual(['https://example.org/image'])
  })
})
