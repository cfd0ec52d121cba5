/**
 * `sync` and the power: cut at every request, for each order in which it goes about its changes.
 *
 * The stories behind it: a device's web pages are updated in place by a build step, and the cable is
 * pulled. A tool that empties the filesystem and fills it again leaves a device without pages; one
 * that rewrites the settings of the device with those of the repository leaves it without a network.
 */

import {
  CrashDevice,
  copyOfState,
  cutsInOrder,
  cutsOutOfOrder,
  Random,
  seedFromEnvironment,
} from '@caravan/testkit'
import { describe, expect, test } from 'vitest'
import { comparedHostEntry, comparedImage, pathKey } from '../src/compared-tree.js'
import type { Context } from '../src/context.js'
import type { ImageFormat, MountedImage } from '../src/formats/format.js'
import { littlefs } from '../src/formats/littlefs.js'
import { notafs } from '../src/formats/notafs.js'
import type { HostEntry } from '../src/host-tree.js'
import { pathRules } from '../src/path-rules.js'
import { RehearsalDevice } from '../src/rehearsal-device.js'
import { applySync, findOrder, planSync, type SyncOrder } from '../src/sync-plan.js'
import { compareTrees } from '../src/tree-comparison.js'

type Tree = Readonly<Record<string, string | null>>

const { seed } = seedFromEnvironment()
const { signal } = new AbortController()

function entriesOf(tree: Tree): HostEntry[] {
  return Object.entries(tree).map(([name, content]) => ({
    path: Buffer.from(name),
    type: content === null ? 'directory' : 'file',
    size: content?.length ?? 0,
    host: Buffer.from(name),
    ...(content === null ? {} : { content: [Buffer.from(content)] }),
  }))
}

/** Content by path, with attributes behind it. */
async function lookAt(mounted: MountedImage): Promise<Map<string, string>> {
  const seen = new Map<string, string>()
  for await (const entry of mounted.tree.walk(Buffer.from('/'))) {
    const pieces: Uint8Array[] = []
    if (entry.type === 'file') {
      for await (const piece of mounted.tree.read(entry)) pieces.push(piece)
    }
    const attributes = [...(entry.attributes ?? [])].map(([type, value]) => `${type}=${value}`)
    seen.set(pathKey(entry.path), [entry.type, Buffer.concat(pieces), ...attributes].join(' '))
  }
  return seen
}

const KEPT = pathRules(['/config', 'logs/'])

/** What the verb does between opening and closing; the answer is the order that was found. */
async function sync(
  format: ImageFormat,
  device: CrashDevice,
  wanted: Tree,
  ignored = pathRules(['/private']),
): Promise<SyncOrder | undefined> {
  const mounted = await format.open(device, {}, true)
  const image = await comparedImage({ signal } as Context, 'image', mounted)
  const entries = new Map(
    entriesOf(wanted).map((host) => [pathKey(host.path), comparedHostEntry(host)]),
  )
  const tree = { ...image, isHost: true, entries, root: undefined }
  const options = { times: true, attributes: false, signal }
  const { differences } = await compareTrees(image, tree, options)
  const plan = planSync(image, differences, { removes: true, kept: KEPT, ignored })
  expect(plan.blocked).toEqual([])
  const order = await findOrder(plan, async (use) =>
    use(await format.open(new RehearsalDevice(device), {}, true)),
  )
  if (order !== undefined) await applySync(mounted, plan, order)
  await mounted.unmount()
  return order
}

const BEFORE: Tree = {
  '/config': 'of the device',
  '/logs': null,
  '/logs/boot': 'of the device, again',
  '/old': 'o'.repeat(5000),
  '/private': 'of nobody else',
  '/same': 's'.repeat(700),
  '/www': null,
  '/www/a': 'a'.repeat(4000),
  '/www/b': 'b'.repeat(4000),
  '/www/gone': null,
  '/www/gone/deep': 'd'.repeat(100),
}

const WANTED: Tree = {
  '/config': 'of the repository',
  '/same': BEFORE['/same'] as string,
  '/www': null,
  '/www/a': 'A'.repeat(3500),
  '/www/b': 'B'.repeat(3900),
  '/www/new': null,
  '/www/new/small': 'n',
  '/www/new/large': 'N'.repeat(3000),
}

/** Those of the device and of nobody else, and what is the same. */
const UNTOUCHED = ['/config', '/logs', '/logs/boot', '/private', '/same']

async function deviceWith(format: ImageFormat, blockCount: number): Promise<CrashDevice> {
  const { making } = format
  if (typeof making === 'string') throw new TypeError(making)
  const blockSize = 512
  const image = making.plan(format === notafs ? { pageSize: blockSize } : { blockSize })
  const geometry = { blockSize, blockCount, readSize: 1, progSize: 1 }
  const device = new CrashDevice({ ...geometry, strict: false })
  await image.makeOn(device, blockCount, entriesOf(BEFORE))
  return device
}

const FIELDS = { strict: false } as const

/** A device on which the changes go in this order: the largest of those that are tried. */
async function deviceForOrder(
  format: ImageFormat,
  wanted: SyncOrder,
  [most, least]: readonly [number, number],
): Promise<CrashDevice> {
  const found: (SyncOrder | undefined)[] = []
  for (let blockCount = most; blockCount >= least; blockCount--) {
    const device = await deviceWith(format, blockCount)
    const state = copyOfState(device.state)
    const order = await sync(
      format,
      new CrashDevice({ ...device.geometry, ...FIELDS, state }),
      WANTED,
    )
    if (order === wanted) return device
    found.push(order)
  }
  throw new RangeError(`no size with '${wanted}': ${found.join('; ')}`)
}

const CASES: readonly (readonly [string, ImageFormat, SyncOrder, readonly [number, number]])[] = [
  ['littlefs', littlefs, 'put, remove', [100, 100]],
  ['littlefs', littlefs, 'remove, put', [70, 50]],
  ['littlefs', littlefs, 'remove, put one by one', [66, 45]],
  ['notafs', notafs, 'put, remove', [300, 300]],
]

/** After how many cuts one is tried again to the end: all of them take too long for every test run. */
const AGAIN_EVERY = process.env.CARAVAN_RUNS === undefined ? 7 : 1

describe.each(CASES)('%s', (_name, format, wantedOrder, sizes) => {
  test(`${wantedOrder}: each file old or new, the rest untouched, again finishes`, {
    timeout: 120_000,
  }, async () => {
    const random = new Random(seed)
    const device = await deviceForOrder(format, wantedOrder, sizes)
    const before = await lookAt(await format.open(device, {}, false))
    device.startRecording()
    expect(await sync(format, device, WANTED)).toBe(wantedOrder)
    const recording = device.stopRecording()
    const after = await lookAt(await format.open(device, {}, false))
    for (const path of UNTOUCHED) expect(after.get(path)).toBe(before.get(path))
    expect([...after.keys()]).toEqual([
      ...['/', '/config', '/logs', '/logs/boot', '/private', '/same', '/www', '/www/a', '/www/b'],
      ...['/www/new', '/www/new/large', '/www/new/small'],
    ])
    let stateCount = 0
    let changedCount = 0
    const cutOptions = { geometry: device.geometry, eraseValue: 0xff, random }
    for (const cuts of [cutsInOrder, cutsOutOfOrder]) {
      for (const { state, label } of cuts(recording, cutOptions)) {
        const reborn = new CrashDevice({ ...device.geometry, ...FIELDS, state })
        const seen = await lookAt(await format.open(reborn, {}, false))
        for (const path of new Set([...seen.keys(), ...before.keys(), ...after.keys()])) {
          const isOld = seen.get(path) === before.get(path)
          const isNew = seen.get(path) === after.get(path)
          expect({ label, path, isOldOrNew: isOld || isNew }).toEqual({
            label,
            path,
            isOldOrNew: true,
          })
          if (!isOld) changedCount++
        }
        stateCount++
        if (stateCount % AGAIN_EVERY !== 0) continue
        await sync(format, reborn, WANTED)
        expect({ label, tree: await lookAt(await format.open(reborn, {}, false)) }).toEqual({
          label,
          tree: after,
        })
      }
    }
    expect(stateCount).toBeGreaterThan(recording.requests.length)
    expect(changedCount).toBeGreaterThan(0)
  })
})

test('where it does not fit even file by file, not a byte is written', async () => {
  const device = await deviceWith(littlefs, 60)
  const before = device.bytes.slice()
  const order = await sync(littlefs, device, { ...WANTED, '/huge': 'h'.repeat(20_000) })
  expect(order).toBeUndefined()
  expect(Buffer.compare(device.bytes, before)).toBe(0)
})

test('a second time there is nothing to do, and not a byte is written', async () => {
  for (const format of [littlefs, notafs]) {
    const device = await deviceWith(format, 300)
    await sync(format, device, WANTED)
    const done = device.bytes.slice()
    device.startRecording()
    await sync(format, device, WANTED)
    expect(device.stopRecording().requests.filter(({ kind }) => kind !== 'sync')).toEqual([])
    expect(Buffer.compare(device.bytes, done)).toBe(0)
  }
})
