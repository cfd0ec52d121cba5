/** Images on a web server: looked into, and loaded as far as that takes. */

import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { caravan, goldenBytes, goldenImage } from './harness.js'
import { hostTree } from './images.js'

const IMAGE = goldenBytes('field-esp-idf-2.1')

let server: Server
let address = ''
let knowsRanges = true
let hangs = false
let sentSize = 0
beforeAll(async () => {
  server = createServer(({ url, headers: { range } }, response) => {
    if (hangs) return
    if (url !== '/flash.img') return response.writeHead(404).end()
    const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(range ?? '') ?? []
    const start = knowsRanges && first !== undefined ? Number(first) : 0
    const body = knowsRanges ? IMAGE.subarray(start, Number(last) + 1) : IMAGE
    sentSize += body.length
    const part = `bytes ${start}-${start + body.length - 1}/${IMAGE.length}`
    const length = { 'Content-Length': body.length }
    if (knowsRanges) response.writeHead(206, { ...length, 'Content-Range': part })
    else response.writeHead(200, length)
    response.end(body)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  address = `http://127.0.0.1:${(server.address() as AddressInfo).port}/flash.img`
})
afterAll(() => {
  server.closeAllConnections()
  server.close()
})
beforeEach(() => {
  knowsRanges = true
  hangs = false
  sentSize = 0
})

test('every reading verb says what it says of the file', async () => {
  const file = goldenImage('field-esp-idf-2.1')
  for (const argv of [
    ['info'],
    ['ls', '-lR'],
    ['tree'],
    ['df'],
    ['map'],
    ['manifest'],
    ['stat', '/cfg/wifi.json'],
    ['cat', '/cfg/wifi.json'],
    ['kv', 'ls', '/'],
  ]) {
    const verb = argv.slice(0, argv[0] === 'kv' ? 2 : 1)
    const rest = argv.slice(verb.length)
    const paths = rest.filter((word) => word.startsWith('/'))
    const options = rest.filter((word) => !word.startsWith('/'))
    const { out, err, code } = await caravan([...verb, ...options, address, ...paths])
    expect(err).toBe('')
    expect(code).toBe(0)
    expect(out).toBe((await caravan([...verb, ...options, file, ...paths])).out)
  }
})

test('one file takes a part of the image', async () => {
  await caravan(['cat', address, '/cfg/wifi.json'])
  expect(sentSize).toBeLessThan(IMAGE.length / 2)
})

test('a server that knows no ranges', async () => {
  knowsRanges = false
  const { out, err, code } = await caravan(['cat', address, '/cfg/wifi.json'])
  expect(code).toBe(0)
  expect(err).toBe(
    `caravan: ${address}: the server knows no ranges: all of it was loaded (${IMAGE.length / 1024} KiB).\n`,
  )
  expect(out).toBe((await caravan(['cat', goldenImage('field-esp-idf-2.1'), '/cfg/wifi.json'])).out)
})

test('what is not there, and what cannot be written', async () => {
  const missing = address.replace('flash', 'none')
  expect(await caravan(['ls', missing])).toMatchObject({
    code: 1,
    err: `caravan: ${missing}: There is no ${missing} (404). Check the address.\n`,
  })
  for (const argv of [
    ['rm', address, '/x'],
    ['grow', address, '1M'],
    ['format', '--size', '1M', address],
    ['create', '--compact', hostTree({ a: 'x' }), address],
  ]) {
    const { code, err } = await caravan(argv)
    expect(err).toMatch(/is on a web server|cannot be formatted/)
    expect(code).toBe(2)
  }
})

test('Ctrl-C while the server hangs', async () => {
  hangs = true
  const stop = new AbortController()
  setTimeout(() => stop.abort(), 20)
  expect(await caravan(['ls', address], { signal: stop.signal })).toMatchObject({
    code: 130,
    err: 'caravan: interrupted.\n',
  })
})
