/**
 * The reading half of the conformance suite, for stores that cannot be changed: they come filled.
 *
 *     const cases = keyValueReaderConformance(factory, { mode: 'async' })
 *     for (const { name, run } of cases) test(name, run)
 */

import { deepEqual, equal, notDeepEqual, rejects } from 'node:assert/strict'
import { CASES, isCode, ROWS } from './answers.js'
import type { ConformanceCase } from './conformance.js'
import { Driver, type StoreCapabilities, type StoreFactory } from './driver.js'

/** What a store of the factory holds: values by key. */
export const READER_FIXTURE: Readonly<Record<string, string>> = {
  '/v': 'value',
  '/d/a': '1',
  '/d/s/b': '22',
}

export interface ReaderCapabilities extends Pick<StoreCapabilities, 'mode' | 'remountBetween'> {
  /** What digests are: the contract's own, or the format's. Default the contract's. */
  readonly digests?: 'contract' | 'format'
}

const READING = /^(exists|get|getInto|getPartial|size|list|entries|lastModified|digest)\(/

export function keyValueReaderConformance(
  factory: StoreFactory,
  capabilities: ReaderCapabilities,
): ConformanceCase[] {
  const named = (name: string, check: (store: Driver) => Promise<void>): ConformanceCase => ({
    name,
    run: async () => check(await Driver.open(factory, capabilities)),
  })
  const isOwnDigest = capabilities.digests === 'format'
  const rows = ROWS.filter(({ call }) => READING.test(call))
  return [
    ...rows.flatMap(({ call, answers, run, check }) =>
      Object.entries(CASES).map(([title, key], column) => {
        const answer = answers[column] as string
        return named(`${call}, ${title}: ${answer}`, async (store) => {
          if (isCode(answer)) {
            equal(await store.codeOf(() => run(store, key)), answer)
            return
          }
          const result = await run(store, key)
          // What a format's own digests are is for its own tests to say.
          if (call === 'digest(key)' && isOwnDigest) equal(result instanceof Uint8Array, true)
          else await check(store, answer, key, result)
        })
      }),
    ),
    named('keys: slashes without a segment between them say nothing', async (store) => {
      for (const key of ['d/s/b', '/d/s/b/', '//d///s//b//', new TextEncoder().encode('d/s//b')]) {
        equal(await store.call('exists', key), 'value')
      }
      for (const key of ['', '/', '///']) equal(await store.call('exists', key), 'dictionary')
    }),
    named('keys: "." and ".." are refused', async (store) => {
      for (const key of ['.', '/d/..', '/./v', '../v']) {
        equal(await store.codeOf(() => store.call('get', key)), 'BadKey')
      }
    }),
    named('parts: short at the end, empty beyond it', async (store) => {
      const part = async (offset: number, length?: number) =>
        new TextDecoder().decode(
          await store.call(
            'getPartial',
            '/v',
            length === undefined ? { offset } : { offset, length },
          ),
        )
      equal(await part(0), 'value')
      equal(await part(1, 2), 'al')
      equal(await part(3, 100), 'ue')
      equal(await part(5, 1), '')
      equal(await part(1000, 1), '')
      equal(await part(0, 0), '')
      for (const offset of [-1, 1.5, Number.NaN]) {
        await rejects(() => store.call('getPartial', '/v', { offset }), {
          code: 'INVALID_ARGUMENT',
        })
      }
    }),
    named('what was got is a copy', async (store) => {
      for (let i = 0; i < 3; i++) {
        const got = await store.call('get', '/v')
        equal(new TextDecoder().decode(got), 'value')
        got.fill(0)
        const digest = await store.call('digest', '/v')
        notDeepEqual(digest, new Uint8Array(digest.length))
        digest.fill(0)
      }
    }),
    named('digest: differs where the content does', async (store) => {
      const [a, b, d, root] = [
        await store.call('digest', '/d/a'),
        await store.call('digest', '/d/s/b'),
        await store.call('digest', '/d'),
        await store.call('digest', '/'),
      ]
      equal(new Set([a, b, d, root].map((each) => Buffer.from(each).toString('hex'))).size, 4)
    }),
    named('every change is refused, and changes nothing', async (store) => {
      const before = await store.entries('/')
      for (const change of [
        () => store.call('set', '/v', 'x'),
        () => store.call('setPartial', '/v', 0, 'x'),
        () => store.call('allocate', '/new', 1),
        () => store.call('remove', '/v'),
        () => store.call('rename', '/v', '/w'),
        () => store.call('batch', [{ op: 'remove', key: '/v' }]),
      ]) {
        equal(await store.codeOf(change), 'ReadOnly')
      }
      deepEqual(await store.entries('/'), before)
    }),
  ]
}
