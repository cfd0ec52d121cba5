/**
 * Stories of a change that was seen not to have happened, and must not be back after a second cut.
 *
 * A leaf left behind: a commit that began a new root was cut when all of it was there but the root; it was
 * seen not to have happened. The next commit was cut when nothing of it was there but its root, whose
 * first slot is the same sector: the change that had not happened was back.
 *
 * A torn page: all of a commit had reached the medium but one unit of its leaf, or of its root. What was
 * written over that page was cut when just that unit of it had been written: had it held the same there,
 * the page would have been whole.
 */

import { NotaFS } from '@caravan/notafs'
import { CrashDevice, copyOfState, type Recording } from '@caravan/testkit'
import { describe, expect, test } from 'vitest'

const PAGE = { blockSize: 512, blockCount: 128, readSize: 1, progSize: 512 }

test.each([false, true])('a leaf left behind is no generation, erasing: %s', (erases) => {
  const isRoot = (sector: number) => sector >= 1 && sector <= 4
  const device = new CrashDevice({ ...PAGE, strict: false })
  NotaFS.formatSync(device, { pageSize: 512, erases })
  let rootsWritten = 0
  for (let i = 0; i < 20; i++) {
    const first = deviceOf(device.state)
    const recording = changeOf(first, NotaFS.mountSync(first, { erases }), 'not')
    const begun = recording.requests.flatMap((request) =>
      request.kind === 'prog' ? request.spans.filter(({ block }) => isRoot(block)) : [],
    )
    if (begun.length > 0) {
      rootsWritten++
      const cut = deviceOf(recording.before)
      applied(cut, recording, (sector) => !isRoot(sector))
      const second = NotaFS.mountSync(cut, { erases })
      expect(second.keyValue().existsSync('not')).toBeUndefined()
      const next = changeOf(cut, second, 'next')
      const lastSync = next.requests.slice(0, -1).findLastIndex(({ kind }) => kind === 'sync')
      const again = deviceOf(next.before)
      applied(again, { ...next, requests: next.requests.slice(0, lastSync + 1) }, () => true)
      applied(again, { ...next, requests: next.requests.slice(lastSync + 1) }, isRoot)
      const third = NotaFS.mountSync(again, { erases })
      expect(third.keyValue().existsSync('not')).toBeUndefined()
      expect(third.keyValue().existsSync('next')).toBeUndefined()
    }
    NotaFS.mountSync(device, { erases }).keyValue().setSync('kept', `${i}`)
  }
  expect(rootsWritten).toBeGreaterThan(1)
})

describe.each([
  [16, 128],
  [64, 128],
  // Ids of two bytes: a unit of 16 of a leaf has nothing of the pointer to the payload.
  [16, 300],
  [32, 300],
])('a page torn in one of its units of %i bytes, %i pages', (unit, blockCount) => {
  const isRoot = (sector: number) => sector >= 1 && sector <= 4
  const isHidden = (device: CrashDevice) =>
    NotaFS.mountSync(device).keyValue().existsSync('not') === undefined

  test('is not made whole by what is written over it', () => {
    const device = new CrashDevice({ ...PAGE, blockCount, strict: false })
    NotaFS.formatSync(device, { pageSize: 512 })
    const torn = { leaf: 0, root: 0, 'leaf without its root': 0 }
    for (let i = 0; i < 20; i++) {
      const first = deviceOf(device.state)
      const before = NotaFS.mountSync(first)
      const recording = changeOf(first, before, 'not')
      const leaf = leafOf(recording, before.info().generation)
      const hasRoot = sectorsOf(recording).some(isRoot)
      const cases = hasRoot
        ? (['leaf', 'root', 'leaf without its root'] as const)
        : (['leaf'] as const)
      for (const what of cases) {
        for (let at = 0; at < PAGE.blockSize; at += unit) {
          const cut = deviceOf(recording.before)
          const sector = what === 'root' ? Math.min(...sectorsOf(recording)) : leaf
          const isWritten = (each: number) =>
            what === 'leaf' || !isRoot(each) || (what === 'root' && each === sector)
          applied(cut, recording, isWritten)
          const start = sector * PAGE.blockSize + at
          for (let k = start; k < start + unit; k++) cut.bytes[k] = 0xa5 ^ (cut.bytes[k] as number)
          const second = NotaFS.mountSync(cut)
          expect(second.keyValue().existsSync('not')).toBeUndefined()
          torn[what]++
          const next = changeOf(cut, second, 'next')
          // Each step of the change, of which only that unit is written, and the roots.
          for (const [from, to] of stepsOf(next)) {
            const again = deviceOf(next.before)
            const upTo = { ...next, requests: next.requests.slice(0, from) }
            const step = { ...next, requests: next.requests.slice(from, to) }
            applied(again, upTo, () => true)
            const isWhole = (each: number) => isRoot(each) && each !== sector
            applied(again, step, isWhole)
            applied(again, step, (each) => each === sector, { from: at, to: at + unit })
            expect(isHidden(again), `${what}, unit at ${at}, change ${i}`).toBe(true)
          }
        }
      }
      NotaFS.mountSync(device).keyValue().setSync('kept', `${i}`)
    }
    for (const count of Object.values(torn)) expect(count).toBeGreaterThan(512 / unit)
  })
})

test('a fresh disk has zeros in the unused bytes of its roots, as the original’s has', () => {
  const device = new CrashDevice({ ...PAGE, strict: false })
  NotaFS.formatSync(device, { pageSize: 512 })
  const unusedOf = (sector: number) =>
    device.bytes.subarray(sector * 512 + 10 + 8, sector * 512 + 508)
  for (const sector of [1, 2, 3, 4]) expect(unusedOf(sector).every((byte) => byte === 0)).toBe(true)
  const fs = NotaFS.mountSync(device)
  for (let i = 0; i < 8; i++) fs.keyValue().setSync('k', `${i}`)
  const written = [1, 2, 3, 4].filter((sector) => unusedOf(sector).some((byte) => byte !== 0))
  expect(written).toEqual([1, 2])
  for (const sector of written) expect(unusedOf(sector).every((byte) => byte !== 0)).toBe(true)
})

function sectorsOf({ requests }: Recording): number[] {
  return requests.flatMap((request) =>
    request.kind === 'prog' ? request.spans.map(({ block }) => block) : [],
  )
}

/** The sector of the leaf that a recorded change wrote. */
function leafOf({ requests }: Recording, generation: number): number {
  for (const request of requests) {
    if (request.kind !== 'prog') continue
    for (const { block, bytes } of request.spans) {
      const isRoot = block >= 1 && block <= 4
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
      if (!isRoot && view.getBigUint64(8, true) === BigInt(generation)) return block
    }
  }
  throw new Error(`no leaf of generation ${generation} was written`)
}

/** Its requests, in steps that each end with a sync. */
function stepsOf({ requests }: Recording): [from: number, to: number][] {
  const ends = requests.flatMap(({ kind }, i) => (kind === 'sync' ? [i + 1] : []))
  return ends.map((to, i) => [ends[i - 1] ?? 0, to])
}

function deviceOf(state: Recording['before']): CrashDevice {
  const blockCount = state.bytes.length / PAGE.blockSize
  return new CrashDevice({ ...PAGE, blockCount, strict: false, state: copyOfState(state) })
}

function changeOf(device: CrashDevice, fs: NotaFS, key: string): Recording {
  device.startRecording()
  fs.keyValue().setSync(key, 'x'.repeat(600))
  return device.stopRecording()
}

/** What of a recording's writes reaches a device. */
function applied(
  device: CrashDevice,
  { requests }: Recording,
  reaches: (sector: number) => boolean,
  { from, to }: { from: number; to: number } = { from: 0, to: PAGE.blockSize },
): void {
  for (const request of requests) {
    if (request.kind !== 'prog') continue
    for (const { block, bytes } of request.spans) {
      if (!reaches(block)) continue
      device.bytes.set(bytes.subarray(from, to), block * PAGE.blockSize + from)
    }
  }
}
