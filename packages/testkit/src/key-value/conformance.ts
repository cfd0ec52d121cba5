/**
 * The conformance suite of the key-value contract: for any store, and any test runner.
 *
 *     for (const { name, run } of keyValueConformance(factory, { mode: 'async' })) test(name, run)
 *
 * Each case opens a store of its own and throws what does not hold (node:assert).
 */

import { deepEqual, equal, notDeepEqual, ok, rejects } from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { digestDictionary, type EntryKind, Timestamp } from '@caravan/core'
import { CASES, fill, isCode, ROWS, TIME } from './answers.js'
import { Driver, type StoreCapabilities, type StoreFactory, type TimeExactness } from './driver.js'
import { compareWithModel } from './model.js'

export interface ConformanceCase {
  readonly name: string
  run(): Promise<void>
}

type Check = (store: Driver) => Promise<void>

export function keyValueConformance(
  factory: StoreFactory,
  capabilities: StoreCapabilities,
): ConformanceCase[] {
  const named = (name: string, check: Check): ConformanceCase => ({
    name,
    run: async () => check(await Driver.open(factory, capabilities)),
  })
  return [
    ...tableCases(named),
    ...keyCases(named, capabilities.nameMax ?? 255),
    ...valueCases(named),
    ...digestCases(named),
    ...timeCases(named, capabilities.times ?? 'ms', capabilities.dictionaryTimes ?? false),
    ...renameCases(named),
    ...batchCases(named, capabilities.atomicBatches ?? true),
    named('answers as a map does, over random operations', (store) =>
      compareWithModel(store, capabilities.remountBetween === true ? 60 : 300),
    ),
    named('is what it was after a remount', async (store) => {
      await fill(store)
      const before = [await store.entries('/'), await store.call('digest', '/')]
      await store.reopen()
      deepEqual([await store.entries('/'), await store.call('digest', '/')], before)
    }),
  ]
}

type Named = (name: string, check: Check) => ConformanceCase

function tableCases(named: Named): ConformanceCase[] {
  return ROWS.flatMap(({ call, answers, run, check }) =>
    Object.entries(CASES).map(([title, key], column) => {
      const answer = answers[column] as string
      return named(`${call}, ${title}: ${answer}`, async (store) => {
        await fill(store)
        if (isCode(answer)) {
          equal(await store.codeOf(() => run(store, key)), answer)
          return
        }
        await check(store, answer, key, await run(store, key))
      })
    }),
  )
}

function keyCases(named: Named, nameMax: number): ConformanceCase[] {
  return [
    named('keys: slashes without a segment between them say nothing', async (store) => {
      await store.call('set', '//a///b/', 'x')
      for (const key of ['a/b', '/a/b', '/a/b/', '//a//b//', new TextEncoder().encode('a//b')]) {
        equal(await store.call('exists', key), 'value')
      }
      for (const key of ['', '/', '///']) equal(await store.call('exists', key), 'dictionary')
      deepEqual(await store.call('list', '/a'), [['b', 'value']])
    }),
    named('keys: "." and ".." are refused, longer ones are names', async (store) => {
      for (const key of ['.', '/a/..', '/./a', '../a']) {
        equal(await store.codeOf(() => store.call('get', key)), 'BadKey')
        equal(await store.codeOf(() => store.call('set', key, 'x')), 'BadKey')
      }
      await store.call('set', '/.../..a', 'x')
      equal(await store.text('/.../..a'), 'x')
    }),
    named('keys: bytes that are no UTF-8 go in, are listed, and go in again', async (store) => {
      const key = Uint8Array.of(0x2f, 0xff, 0x61, 0xc3)
      await store.call('set', key, 'odd')
      const [[name] = ['']] = await store.call('list', '/')
      equal(name, '\udcffa\udcc3')
      equal(await store.text(`/${name}`), 'odd')
      equal(await store.codeOf(() => store.call('set', '/\ud800', 'x')), 'BadKey')
    }),
    named('keys: other alphabets, spaces, control characters, NUL', async (store) => {
      const names = ['é', '日本', '🎉', ' ', 'a b', '\n', '\u0000', '\\', '%', 'e\u0301']
      for (const name of names) await store.call('set', `/k/${name}`, name)
      for (const name of names) equal(await store.text(`k/${name}`), name)
      const listed = (await store.call('list', 'k')).map(([name]) => name)
      const sorted = [...names].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
      deepEqual(listed, sorted)
    }),
    named('keys: the longest segment fits, one byte more is refused', async (store) => {
      const longest = 'n'.repeat(nameMax)
      await store.call('set', `/${longest}`, 'x')
      equal(await store.text(longest), 'x')
      for (const key of [`/${longest}n`, `/${longest}n/below`]) {
        equal(await store.codeOf(() => store.call('set', key, 'x')), 'BadKey')
        equal(await store.call('exists', key), undefined)
      }
    }),
    named('keys: a name is listed before a longer one that begins with it', async (store) => {
      for (const name of ['ab', 'a', 'abc', 'b', 'a.']) await store.call('set', name, name)
      const listed = (await store.call('list', '/')).map(([name]) => name)
      deepEqual(listed, ['a', 'a.', 'ab', 'abc', 'b'])
    }),
  ]
}

const SIZES = [0, 1, 31, 32, 33, 63, 64, 65, 255, 256, 511, 512, 513, 1022, 1023, 1024, 1025]

function valueCases(named: Named): ConformanceCase[] {
  return [
    named('values of every size near a limit, replaced by each other', async (store) => {
      const sizes = [...SIZES, 4095, 4096, 4097, 20_000]
      for (const size of [...sizes, ...sizes.reverse()]) {
        await store.call('set', '/x', pattern(size))
        deepEqual(await store.call('get', '/x'), pattern(size))
        equal(await store.call('size', '/x'), size)
      }
    }),
    named('a value that was given, or got, is a copy', async (store) => {
      const given = pattern(40)
      await store.call('set', '/x', given)
      given.fill(0)
      const got = await store.call('get', '/x')
      deepEqual(got, pattern(40))
      got.fill(1)
      deepEqual(await store.call('get', '/x'), pattern(40))
      const digest = await store.call('digest', '/')
      const before = digest.slice()
      digest.fill(0)
      deepEqual(await store.call('digest', '/'), before)
    }),
    named('parts: short at the end, empty beyond it', async (store) => {
      for (const size of [10, 5000]) {
        const bytes = pattern(size)
        await store.call('set', '/x', bytes)
        const part = (offset: number, length?: number) =>
          store.call('getPartial', '/x', length === undefined ? { offset } : { offset, length })
        deepEqual(await part(0), bytes)
        deepEqual(await part(3, 4), bytes.subarray(3, 7))
        deepEqual(await part(size - 2, 100), bytes.subarray(size - 2))
        equal((await part(size, 1)).length, 0)
        equal((await part(size + 1000, 1)).length, 0)
        equal((await part(0, 0)).length, 0)
      }
    }),
    named('parts: replaced, across the end, and appended', async (store) => {
      for (const size of [20, 3000, 9000]) {
        const bytes = pattern(size)
        await store.call('set', '/x', bytes)
        for (const offset of [0, 1, size >> 1, size - 3, size, size + 50]) {
          const before = await store.call('get', '/x')
          await store.call('setPartial', '/x', offset, 'PARTS')
          const at = Math.min(offset, before.length)
          const after = new Uint8Array(Math.max(before.length, at + 5))
          after.set(before)
          after.set(new TextEncoder().encode('PARTS'), at)
          deepEqual(await store.call('get', '/x'), after)
        }
      }
    }),
    named('what no value can be is refused, and the store goes on', async (store) => {
      await store.call('set', '/x', 'abc')
      for (const wrong of [-1, 1.5, Number.NaN]) {
        for (const call of [
          () => store.call('setPartial', '/x', wrong, 'y'),
          () => store.call('allocate', '/y', wrong),
          () => store.call('getPartial', '/x', { offset: wrong }),
        ]) {
          await rejects(call, { code: 'INVALID_ARGUMENT' })
        }
      }
      await store.call('set', '/y', 'on')
      equal(await store.text('/y'), 'on')
    }),
    named('allocate lands where it is told, zeros and no more', async (store) => {
      await store.call('set', '/d/e/other', 'x')
      await store.call('allocate', '/d/e/f', 3000)
      deepEqual(await store.call('get', '/d/e/f'), new Uint8Array(3000))
      deepEqual(await store.call('list', '/'), [['d', 'dictionary']])
    }),
    named('many keys in one dictionary: each is there, and removed alone', async (store) => {
      for (let i = 0; i < 60; i++) await store.call('set', `/d/${i}`, `value ${i}`)
      await store.call('remove', '/d/0')
      equal((await store.call('list', '/d')).length, 59)
      for (let i = 1; i < 60; i++) equal(await store.text(`/d/${i}`), `value ${i}`)
      await store.call('remove', '/d')
      deepEqual(await store.call('list', '/'), [])
    }),
  ]
}

function digestCases(named: Named): ConformanceCase[] {
  const hash = () => createHash('sha256')
  const value = (text: string) => hash().update(text).digest()
  const entry = (name: string, kind: EntryKind, digest: Uint8Array) => ({
    name: new TextEncoder().encode(name),
    kind,
    digest,
  })
  return [
    named('digest: of a dictionary over names, kinds and digests, in byte order', async (store) => {
      await fill(store)
      const s = digestDictionary(hash, [entry('b', 'value', value('22'))])
      const d = digestDictionary(hash, [
        entry('a', 'value', value('1')),
        entry('s', 'dictionary', s),
      ])
      deepEqual(await store.call('digest', '/d'), d)
    }),
    named('digest: the same for the same content, whatever its history', async (store) => {
      await fill(store)
      const before = await store.call('digest', '/')
      await store.call('set', '/zz/y', 'gone')
      notDeepEqual(await store.call('digest', '/'), before)
      await store.call('remove', '/zz')
      await store.call('rename', '/v', '/w')
      await store.call('set', '/d/a', '2')
      await store.call('set', '/d/a', '1')
      notDeepEqual(await store.call('digest', '/'), before)
      await store.call('rename', '/w', '/v')
      deepEqual(await store.call('digest', '/'), before)
    }),
    named('digest: an empty value, an empty dictionary and nothing differ', async (store) => {
      await store.call('set', '/x/y', '')
      const withValue = await store.call('digest', '/')
      await store.call('remove', '/x/y')
      const empty = await store.call('digest', '/')
      notDeepEqual(empty, withValue)
      await store.call('remove', '/x')
      notDeepEqual(await store.call('digest', '/'), empty)
    }),
  ]
}

function timeCases(
  named: Named,
  exactness: TimeExactness,
  dictionaryTimes: boolean,
): ConformanceCase[] {
  if (exactness === 'none') {
    return [
      named('times: none are stored', async (store) => {
        await fill(store)
        equal(await store.call('lastModified', '/v'), undefined)
        equal(await store.call('lastModified', '/'), undefined)
      }),
    ]
  }
  const cut = (time: Timestamp) => asStored(time, exactness)
  return [
    named('times: allocate keeps the one it is given', async (store) => {
      const time = new Timestamp(19_000, 86_399_999_999_999_999n)
      await store.call('allocate', '/d/x', 5, { lastModified: time })
      deepEqual(await store.call('lastModified', '/d/x'), cut(time))
    }),
    named('times: set and setPartial move it on, reading does not', async (store) => {
      await store.call('allocate', '/x', 5, { lastModified: TIME })
      await store.call('get', '/x')
      deepEqual(await store.call('lastModified', '/x'), cut(TIME))
      await store.call('setPartial', '/x', 0, 'a')
      const changed = await store.call('lastModified', '/x')
      ok(changed !== undefined && changed.compare(TIME) > 0)
    }),
    dictionaryTimes ? ownTimeCase(named) : latestTimeCase(named),
    named('times: rename keeps them', async (store) => {
      await store.call('allocate', '/x', 1, { lastModified: TIME })
      await store.call('rename', '/x', '/y/z')
      deepEqual(await store.call('lastModified', '/y/z'), cut(TIME))
    }),
    named('times: nothing below, no time', async (store) => {
      equal(await store.call('lastModified', '/'), undefined)
    }),
  ]
}

function asStored({ days, picoseconds }: Timestamp, exactness: TimeExactness): Timestamp {
  if (exactness === 'double') {
    const seconds = days * 86_400 + Number(picoseconds) / 1e12
    const day = Math.floor(seconds / 86_400)
    const whole = Math.floor(seconds - day * 86_400)
    const fraction = BigInt(Math.trunc((seconds - day * 86_400 - whole) * 1e12))
    return new Timestamp(day, BigInt(whole) * 1_000_000_000_000n + fraction)
  }
  const units = { ps: 1n, ns: 1_000n, ms: 1_000_000_000n, s: 1_000_000_000_000n, none: 1n }
  return new Timestamp(days, picoseconds - (picoseconds % units[exactness]))
}

function latestTimeCase(named: Named): ConformanceCase {
  return named('times: a dictionary has the latest of all below, at any depth', async (store) => {
    const at = (days: number) => ({ lastModified: new Timestamp(days, 0n) })
    await store.call('allocate', '/d/a', 1, at(3))
    await store.call('allocate', '/d/e/f/b', 1, at(5))
    await store.call('allocate', '/d/e/c', 1, at(4))
    equal((await store.call('lastModified', '/d'))?.days, 5)
    equal((await store.call('lastModified', '/'))?.days, 5)
    await store.call('remove', '/d/e/f')
    equal((await store.call('lastModified', '/d'))?.days, 4)
    await store.call('allocate', '/d/z', 1, at(9))
    equal((await store.call('lastModified', '/'))?.days, 9)
  })
}

function ownTimeCase(named: Named): ConformanceCase {
  return named(
    'times: a dictionary has that of the last change below, at any depth',
    async (store) => {
      await store.call('allocate', '/d/e/a', 1, { lastModified: TIME })
      const before = await store.call('lastModified', '/d')
      ok(before !== undefined && before.compare(TIME) >= 0)
      for (const change of [
        () => store.call('set', '/d/e/a', 'x'),
        () => store.call('set', '/d/b', 'x'),
        () => store.call('remove', '/d/b'),
      ]) {
        const last = await store.call('lastModified', '/d')
        await change()
        const now = await store.call('lastModified', '/d')
        ok(last !== undefined && now !== undefined && now.compare(last) > 0)
      }
    },
  )
}

function renameCases(named: Named): ConformanceCase[] {
  return [
    named('rename to itself changes nothing', async (store) => {
      await fill(store)
      const before = [await store.entries('/'), await store.call('digest', '/')]
      for (const key of ['/v', '/d', '/d/s', '/']) await store.call('rename', key, key)
      // Into the dictionary that it is in already.
      await store.call('rename', '/d/s', '/d')
      await store.call('rename', '/v', '/')
      deepEqual([await store.entries('/'), await store.call('digest', '/')], before)
      equal(await store.codeOf(() => store.call('rename', '/m', '/m')), 'NotFound')
    }),
    named('rename into its own prefix is refused', async (store) => {
      await fill(store)
      for (const [source, dest] of [
        ['/d', '/d/x'],
        ['/d', '/d/s'],
        ['/d', '/d/s/new/deep'],
        ['/v', '/v/x'],
        ['/', '/d'],
      ] as const) {
        equal(await store.codeOf(() => store.call('rename', source, dest)), 'RenameSourcePrefix')
      }
      equal((await store.entries('/')).length, 5)
    }),
    named('rename across dictionaries, over values, with many neighbours', async (store) => {
      for (let i = 0; i < 30; i++) await store.call('set', `/a/${i}`, `${i}`)
      for (let i = 0; i < 30; i += 2) await store.call('rename', `/a/${i}`, `/b/${29 - i}`)
      for (let i = 0; i < 30; i += 2) equal(await store.text(`/b/${29 - i}`), `${i}`)
      for (let i = 1; i < 30; i += 2) await store.call('rename', `/a/${i}`, `/b/${i}`)
      deepEqual(await store.call('list', '/a'), [])
      for (let i = 1; i < 30; i += 2) equal(await store.text(`/b/${i}`), `${i}`)
      await store.call('rename', '/b', '/c/d/e')
      equal((await store.call('list', '/c/d/e')).length, 15)
    }),
    named('rename into a dictionary that has that name refuses to mix kinds', async (store) => {
      await store.call('set', '/x', 'value')
      await store.call('set', '/d/x/y', 'below')
      equal(await store.codeOf(() => store.call('rename', '/x', '/d')), 'ValueExpected')
      await store.call('set', '/e/d', 'value')
      equal(await store.codeOf(() => store.call('rename', '/d', '/e')), 'DictionaryExpected')
    }),
  ]
}

function batchCases(named: Named, atomic: boolean): ConformanceCase[] {
  return [
    named('batch: sets and removes, and says whether it was one step', async (store) => {
      await store.call('set', '/d/old', 'x')
      await store.call('set', '/d/kept', 'x')
      const result = await store.call('batch', [
        { op: 'set', key: '/d/new', value: 'n' },
        { op: 'set', key: '/d/kept', value: 'k' },
        { op: 'remove', key: '/d/old' },
        { op: 'remove', key: '/d/missing' },
        { op: 'set', key: '/d/a', value: pattern(600) },
      ])
      equal(result.atomic, atomic)
      deepEqual(
        (await store.call('list', '/d')).map(([name]) => name),
        ['a', 'kept', 'new'],
      )
      equal(await store.text('/d/kept'), 'k')
      deepEqual(await store.call('get', '/d/a'), pattern(600))
    }),
    named('batch: the last operation on a key counts', async (store) => {
      await store.call('batch', [
        { op: 'set', key: '/a', value: '1' },
        { op: 'set', key: 'a/', value: '2' },
        { op: 'set', key: '/b', value: '1' },
        { op: 'remove', key: '/b' },
      ])
      equal(await store.text('/a'), '2')
      equal(await store.call('exists', '/b'), undefined)
    }),
    named('batch: what cannot be done is refused before anything is done', async (store) => {
      await fill(store)
      const attempt = (key: string) =>
        store.codeOf(() =>
          store.call('batch', [
            { op: 'set', key: '/new', value: 'x' },
            { op: 'set', key, value: 'x' },
          ]),
        )
      equal(await attempt('/d'), 'ValueExpected')
      equal(await attempt('/v/x'), 'DictionaryExpected')
      equal(await attempt('/new/x'), 'DictionaryExpected')
      equal(await attempt('/'), 'ValueExpected')
      equal(await store.call('exists', '/new'), undefined)
    }),
    named('batch: many keys in many dictionaries, and removing them', async (store) => {
      const keys = Array.from({ length: 150 }, (_, i) => `/${i % 7}/${i % 3}/${i}`)
      await store.call(
        'batch',
        keys.map((key) => ({ op: 'set' as const, key, value: key })),
      )
      for (const key of keys) equal(await store.text(key), key)
      await store.call(
        'batch',
        keys.map((key) => ({ op: 'remove' as const, key })),
      )
      equal(await store.call('size', '/'), 0)
    }),
    named('batch: none at all is fine', async (store) => {
      equal((await store.call('batch', [])).atomic, true)
    }),
  ]
}

function pattern(size: number): Uint8Array {
  return Uint8Array.from({ length: size }, (_, i) => (i * 31 + (i >> 8)) & 0xff)
}
