/**
 * The exact answer of every function in every case: one table, which docs/key-value.md shows and
 * the conformance suite asks a store for, cell by cell.
 */

import { deepEqual, equal } from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { Timestamp } from '@caravan/core'
import type { Driver } from './driver.js'

/** The cases, and the key that stands for each in the store of {@link fill}. */
export const CASES = {
  'a value': '/v',
  'a dictionary': '/d',
  missing: '/m',
  'parent missing': '/m/x',
  'parent is a value': '/v/x',
  'the root': '/',
} as const

interface Row {
  readonly call: string
  /** In the order of {@link CASES}; a code of `KeyValueError`, or what is done. */
  readonly answers: readonly [string, string, string, string, string, string]
  run(store: Driver, key: string): Promise<unknown>
  /** Checks what was answered, and what is there then. */
  check(store: Driver, answer: string, key: string, result: unknown): Promise<void>
}

export const TIME = new Timestamp(10_000, 5_000_000_000_000n)

/** `/v` = "value", `/d/a` = "1", `/d/s/b` = "22". */
export async function fill(store: Driver): Promise<void> {
  await store.call('set', '/v', 'value')
  await store.call('set', '/d/a', '1')
  await store.call('set', '/d/s/b', '22')
}

const ALL = ['/d', '/d/a', '/d/s', '/d/s/b', '/v']

const SIZES: Record<string, number> = { '/v': 5, '/d': 3, '/': 8 }

const READ = ['ValueExpected', 'NotFound', 'NotFound', 'NotFound', 'ValueExpected'] as const
const NOT_THERE = ['NotFound', 'NotFound', 'NotFound'] as const

async function keys(store: Driver): Promise<string[]> {
  return (await store.entries('/')).map(([key]) => key)
}

async function checkMoved(store: Driver, from: string, to: string, below: readonly string[]) {
  const moved = (await keys(store)).filter((key) => key === to || key.startsWith(`${to}/`))
  deepEqual(
    moved,
    ['', ...below].map((rest) => `${to}${rest}`),
  )
  equal(await store.call('exists', from), undefined)
}

/** Where a rename to a key of a case lands. */
function landing(key: string, name: string): string {
  if (key === '/') return `/${name}`
  return key === '/d' || key === '/e' ? `${key}/${name}` : key
}

export const ROWS: readonly Row[] = [
  {
    call: 'exists(key)',
    answers: ['"value"', '"dictionary"', 'undefined', 'undefined', 'undefined', '"dictionary"'],
    run: (store, key) => store.call('exists', key),
    async check(_, answer, __, result) {
      equal(result === undefined ? 'undefined' : `"${result}"`, answer)
    },
  },
  {
    call: 'get(key)',
    answers: ['its bytes', ...READ],
    run: (store, key) => store.call('get', key),
    async check(_, __, ___, result) {
      deepEqual(result, new TextEncoder().encode('value'))
    },
  },
  {
    call: 'getInto(key, target)',
    answers: ['what fits', ...READ],
    async run(store, key) {
      const target = new Uint8Array(3)
      return [await store.call('getInto', key, target), new TextDecoder().decode(target)]
    },
    async check(_, __, ___, result) {
      deepEqual(result, [3, 'val'])
    },
  },
  {
    call: 'getPartial(key, { offset, length })',
    answers: ['the part', ...READ],
    run: (store, key) => store.call('getPartial', key, { offset: 2, length: 9 }),
    async check(_, __, ___, result) {
      deepEqual(result, new TextEncoder().encode('lue'))
    },
  },
  {
    call: 'size(key)',
    answers: ['its bytes, counted', 'the sum below', ...NOT_THERE, 'the sum below'],
    run: (store, key) => store.call('size', key),
    async check(_, __, key, result) {
      equal(result, SIZES[key])
    },
  },
  {
    call: 'list(key)',
    answers: ['DictionaryExpected', 'names, kinds', ...NOT_THERE, 'names, kinds'],
    run: (store, key) => store.call('list', key),
    async check(_, __, key, result) {
      const root = [
        ['d', 'dictionary'],
        ['v', 'value'],
      ]
      const inner = [
        ['a', 'value'],
        ['s', 'dictionary'],
      ]
      deepEqual(result, key === '/' ? root : inner)
    },
  },
  {
    call: 'entries(key)',
    answers: ['DictionaryExpected', 'all below', ...NOT_THERE, 'all below'],
    run: (store, key) => store.entries(key),
    async check(_, __, key, result) {
      const below = ALL.filter((each) => key === '/' || each.startsWith(`${key}/`))
      deepEqual(
        (result as [string, string][]).map(([name]) => name),
        below,
      )
    },
  },
  {
    call: 'lastModified(key)',
    answers: ['its time', 'the latest below', ...NOT_THERE, 'the latest below'],
    run: (store, key) => store.call('lastModified', key),
    async check(store, _, key, result) {
      const latest = { '/v': '/v', '/d': '/d/s/b', '/': '/d/s/b' }[key] as string
      deepEqual(result, await store.call('lastModified', latest))
    },
  },
  {
    call: 'digest(key)',
    answers: ['SHA-256 of its bytes', 'over all below', ...NOT_THERE, 'over all below'],
    run: (store, key) => store.call('digest', key),
    async check(_, __, key, result) {
      const value = createHash('sha256').update('value').digest('hex')
      const digest = Buffer.from(result as Uint8Array).toString('hex')
      equal(digest.length, 64)
      equal(digest === value, key === '/v')
    },
  },
  {
    call: 'set(key, value)',
    answers: [
      'replaces',
      'ValueExpected',
      'creates',
      'creates, with its dictionaries',
      'DictionaryExpected',
      'ValueExpected',
    ],
    run: (store, key) => store.call('set', key, 'new'),
    async check(store, _, key) {
      equal(await store.text(key), 'new')
    },
  },
  {
    call: 'setPartial(key, offset, value)',
    answers: ['changes', ...READ],
    run: (store, key) => store.call('setPartial', key, 3, 'XYZ'),
    async check(store, _, key) {
      equal(await store.text(key), 'valXYZ')
    },
  },
  {
    call: 'allocate(key, size)',
    answers: [
      'AlreadyPresent',
      'ValueExpected',
      'creates',
      'creates, with its dictionaries',
      'DictionaryExpected',
      'ValueExpected',
    ],
    run: (store, key) => store.call('allocate', key, 7, { lastModified: TIME }),
    async check(store, _, key) {
      deepEqual(await store.call('get', key), new Uint8Array(7))
      deepEqual(
        (await keys(store)).filter((each) => !ALL.includes(each) && each !== '/m'),
        [key].filter((each) => each !== '/m'),
      )
    },
  },
  {
    call: 'remove(key)',
    answers: ['removes', 'removes all of it', 'nothing', 'nothing', 'nothing', 'NotFound'],
    run: (store, key) => store.call('remove', key),
    async check(store, _, key) {
      deepEqual(
        await keys(store),
        ALL.filter((each) => each !== key && !each.startsWith(`${key}/`)),
      )
    },
  },
  {
    call: 'rename(key, "/new")',
    answers: ['moves', 'moves all of it', ...NOT_THERE, 'RenameSourcePrefix'],
    run: (store, key) => store.call('rename', key, '/new'),
    check: (store, _, key) =>
      checkMoved(store, key, '/new', key === '/d' ? ['/a', '/s', '/s/b'] : []),
  },
  {
    call: 'rename("/value", key)',
    answers: [
      'replaces',
      'moves into it',
      'moves',
      'moves, making dictionaries',
      'DictionaryExpected',
      'moves into it',
    ],
    async run(store, key) {
      await store.call('set', '/e/value', 'other')
      return store.call('rename', '/e/value', key)
    },
    async check(store, _, key) {
      await checkMoved(store, '/e/value', landing(key, 'value'), [])
      equal(await store.text(landing(key, 'value')), 'other')
    },
  },
  {
    call: 'rename("/dictionary", key)',
    answers: [
      'DictionaryExpected',
      'moves into it',
      'moves',
      'moves, making dictionaries',
      'DictionaryExpected',
      'moves into it',
    ],
    async run(store, key) {
      await store.call('set', '/e/dictionary/x', 'other')
      return store.call('rename', '/e/dictionary', key)
    },
    check: (store, _, key) =>
      checkMoved(store, '/e/dictionary', landing(key, 'dictionary'), ['/x']),
  },
]

/** The table as docs/key-value.md shows it. */
export function renderAnswers(): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  return [
    line(['', ...Object.keys(CASES)]),
    line(['---', ...Object.keys(CASES).map(() => '---')]),
    ...ROWS.map(({ call, answers }) =>
      line([
        `\`${call}\``,
        ...answers.map((answer) => (isCode(answer) ? `\`${answer}\`` : answer)),
      ]),
    ),
  ].join('\n')
}

export function isCode(answer: string): boolean {
  return /^(NotFound|DictionaryExpected|ValueExpected|AlreadyPresent|RenameSourcePrefix)$/.test(
    answer,
  )
}
