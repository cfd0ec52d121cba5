/**
 * The story: a service is killed while it stores a value, and starts again with half of the old one
 * and half of the new one, with the new value and the old time, or with one key of two that belong
 * together. Each change is recorded, and cut at every request, in order and out of order.
 */

import { Timestamp } from '@caravan/core'
import { LittleFS, type LittleFSKeyValue } from '@caravan/littlefs'
import {
  CrashDevice,
  cutsInOrder,
  cutsOutOfOrder,
  Random,
  seedFromEnvironment,
} from '@caravan/testkit'
import { describe, expect, test } from 'vitest'

const GEOMETRY = { blockSize: 512, blockCount: 128, readSize: 16, progSize: 16 }

/** All that a store holds, times and contents, as one string. */
function contentOf(kv: LittleFSKeyValue): string {
  return [...kv.entriesSync('/')]
    .map(([key, kind]) => {
      if (kind === 'dictionary') return `${key}/`
      const time = kv.lastModifiedSync(key)
      return `${key} ${time?.days} ${Buffer.from(kv.digestSync(key)).toString('hex')}`
    })
    .join('\n')
}

function open(device: CrashDevice, days: number): LittleFSKeyValue {
  return LittleFS.mountSync(device).keyValue({ now: () => new Timestamp(days, 0n) })
}

const CHANGES: [string, (kv: LittleFSKeyValue) => void][] = [
  ['a value replaced', (kv) => kv.setSync('/d/k3', 'another value')],
  ['a large value replaced', (kv) => kv.setSync('/d/large', new Uint8Array(1800).fill(9))],
  ['a part of a large value', (kv) => kv.setPartialSync('/d/large', 700, 'part')],
  ['a value added', (kv) => kv.setSync('/d/new', 'new')],
  ['a value removed', (kv) => kv.removeSync('/d/k3')],
  ['a value renamed', (kv) => kv.renameSync('/d/k3', '/d/k9')],
  ['a value renamed over another one', (kv) => kv.renameSync('/d/k3', '/e/x')],
  ['a dictionary renamed', (kv) => kv.renameSync('/d', '/e/d')],
  [
    'an atomic batch',
    (kv) => {
      const result = kv.batchSync(
        [
          { op: 'set', key: '/p/a', value: 'a2' },
          { op: 'set', key: '/p/b', value: new Uint8Array(900) },
          { op: 'set', key: '/p/c', value: 'c2' },
          { op: 'remove', key: '/p/d' },
        ],
        { atomic: true },
      )
      expect(result.atomic).toBe(true)
    },
  ],
]

describe('cut at every request: all of a change, or nothing of it', () => {
  const { seed } = seedFromEnvironment()
  test.each(CHANGES)('%s', (_, change) => {
    const device = new CrashDevice(GEOMETRY)
    LittleFS.formatSync(device)
    const kv = open(device, 1)
    for (let i = 0; i < 6; i++) kv.setSync(`/d/k${i}`, `value ${i}`)
    kv.setSync('/d/large', new Uint8Array(1500).fill(1))
    kv.setSync('/e/x', 'other')
    for (const name of ['a', 'b', 'd']) kv.setSync(`/p/${name}`, name)
    const before = contentOf(kv)
    const writer = open(device, 2)
    writer.existsSync('/d/k0')
    device.startRecording()
    change(writer)
    const recording = device.stopRecording()
    const after = contentOf(open(device, 3))
    expect(after).not.toBe(before)

    const options = { geometry: GEOMETRY, eraseValue: 0xff, random: new Random(seed), samples: 2 }
    let cuts = 0
    for (const makeCuts of [cutsInOrder, cutsOutOfOrder]) {
      for (const { state, answered, label } of makeCuts(recording, options)) {
        cuts++
        const reborn = new CrashDevice({ ...GEOMETRY, state })
        const content = contentOf(open(reborn, 3))
        const isDone = answered === recording.requests.length
        if (content !== after && (isDone || content !== before)) {
          throw new Error(`seed ${seed}, ${label}: neither old nor new\n${content}`)
        }
        // It goes on from there.
        const again = open(reborn, 4)
        again.setSync('/after', 'x')
        again.removeSync('/after')
        expect(contentOf(open(reborn, 5))).toBe(content)
      }
    }
    expect(cuts).toBeGreaterThan(5)
  })
})

test('a batch that cannot be one step is refused before anything is written', () => {
  const device = new CrashDevice(GEOMETRY)
  LittleFS.formatSync(device)
  const kv = open(device, 1)
  kv.setSync('/a/x', '1')
  kv.setSync('/b/x', '1')
  device.startRecording()
  const both = [
    { op: 'set', key: '/a/x', value: '2' },
    { op: 'set', key: '/b/x', value: '2' },
  ] as const
  expect(() => kv.batchSync(both, { atomic: true })).toThrow(
    expect.objectContaining({ code: 'NotAtomic' }),
  )
  expect(device.recordedCount).toBe(0)
  expect(kv.batchSync(both).atomic).toBe(false)
  expect(kv.getSync('/b/x')).toEqual(new TextEncoder().encode('2'))
})
