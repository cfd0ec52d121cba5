import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import type { Rule } from './tidy/source.js'
import { readWorkspace, rules, tidy } from './tidy.js'

const root = dirname(dirname(fileURLToPath(import.meta.url)))

/** Files by path, and the `path:line` that the rule must name. Nothing else may be named. */
type Planted = readonly [files: Readonly<Record<string, string>>, found: readonly string[]]

const LITTLEFS = 'packages/littlefs/src/log.ts'
const later = ['TO', 'DO'].join('')
const manifest = (fields: object) => JSON.stringify(fields)
const whole = { description: 'x', license: 'ISC', exports: {}, files: [], engines: {} }

const planted: Readonly<Record<string, readonly Planted[]>> = {
  importDirections: [
    [
      { 'packages/core/src/op.ts': `import { x } from '@caravan/device'` },
      ['packages/core/src/op.ts:1'],
    ],
    [{ [LITTLEFS]: `import type { X } from '@caravan/docteur'` }, [`${LITTLEFS}:1`]],
    [{ [LITTLEFS]: `\nexport { x } from '@caravan/testkit'` }, [`${LITTLEFS}:2`]],
    [{ [LITTLEFS]: `const x = await import('@caravan/device/node')` }, [`${LITTLEFS}:1`]],
    [{ 'packages/littlefs/src/log.test.ts': `import '@caravan/testkit'` }, []],
    [
      { 'packages/littlefs/src/log.test.ts': `import '@caravan/cli'` },
      ['packages/littlefs/src/log.test.ts:1'],
    ],
    [{ 'packages/new/src/x.ts': '' }, ['packages/new/src/x.ts:1']],
    [{ [LITTLEFS]: `import { x } from '@caravan/core'` }, []],
  ],
  relativeImportsStayInside: [
    [{ [LITTLEFS]: `import { x } from '../../core/src/op.js'` }, [`${LITTLEFS}:1`]],
    [{ [LITTLEFS]: `import { x } from './tag.js'` }, []],
  ],
  formatStandsAlone: [
    [
      { 'packages/littlefs/src/format/tag.ts': `import { x } from '../log.js'` },
      ['packages/littlefs/src/format/tag.ts:1'],
    ],
    [
      { 'packages/littlefs/src/format/tag.ts': `import { x } from '@caravan/fs'` },
      ['packages/littlefs/src/format/tag.ts:1'],
    ],
    [
      {
        'packages/littlefs/src/format/tag.ts': `import { x } from './word.js'\nimport '@caravan/core'`,
      },
      [],
    ],
  ],
  noNodeInLibraries: [
    [{ [LITTLEFS]: `import { readFileSync } from 'node:fs'` }, [`${LITTLEFS}:1`]],
    [{ [LITTLEFS]: `import { readFileSync } from 'fs'` }, [`${LITTLEFS}:1`]],
    [{ [LITTLEFS]: `export const x = Buffer.from([1])` }, [`${LITTLEFS}:1`]],
    [{ [LITTLEFS]: `export const x = process.env.X` }, [`${LITTLEFS}:1`]],
    [
      {
        [LITTLEFS]: `// process.env and Buffer\nexport const x = (y: { process: 1 }) => y.process`,
      },
      [],
    ],
    [{ 'packages/device/src/node/file.ts': `import { open } from 'node:fs'` }, []],
    [{ 'packages/cli/src/main.ts': `import { open } from 'node:fs'` }, []],
  ],
  exportsByName: [
    [{ 'packages/core/src/index.ts': `export * from './op.js'` }, ['packages/core/src/index.ts:1']],
    [{ 'packages/core/src/index.ts': `export { run } from './run.js'` }, []],
  ],
  noClockNoChance: [
    [{ [LITTLEFS]: `const x = Date.now()` }, [`${LITTLEFS}:1`]],
    [{ [LITTLEFS]: `const x = new Date()` }, [`${LITTLEFS}:1`]],
    [{ [LITTLEFS]: `const x = Math.random()` }, [`${LITTLEFS}:1`]],
    [{ [LITTLEFS]: `const x = new Date(timeMs)` }, []],
    [{ 'packages/littlefs/src/log.test.ts': `const x = Math.random()` }, []],
  ],
  errorsHaveAClass: [
    [{ [LITTLEFS]: `throw new Error('x')` }, [`${LITTLEFS}:1`]],
    [{ [LITTLEFS]: `throw new FormatError('CODE', 'x')` }, []],
  ],
  fileSizes: [
    [{ [LITTLEFS]: '//\n'.repeat(451) }, [`${LITTLEFS}:450`]],
    [{ [LITTLEFS]: '//\n'.repeat(450) }, []],
    [
      { 'packages/littlefs/src/log.test.ts': '//\n'.repeat(701) },
      ['packages/littlefs/src/log.test.ts:700'],
    ],
  ],
  noDeadExports: [
    [
      {
        [LITTLEFS]: `export const a = 1\nexport function b() {}`,
        'packages/littlefs/src/x.ts': `import { a } from './log.js'`,
      },
      [`${LITTLEFS}:2`],
    ],
    [
      {
        [LITTLEFS]: `export interface A {}\nexport const { b } = c`,
        'packages/littlefs/src/index.ts': `export { type A, b } from './log.js'`,
      },
      [],
    ],
    [
      {
        [LITTLEFS]: `export const a = 1`,
        'packages/littlefs/src/x.ts': `import * as log from './log.js'`,
      },
      [],
    ],
  ],
  nothingLeftForLater: [
    [{ [LITTLEFS]: `// ${later}: more` }, [`${LITTLEFS}:1`]],
    [
      { 'packages/core/src/x.test.ts': `${'it'}.only('x', () => {})` },
      ['packages/core/src/x.test.ts:1'],
    ],
    [
      { 'packages/core/src/x.test.ts': `${'describe'}.skip('x', () => {})` },
      ['packages/core/src/x.test.ts:1'],
    ],
    [{ 'packages/core/src/x.test.ts': `describe.skipIf(x)('x', () => {})` }, []],
  ],
  noMachinePaths: [
    [{ 'docs/x.md': `see /${'work'}/main` }, ['docs/x.md:1']],
    [{ 'docs/x.md': `see ../${'shared'}/x` }, ['docs/x.md:1']],
    [{ '.npmrc': `registry=https://registry.${'npmjs'}.org` }, ['.npmrc:1']],
    [{ 'docs/x.md': `it works/fails` }, []],
  ],
  lockFileNamesNoHost: [
    [{ 'package-lock.json': `"resolved": "https://example.org/x.tgz"` }, ['package-lock.json:1']],
    [{ 'package-lock.json': `"resolved": "packages/core"` }, []],
  ],
  manifestsAreWhole: [
    [
      { 'packages/core/package.json': manifest({ ...whole, description: '' }) },
      ['packages/core/package.json:1'],
    ],
    [
      { 'packages/core/package.json': manifest({ ...whole, license: 'MIT' }) },
      ['packages/core/package.json:1'],
    ],
    [
      { 'packages/core/package.json': manifest({ ...whole, exports: undefined }) },
      ['packages/core/package.json:1'],
    ],
    [{ 'packages/core/package.json': manifest(whole) }, []],
  ],
  dependenciesAreJustified: [
    [
      {
        'package.json': manifest({ devDependencies: { left: '1' } }),
        'docs/dependencies.md': '`right`',
      },
      ['package.json:1'],
    ],
    [
      { 'packages/cli/package.json': manifest({ dependencies: { left: '1' } }) },
      ['packages/cli/package.json:1'],
    ],
    [
      {
        'package.json': manifest({ devDependencies: { left: '1' } }),
        'docs/dependencies.md': '`left`',
      },
      [],
    ],
  ],
  readmeNamesWhatIs: [
    [{ 'README.md': '`npm run gone`', 'package.json': manifest({ scripts: {} }) }, ['README.md:1']],
    [{ 'README.md': '`npm start`', 'package.json': manifest({ scripts: {} }) }, ['README.md:1']],
    [{ 'README.md': 'caravan ls x' }, ['README.md:1']],
    [
      {
        'README.md': 'caravan ls x',
        'packages/cli/package.json': manifest({ bin: { caravan: 'x' } }),
      },
      [],
    ],
    [{}, ['README.md:1']],
  ],
}

describe('tidy', () => {
  it('finds nothing in the workspace', () => {
    expect(tidy(readWorkspace(root))).toEqual([])
  })

  it('has a planted case for every rule', () => {
    expect(Object.keys(planted).sort()).toEqual(Object.keys(rules).sort())
  })

  for (const [name, cases] of Object.entries(planted)) {
    it.each(cases.map(([files, found], index) => ({ index, files, found })))(
      `${name} catches what is planted, case $index`,
      ({ files, found }) => {
        const findings = (rules[name] as Rule)(
          Object.entries(files).map(([path, text]) => ({ path, text })),
        )
        expect(findings.map(({ path, line }) => `${path}:${line}`)).toEqual(found)
      },
    )
  }
})
