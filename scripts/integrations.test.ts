/**
 * The pages of docs/integrations are tried as they are written:
 *
 * 1. The commands of ours in `sh` blocks run in their order, a folder a page, with some files in `data/`;
 *    those of other programs are set aside, and which programs these are is known.
 * 2. Commands of ours in `cmake` blocks have only options that there are.
 * 3. What a `js` block exports runs.
 */

import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { Readable, Writable } from 'node:stream'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { main } from '@caravan/cli'
import { MemoryDevice } from '@caravan/device'
import { LittleFS } from '@caravan/littlefs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { PROGRAMS } from './tools/judge.js'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const pages = join(root, 'docs', 'integrations')

/** What pages tell of and no test can run: writing to a device, changing an installation. */
const OTHERS = ['esptool', 'ln', 'mkdir', 'mv', 'picotool', 'west']

let folder = ''
const before = process.cwd()

beforeAll(() => {
  mkdirSync(join(root, '.cache'), { recursive: true })
  // Inside the workspace, so that the packages' names are found from it.
  folder = mkdtempSync(join(root, '.cache', 'integrations-'))
})

afterAll(() => {
  process.chdir(before)
  rmSync(folder, { recursive: true, force: true })
})

const NAMES = readdirSync(pages).filter((name) => name.endsWith('.md'))

it('has a page for each that drop-in.md names', () => {
  const index = readFileSync(join(root, 'docs', 'drop-in.md'), 'utf8')
  const linked = [...index.matchAll(/\]\(integrations\/([\w-]+\.md)\)/g)].map(([, name]) => name)
  expect(linked.sort()).toEqual([...NAMES].sort())
  expect(NAMES).toHaveLength(7)
})

describe.each(NAMES)('%s', (name) => {
  const page = readFileSync(join(pages, name), 'utf8')
  const blocks = (language: string) => {
    const fence = new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, 'gms')
    return [...page.matchAll(fence)].map(([, block]) => block as string)
  }

  it('has commands that do what they say', async () => {
    const place = join(folder, name)
    mkdirSync(join(place, 'data', 'www'), { recursive: true })
    writeFileSync(join(place, 'data', 'main.py'), 'print(1)\n')
    writeFileSync(join(place, 'data', 'www', 'index.html'), '<h1>hello</h1>'.repeat(400))
    process.chdir(place)
    const lines = blocks('sh').flatMap((block) => block.split('\n').filter((line) => line !== ''))
    for (const line of lines) {
      const { env, program, argv } = parse(line)
      if (OTHERS.includes(program)) continue
      const { code, told } = await run(program, argv, env)
      expect({ line, code, told: code === 0 ? '' : told }).toEqual({ line, code: 0, told: '' })
    }
  })

  it('names only options that there are', async () => {
    const commands = blocks('cmake')
      .join('')
      .matchAll(/COMMAND caravan (\w+) (.*)/g)
    for (const [, verb = '', rest = ''] of commands) {
      const { told } = await run('caravan', ['help', verb], {})
      const options = [...rest.matchAll(/--[\w-]+/g)].map(([option]) => option)
      expect(options).not.toEqual([])
      for (const option of options) expect(told).toContain(option)
    }
  })

  it.each(blocks('js').filter((block) => block.includes('export ')))('runs: %s', async (block) => {
    const file = join(folder, `${name}.mjs`)
    writeFileSync(file, block)
    const { filesystemOf } = (await import(pathToFileURL(file).href)) as {
      filesystemOf(settings: object, sizeBytes: number): Promise<Uint8Array>
    }
    const fs = LittleFS.mountSync(new MemoryDevice(await filesystemOf({ ssid: 'home' }, 0x160000)))
    expect(fs.readFileSync('/settings.json', 'utf8')).toBe('{"ssid":"home"}')
    expect(fs.info()).toMatchObject({ nameMax: 64, blockCount: 0x160 })
  })
})

interface Command {
  readonly env: Readonly<Record<string, string>>
  readonly program: string
  readonly argv: readonly string[]
}

/** A line as a shell takes it that knows blanks and nothing else. */
function parse(line: string): Command {
  const words = line.split(' ')
  const start = words.findIndex((word) => !/^[A-Z_]+=/.test(word))
  const env = Object.fromEntries(words.slice(0, start).map((word) => word.split('=')))
  return { env, program: words[start] ?? '', argv: words.slice(start + 1) }
}

async function run(program: string, argv: readonly string[], env: Command['env']) {
  const pieces: Buffer[] = []
  const stream = () =>
    new Writable({
      write: (piece: Buffer, _encoding, done) => {
        pieces.push(piece)
        done()
      },
    })
  const stdin = Readable.from([])
  const options = { stdin, stdout: stream(), stderr: stream(), env }
  const { signal } = new AbortController()
  const around = { ...options, cwd: process.cwd(), signal }
  const ours = new Map<string, () => Promise<number>>([['caravan', () => main(argv, options)]])
  for (const [name, start] of Object.entries(PROGRAMS)) ours.set(name, () => start(argv, around))
  const start = ours.get(program)
  if (start === undefined) return { code: -1, told: `${program} is no program of ours` }
  const code = await start()
  return { code, told: Buffer.concat(pieces).toString() }
}
