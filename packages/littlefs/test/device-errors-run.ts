/**
 * Requests that fail: every request of a change, once or for ever, refused, short, or done and then
 * said to have failed. The change fails with what the device said; the mounted state is that of the
 * device, or takes no further writes; a new mount shows the old state or the new one.
 */

import { DeviceError, Timestamp } from '@caravan/core'
import { LittleFS, ReferenceFS } from '@caravan/littlefs'
import {
  CrashDevice,
  checkLittlefs,
  copyOfState,
  type FaultWay,
  FaultyDevice,
  type Random,
} from '@caravan/testkit'

/**
 * Calls of a face: a method's name, as of its promise, and what it is given. With a dot before it, it
 * is a method of what the last call gave: of a handle.
 */
export type Calls = readonly (readonly [method: string, ...args: unknown[]])[]

export interface Face {
  readonly name: string
  /** By what is said of it; each is done whole or not at all. */
  readonly changes: Readonly<Record<string, Calls>>
  mount(device: FaultyDevice, options: MountSetup): Promise<Mounted>
}

interface Mounted {
  /** What the calls are made of. */
  readonly client: object
  /** What it stands on. */
  readonly fs: ReferenceFS | LittleFS
}

interface MountSetup {
  readonly blockSize: number
  readonly blockCycles: number
  readonly readOnly?: boolean
}

export interface ErrorSetup {
  readonly setup: {
    readonly blockSize: number
    readonly blockCount: number
    readonly readSize: number
    readonly progSize: number
    readonly blockCycles: number
    readonly diskVersion: '2.0' | '2.1'
  }
  /** Contents of more files. */
  readonly fill: readonly Uint8Array[]
  /** Answers in a later turn: by promises only. */
  readonly late: boolean
}

const bytes = (size: number) => Uint8Array.from({ length: size }, (_, i) => (i * 7 + size) & 0xff)

const REFERENCE_CHANGES: Readonly<Record<string, Calls>> = {
  'a new file': [['writeFile', '/dir/new', bytes(30)]],
  'a large file': [['writeFile', '/dir/new', bytes(3000)]],
  'a file replaced': [['writeFile', '/dir/large', bytes(900)]],
  'an append': [['appendFile', '/dir/large', bytes(700)]],
  'a truncate': [['truncate', '/dir/large', 100]],
  'a directory': [['mkdir', '/dir/made']],
  'a removal': [['remove', '/dir/large']],
  'a directory removed': [['remove', '/empty']],
  'a rename': [['rename', '/dir/large', '/dir/aaa']],
  'a rename across': [['rename', '/dir/large', '/other/x']],
  'a directory renamed across': [['rename', '/dir', '/other/dir']],
  'an attribute': [['setAttribute', '/small', 1, bytes(20)]],
  'a handle that writes': [
    ['open', '/dir/large', { write: true }],
    ['.seek', 600],
    ['.write', bytes(900)],
    ['.truncate', 1400],
    ['.close'],
  ],
}

const FS_CHANGES: Readonly<Record<string, Calls>> = {
  'a new file': [['writeFile', '/dir/new', bytes(3000)]],
  'a file replaced': [['writeFile', '/dir/large', bytes(20)]],
  'a directory': [['mkdir', '/dir/made']],
  'a file removed': [['unlink', '/dir/large']],
  'a directory removed': [['rmdir', '/empty']],
  'a rename across': [['rename', '/dir/large', '/other/x']],
  times: [['utimes', '/small', 1000, 2000]],
}

const STORE_CHANGES: Readonly<Record<string, Calls>> = {
  'a value': [['set', '/dir/new', bytes(30)]],
  'a large value replaced': [['set', '/dir/large', bytes(2000)]],
  'a part of a value': [['setPartial', '/dir/large', 600, bytes(40)]],
  'a value removed': [['remove', '/dir/large']],
  'a rename over another': [['rename', '/dir/large', '/other/x']],
  'an atomic batch': [
    [
      'batch',
      [
        { op: 'set', key: '/dir/a', value: bytes(10) },
        { op: 'set', key: '/dir/b', value: bytes(900) },
        { op: 'remove', key: '/dir/large' },
      ],
      { atomic: true },
    ],
  ],
}

export const FACES: readonly Face[] = [
  {
    name: 'the reference face',
    changes: REFERENCE_CHANGES,
    async mount(device, options) {
      const fs = await ReferenceFS.mount(device, options)
      return { client: fs, fs }
    },
  },
  {
    name: 'the face of node:fs',
    changes: FS_CHANGES,
    async mount(device, options) {
      const fs = await LittleFS.mount(device, { ...options, times: 'nuttx', now: () => 5e9 })
      return { client: fs, fs }
    },
  },
  {
    name: 'the key-value face',
    changes: STORE_CHANGES,
    async mount(device, options) {
      const fs = await LittleFS.mount(device, options)
      return { client: fs.keyValue({ now: () => new Timestamp(2, 0n) }), fs }
    },
  },
]

const WAYS: readonly FaultWay[] = ['refused', 'short', 'lost answer']

/** @returns how many errors were injected, and what the first wrong outcome was. */
export async function failRequests(
  face: Face,
  calls: Calls,
  { setup, fill, late }: ErrorSetup,
  random: Random,
): Promise<{ errors: number; wrong: string | undefined }> {
  const { blockSize, blockCycles } = setup
  const options = { blockSize, blockCycles }
  const prepared = new CrashDevice({ ...setup, strict: false })
  prepare(prepared, setup, fill)
  const fresh = () =>
    new CrashDevice({ ...setup, strict: false, state: copyOfState(prepared.state) })
  const before = await pictureOf(await ReferenceFS.mount(prepared))

  // Once without a fault: how many requests there are, and what they lead to.
  const whole = fresh()
  const counting = new FaultyDevice(whole)
  const { client } = await face.mount(counting, options)
  const begin = counting.requestCount
  await perform(client, calls, true)
  const count = counting.requestCount - begin
  const after = await pictureOf(await ReferenceFS.mount(whole))
  if (after === before) return { errors: 0, wrong: 'the change changed nothing' }

  let errors = 0
  for (let index = 0; index < count; index++) {
    for (const way of WAYS) {
      for (const once of [true, false]) {
        const device = fresh()
        const faulty = new FaultyDevice(device, { random, late })
        const mounted = await face.mount(faulty, options)
        const from = faulty.requestCount + index
        faulty.fault = { way, from, ...(once ? { count: 1 } : {}) }
        const wrong = await judge(mounted, faulty, device)
        errors += faulty.failedCount
        if (wrong === undefined) continue
        const often = once ? 'once' : 'for ever'
        return { errors, wrong: `request ${index} of ${count}, ${way}, ${often}: ${wrong}` }
      }
    }
  }
  return { errors, wrong: undefined }

  async function judge(
    { client, fs }: Mounted,
    faulty: FaultyDevice,
    device: CrashDevice,
  ): Promise<string | undefined> {
    const said = await perform(client, calls, !late).then(
      () => undefined,
      (error: unknown) => error,
    )
    if (faulty.failedCount === 0) return 'the request was not made again'
    if (!(said instanceof DeviceError)) return `it ended with ${said ?? 'success'}`
    faulty.fault = undefined
    const remounted = await pictureOf(await ReferenceFS.mount(device, { readOnly: true }))
    if (remounted !== before && remounted !== after) return `neither old nor new: ${remounted}`
    // What goes on in the mounted state is right or refused; what it says is what the device has.
    const seen = await pictureOf(fs)
    if (seen !== remounted) return `the mounted state shows\n${seen}\nthe device\n${remounted}`
    const next = await perform(client, nextOf(face), !late).then(
      () => undefined,
      (error: unknown) => error,
    )
    const isRefused = ['EROFS', 'ReadOnly'].includes((next as { code?: string })?.code ?? '')
    if (next !== undefined && !isRefused) {
      return `the next change ended with ${(next as Error).stack}`
    }
    return await checkUse(device, next === undefined)
  }

  /** A new mount repairs, is sound, holds what the last change made, and can be written. */
  async function checkUse(device: CrashDevice, hasNext: boolean): Promise<string | undefined> {
    const fs = await ReferenceFS.mount(device, options)
    await fs.makeConsistent()
    const findings = checkLittlefs(device.bytes, {
      blockSize,
      progSize: setup.progSize,
      eraseValue: 0xff,
      allowTornCommits: true,
    }).filter(({ code }) => code !== 'commit-unaligned' && code !== 'commit-overfull')
    if (findings.length > 0) return findings.map(({ message }) => message).join('; ')
    const names = await fs.readdir('/')
    if (names.includes('next') !== hasNext)
      return `the next change is ${hasNext ? 'lost' : 'there'}`
    await fs.writeFile('/use', bytes(1000))
    const read = await (await ReferenceFS.mount(device)).readFile('/use')
    return Buffer.compare(read, bytes(1000)) === 0 ? undefined : 'other bytes were read'
  }
}

function prepare(
  device: CrashDevice,
  setup: ErrorSetup['setup'],
  fill: readonly Uint8Array[],
): void {
  ReferenceFS.formatSync(device, setup)
  const fs = ReferenceFS.mountSync(device, { blockCycles: setup.blockCycles })
  for (const path of ['/dir', '/empty', '/other']) fs.mkdirSync(path)
  fs.writeFileSync('/small', bytes(10))
  fs.writeFileSync('/dir/large', bytes(1700))
  fs.writeFileSync('/other/x', bytes(8))
  fill.forEach((content, i) => {
    fs.writeFileSync(`/dir/fill${i}`, content)
  })
}

const nextOf = (face: Face): Calls =>
  face.changes === STORE_CHANGES ? [['set', '/next', bytes(5)]] : [['writeFile', '/next', bytes(5)]]

/** Calls one after the other; the synchronous forms where the device answers at once. */
async function perform(client: object, calls: Calls, sync: boolean): Promise<void> {
  let target = client
  for (const [name, ...args] of calls) {
    const isOfHandle = name.startsWith('.')
    const method = isOfHandle ? name.slice(1) : name
    const on = isOfHandle ? target : client
    // What asks no device, as to seek, has one form.
    const call = (Reflect.get(on, sync ? `${method}Sync` : method) ?? Reflect.get(on, method)) as (
      ...args: readonly unknown[]
    ) => unknown
    const given = await call.apply(on, args)
    if (!isOfHandle && typeof given === 'object' && given !== null) target = given
  }
}

async function pictureOf(fs: ReferenceFS | LittleFS): Promise<string> {
  const lines: string[] = []
  for await (const entry of fs.walk('/')) {
    if (entry.error !== undefined) throw entry.error
    const { path, type, attributes } = entry
    const content = type === 'file' ? Buffer.from(await fs.readEntry(entry)).toString('hex') : ''
    const each = [...attributes].map(
      ([key, value]) => `${key}:${Buffer.from(value).toString('hex')}`,
    )
    lines.push(`${path} ${type} ${content} ${each}`)
  }
  return lines.join('\n')
}
