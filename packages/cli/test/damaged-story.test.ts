/** The story of docs/damaged.md: its commands are run as they stand there, and print what stands there. */

import { mkdtempSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { MemoryDevice } from '@caravan/device'
import { LittleFS } from '@caravan/littlefs'
import { contentOf } from '@caravan/testkit'
import { expect, it } from 'vitest'
import { caravan, scratch } from './harness.js'

const page = readFileSync(new URL('../../../docs/damaged.md', import.meta.url), 'utf8')

const FIRMWARE_BYTES = 64 * 1024
const BLOCK_BYTES = 4096

/** What the device held before. */
const FILES: Readonly<Record<string, Uint8Array | string>> = {
  '/config.json': '{ "ssid": "attic", "interval": 60 }\n',
  '/log.txt': 'started\n',
  '/www/index.html': '<!doctype html>\n<title>sensor</title>\n',
  '/www/app.js': contentOf(7, 9000),
}

/** A flash of 320 KiB: firmware, then a littlefs that lost a file by mistake and a directory by a flipped bit. */
function dump(): Uint8Array {
  const device = new MemoryDevice({ blockSize: BLOCK_BYTES, blockCount: 64 })
  LittleFS.formatSync(device)
  const fs = LittleFS.mountSync(device, { times: 'none' })
  const write = (path: string) => fs.writeFileSync(path, FILES[path] ?? '')
  write('/log.txt')
  write('/config.json')
  fs.rmSync('/config.json')
  const before = device.bytes.slice()
  fs.mkdirSync('/www')
  // The first bit that the entry of the new directory has changed in the log of the root.
  const at = device.bytes.findIndex((byte, i) => i < 2 * BLOCK_BYTES && byte !== before[i])
  write('/www/index.html')
  write('/www/app.js')
  device.bytes[at + 8] = (device.bytes[at + 8] ?? 0) ^ 4
  return Uint8Array.from([...contentOf(1, FIRMWARE_BYTES), ...device.bytes])
}

/** Commands and what they print: the lines behind `$ ` and those up to the next. */
function storyOf(text: string): { command: string; output: string }[] {
  const block = /```console\n(.*?)```/s.exec(text)?.[1] ?? ''
  return block
    .split(/^\$ /m)
    .slice(1)
    .map((step) => {
      const [command = '', ...lines] = step.split('\n')
      return { command, output: lines.join('\n').trim() }
    })
}

it('brings back a removed file and a lost directory', async () => {
  const folder = mkdtempSync(join(scratch, 'story-'))
  writeFileSync(join(folder, 'dump.bin'), dump())
  const place = (word: string) => (/^(dump|found)/.test(word) ? join(folder, word) : word)
  const steps = storyOf(page)
  expect(steps.filter(({ command }) => command.startsWith('caravan '))).toHaveLength(5)
  for (const { command, output } of steps) {
    const [program, ...words] = command.split(' ')
    if (program === 'mv') {
      renameSync(place(words[0] ?? ''), place(words[1] ?? ''))
      continue
    }
    const { out, err } = await caravan(words.map(place))
    const shown = (err.replace(/^caravan: /, '') + out).replaceAll(`${folder}/`, '').trim()
    expect(
      shown.split('\n').map((line) => line.trimEnd()),
      command,
    ).toEqual(output.split('\n'))
  }
  const image = readFileSync(join(folder, 'dump.bin'))
  expect(image.subarray(0, FIRMWARE_BYTES)).toEqual(Buffer.from(contentOf(1, FIRMWARE_BYTES)))
  const device = new MemoryDevice(Uint8Array.from(image.subarray(FIRMWARE_BYTES)))
  const fs = LittleFS.mountSync(device, { readOnly: true })
  const files = [...fs.walkSync()].filter(({ type }) => type === 'file')
  expect(files.map(({ path }) => path)).toEqual(Object.keys(FILES).sort())
  for (const [path, content] of Object.entries(FILES)) {
    expect(Buffer.from(fs.readFileSync(path)).equals(Buffer.from(content))).toBe(true)
  }
})
