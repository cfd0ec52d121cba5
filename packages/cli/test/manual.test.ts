/** The pages of the manual say what the help says, and every `man` reads them. */

import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { systemProgram } from '@caravan/testkit'
import { beforeAll, describe, expect, it } from 'vitest'
import { manualPages } from '../src/manual/pages.js'
import { roff } from '../src/manual/roff.js'
import { caravan, freshPath } from './harness.js'

const pages = manualPages()
const folder = freshPath()
const paths = pages.map(({ name }) => join(folder, name))

beforeAll(() => {
  mkdirSync(folder)
  for (const { name, text } of pages) writeFileSync(join(folder, name), text)
})

/** `caravan-git-make.1` is `git make`. No verb has a dash in its name. */
const verbOf = (name: string) => name.replace(/\.1$/, '').split('-').slice(1)

/** Without the breaks of lines and the spaces at their beginnings. */
const inOneLine = (text: string) => text.replace(/\s+/g, ' ')

describe('the pages', () => {
  it('are one for the command, and one for each verb', async () => {
    const { out } = await caravan(['--help'])
    const verbs = [...out.matchAll(/^ {2}([a-z]+) .*\[options\]|^ {2}(kv|git) /gm)]
    expect(verbs.length).toBeGreaterThan(35)
    const names = pages.map(({ name }) => name)
    expect(names[0]).toBe('caravan.1')
    for (const [, verb, group] of verbs) {
      if ((verb ?? group) !== 'help') expect(names).toContain(`caravan-${verb ?? group}.1`)
    }
    expect(names).toContain('caravan-git-make.1')
  })

  it('are those that the package names', () => {
    const manifest = readFileSync(new URL('../package.json', import.meta.url), 'utf8')
    const { man } = JSON.parse(manifest) as { man: string[] }
    const wanted = pages.map(({ name }) => `./man/${name}`)
    expect(man, '`npm run man` writes them into the manifest').toEqual(wanted)
  })

  it.each(pages)('$name has all that the help has', async ({ name, text }) => {
    const { out } = await caravan(['help', ...verbOf(name)])
    const [, usage = '', rest = ''] = /^Usage: (.*?)\n\n(.*)$/s.exec(out) ?? []
    const page = inOneLine(text)
    expect(page).toContain(roff(inOneLine(usage)))
    // Each line of the help, without its columns, stands somewhere in the page.
    const lines = rest
      .split('\n')
      .filter(
        (line) =>
          !/^(Arguments|Options|Commands|Examples):$|^ {2}(?!caravan )[a-z]+ .*[<[]/.test(line),
      )
    const words = lines.flatMap((line) =>
      line
        .replace(/^Exit codes: /, '')
        .trim()
        .split(/ {2,}/),
    )
    expect(words.length).toBeGreaterThan(2)
    for (const each of words) expect(page).toContain(roff(each))
  })
})

const mandoc = systemProgram('mandoc')
const groff = systemProgram('groff')

it.skipIf(mandoc === undefined)('mandoc has nothing to object to', () => {
  const { stdout } = spawnSync(mandoc as string, ['-Tlint', '-Wwarning', ...paths], {
    encoding: 'utf8',
  })
  // The same sources give the same bytes: there is no date in them.
  const found = stdout.split('\n').filter((line) => line !== '' && !line.includes('missing date'))
  expect(found).toEqual([])
})

it.skipIf(groff === undefined)('groff reads them without a warning, and shows every sign', () => {
  const args = ['-man', '-ww', '-Tutf8', '-P-c', ...paths]
  const { status, stdout, stderr } = spawnSync(groff as string, args, { encoding: 'utf8' })
  expect([status, stderr]).toEqual([0, ''])
  expect(stdout).toContain('caravan ls --json flash.img')
  expect(stdout).toContain('`caravan log`')
})

it('of roff has nothing that begins a request', () => {
  expect(roff(`-\\ "'^~\``)).toBe('\\-\\e \\(dq\\(aq\\(ha\\(ti\\(ga')
  expect(roff('café')).toBe('caf\\[u00E9]')
})
