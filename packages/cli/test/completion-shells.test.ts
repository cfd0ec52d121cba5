/** Completion as the shells do it: each line, and what stands there after the TAB key. */

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { systemProgram } from '@caravan/testkit'
import { beforeAll, describe, expect, it } from 'vitest'
import { caravan, freshPath } from './harness.js'
import { afterTab, offeredByFish } from './shells.js'

const command = fileURLToPath(new URL('../bin/caravan.js', import.meta.url))
const directory = freshPath()
const place = { directory, bin: join(directory, '.bin') }

beforeAll(async () => {
  for (const name of ['', '.bin', 'tree', 'tree/www', 'tree/my dir'])
    mkdirSync(join(directory, name))
  writeFileSync(
    join(place.bin, 'caravan'),
    `#!/bin/sh\nexec '${process.execPath}' '${command}' "$@"\n`,
    { mode: 0o755 },
  )
  writeFileSync(join(directory, 'tree/www/index.html'), '')
  writeFileSync(join(directory, 'tree/my dir/a file'), '')
  writeFileSync(join(directory, 'tree/$(touch run)'), '')
  writeFileSync(join(directory, 'settings.toml'), '')
  const image = join(directory, 'flash.img')
  const { code } = await caravan(['create', '-q', '--size', '64K', join(directory, 'tree'), image])
  expect(code).toBe(0)
})

/** On a terminal a word that is whole has a space behind it. */
const LINES: readonly (readonly [line: string, after: string])[] = [
  ['caravan inf', 'caravan info '],
  ['caravan ls --format=doc', 'caravan ls --format=docteur '],
  ['caravan create --config=sett', 'caravan create --config=settings.toml '],
  ['caravan create tr', 'caravan create tree/'],
  ['caravan ls flash.img /ww', 'caravan ls flash.img /www/'],
  ['caravan cat ~/flash.img "/my dir/', 'caravan cat ~/flash.img "/my dir/a file" '],
  ['caravan cat flash.img /my', 'caravan cat flash.img /my\\ dir/'],
  ['caravan cat flash.img /$', 'caravan cat flash.img /\\$\\(touch\\ run\\) '],
  ['caravan grow flash.img ', 'caravan grow flash.img '],
]

const zsh = systemProgram('zsh')
const bash = systemProgram('bash')
const fish = systemProgram('fish')

describe.skipIf(zsh === undefined)('a terminal', () => {
  it.skipIf(bash === undefined)('with bash', { timeout: 300_000 }, () => expectAfterTab('bash'))

  it('with zsh', { timeout: 300_000 }, () => expectAfterTab('zsh'))

  async function expectAfterTab(shell: 'bash' | 'zsh') {
    // In zsh a dollar at the end of a word waits for the name of a variable.
    const lines = LINES.filter(([line]) => shell === 'bash' || !line.endsWith('$'))
    const typed = lines.map(([line]) => line)
    expect(await afterTab(zsh as string, shell, place, typed)).toEqual(
      lines.map(([, after]) => after),
    )
  }
})

it.skipIf(fish === undefined)('fish', { timeout: 300_000 }, async () => {
  const offers: readonly (readonly [string, string])[] = [
    ['caravan help git ', 'make | verify'],
    ['caravan ls --format=li', '--format=littlefs | --format=littlefs1'],
    ['caravan create --config=sett', '--config=settings.toml'],
    ['caravan create tr', 'tree/'],
    ['caravan cat flash.img /', '/$(touch run) | /my dir/ | /www/'],
    ['caravan cat flash.img "/my dir/', '/my dir/a file'],
  ]
  const typed = offers.map(([line]) => line)
  expect(await offeredByFish(fish as string, place, typed)).toEqual(
    offers.map(([, words]) => words),
  )
})
