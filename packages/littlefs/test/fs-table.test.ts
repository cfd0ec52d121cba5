/** docs/fs.md says of every function of `node:fs` what ours does, and names tests that call it. */

import * as host from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { nodeFs } from '@caravan/fs/node'
import { describe, expect, it } from 'vitest'
import { freshFs } from './node-face.js'

const here = fileURLToPath(new URL('.', import.meta.url))
const page = host.readFileSync(join(here, '../../../docs/fs.md'), 'utf8')

const rows = page
  .slice(page.indexOf('## Every function'))
  .split('\n')
  .filter((line) => line.startsWith('| `'))
  .map((line) => {
    const [names = '', promises, what = '', tests = ''] = line.split(' | ')
    return {
      names: [...names.matchAll(/`(\w+)`/g)].map(([, name]) => name as string),
      hasPromise: promises === 'yes',
      isThere: !what.startsWith('not there'),
      tests: tests.replace(/ ?\|$/, '').split(', ').filter(Boolean),
    }
  })

describe('the table of node:fs', () => {
  it('has a row for every function, and says rightly whether ours has it', () => {
    const named = new Set(rows.flatMap(({ names }) => names))
    expect(Object.keys(host).filter((name) => name !== 'default' && !named.has(name))).toEqual([])
    const fs = nodeFs(freshFs())
    for (const { names, isThere, hasPromise } of rows) {
      for (const name of names) expect(name in fs, name).toBe(isThere)
      expect((names[0] as string) in fs.promises && names[0] !== 'constants', names[0]).toBe(
        hasPromise,
      )
    }
    const promised = Object.keys(host.promises).filter(
      (name) => !['watch', 'glob', 'mkdtempDisposable'].includes(name),
    )
    for (const name of promised) expect(name in fs.promises, name).toBe(true)
  })

  it('names tests that call it', () => {
    const program = host.readFileSync(join(here, 'fs-program.ts'), 'utf8')
    for (const { names, tests, isThere } of rows) {
      expect(tests.length > 0, names[0]).toBe(isThere)
      for (const test of tests) {
        const text = host.readFileSync(join(here, `${test}.test.ts`), 'utf8')
        const all = test === 'differential' ? program : text
        expect(new RegExp(`\\b${names[0]}`).test(all), `${names[0]} in ${test}`).toBe(true)
      }
    }
  })
})
