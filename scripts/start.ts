/**
 * `npm start`: a tour that proves what it shows. Everything happens in a folder of its own, which is
 * gone afterwards; any difference is a failure.
 *
 * 1. The image of a real ESP32 is opened and taken apart, and must be what the C library reads.
 * 2. A directory is packed for an ESP32, read back, unpacked, changed in place, and unpacked again;
 *    each time it must be the same, byte for byte.
 */

import { spawnSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { isDeepStrictEqual } from 'node:util'
import { gunzipSync } from 'node:zlib'
import { FileDevice } from '@caravan/device/node'
import { LittleFS } from '@caravan/littlefs'
import { compareTrees, hashOf, readTree, type Tree } from './start/compare.js'

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))))
const command = join(root, 'packages', 'cli', 'bin', 'caravan.js')
const golden = join(root, 'golden', 'littlefs', 'field-esp-idf-2.1')

/** What an ESP32 is built with (ESP-IDF, esp_littlefs). */
const ESP32 = '--prog-size 128 --read-size 128 --cache-size 512 --name-max 64'

/** Packed where they are there; what is made (docs/api) and tests are left out. */
const PACKED = ['README.md', 'docs', 'examples', 'packages/core/src']
const LEFT_OUT = /[\\/]docs[\\/]api$|\.test\.ts$|[\\/](node_modules|dist)$/

/** A part of the tour that did not end as it must. */
class TourError extends Error {
  override readonly name = 'TourError'
}

const work = mkdtempSync(join(tmpdir(), 'caravan-start-'))
const inWork = (path: string): string => join(work, path)
process.on('exit', () => rmSync(work, { recursive: true, force: true }))
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130))

try {
  openDeviceImage()
  await packAndChange()
  say('All of it is as it must be.')
} catch (error) {
  process.exitCode = 1
  const isExpected = error instanceof TourError
  console.error(isExpected ? `caravan: ${error.message}` : error)
}

function openDeviceImage(): void {
  say('The image of an ESP32, as the C library has written it:')
  writeFileSync(inWork('esp32.img'), gunzipSync(readFileSync(`${golden}.img.gz`)))
  caravan('info esp32.img')
  caravan('tree esp32.img')
  caravan('map esp32.img')
  caravan('extract esp32.img esp32-files')

  const { entries } = JSON.parse(readFileSync(`${golden}.json`, 'utf8')) as {
    entries: { path: string; sha256: string | null }[]
  }
  const expected: Tree = new Map(
    entries.slice(1).map(({ path, sha256 }) => [path.slice(1), sha256]),
  )
  compare(expected, readTree(inWork('esp32-files')), 'the C library reads')
  const manifest = JSON.parse(answerOf('manifest esp32.img')) as unknown
  if (!isDeepStrictEqual(manifest, entries)) {
    throw new TourError('The manifest of esp32.img is not that of the C library.')
  }
  say('Its types, sizes, hashes and attributes are what the C library reads as well.')
}

async function packAndChange(): Promise<void> {
  for (const path of PACKED.filter((each) => existsSync(join(root, each)))) {
    const filter = (source: string) => !LEFT_OUT.test(source)
    cpSync(join(root, path), inWork(join('project', path)), { recursive: true, filter })
  }
  say('Documents and sources of this project, packed for an ESP32:')
  caravan(`create --size 2M ${ESP32} project project.img`)
  caravan('info project.img')
  caravan('tree project.img')
  caravan('check project.img')
  caravan('map project.img')
  compare(readTree(inWork('project')), await mountAndRead(), 'the directory holds, mounted again')
  caravan('extract project.img unpacked')
  compare(readTree(inWork('project')), readTree(inWork('unpacked')), 'the directory holds')

  say('Changed in place, as the directory is changed beside it:')
  caravan('mkdir -p project.img /www/img')
  caravan('put --prog-size 128 --cache-size 512 project.img project/README.md /www/index.md')
  caravan('put -r --prog-size 128 project.img project/docs/decisions /www')
  caravan('mv project.img /docs/crash-model.md /www/crashes.md')
  caravan('rm project.img /README.md')
  caravan('rm -r project.img /docs/decisions')
  mkdirSync(inWork('project/www/img'), { recursive: true })
  cpSync(inWork('project/README.md'), inWork('project/www/index.md'))
  cpSync(inWork('project/docs/decisions'), inWork('project/www/decisions'), { recursive: true })
  renameSync(inWork('project/docs/crash-model.md'), inWork('project/www/crashes.md'))
  rmSync(inWork('project/README.md'))
  rmSync(inWork('project/docs/decisions'), { recursive: true })
  caravan('ls -l project.img /www')
  compare(readTree(inWork('project')), await mountAndRead(), 'the directory holds now')
  caravan('extract --force project.img unpacked-again')
  compare(
    readTree(inWork('project')),
    readTree(inWork('unpacked-again')),
    'the directory holds now',
  )
}

/** The image, as a program reads it. */
async function mountAndRead(): Promise<Tree> {
  const device = await FileDevice.open(inWork('project.img'), { readOnly: true })
  try {
    const fs = await LittleFS.mount(device)
    const tree = new Map<string, string | null>()
    for await (const { path, type } of fs.walk()) {
      if (path === '/') continue
      tree.set(path.slice(1), type === 'directory' ? null : hashOf(await fs.readFile(path)))
    }
    await fs.unmount()
    return tree
  } finally {
    await device.close()
  }
}

function say(sentence: string): void {
  console.log(`\n${sentence}`)
}

/** Runs a command, shown as one would type it. */
function caravan(line: string): void {
  console.log(`\n$ caravan ${line}`)
  run(line, 'inherit')
}

function answerOf(line: string): string {
  return run(line, 'pipe')
}

function run(line: string, output: 'inherit' | 'pipe'): string {
  const { status, stdout } = spawnSync(process.execPath, [command, ...line.split(' ')], {
    cwd: work,
    stdio: ['ignore', output, 'inherit'],
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  })
  if (status !== 0) throw new TourError(`caravan ${line} ended with exit code ${status}.`)
  return stdout
}

/** @throws TourError where they differ, with how. */
function compare(expected: Tree, found: Tree, what: string): void {
  const differences = compareTrees(expected, found)
  if (differences.length > 0) {
    throw new TourError(`It is not what ${what}:\n  ${differences.join('\n  ')}`)
  }
  const files = [...found.values()].filter((hash) => hash !== null).length
  say(`Compared: ${files} files, byte for byte what ${what}.`)
}
