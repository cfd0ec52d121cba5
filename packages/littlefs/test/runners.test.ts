/**
 * Each call in its two forms, on a device that answers at once and on one that answers late: the
 * same answers, the same errors, and after all of it the same bytes on the device.
 */

import { CaravanError } from '@caravan/core'
import { LateDevice } from '@caravan/testkit'
import { describe, expect, it } from 'vitest'
import { FileHandle, ReferenceFS } from '../src/index.js'
import { ReadFace } from '../src/read-face.js'
import { deviceOf } from './golden-images.js'

/** What the calls work on. */
interface Scene {
  readonly fs: ReferenceFS
  handle: FileHandle
}

interface Call {
  /** The method, and what is particular about this use of it. */
  readonly name: string
  readonly sync: (scene: Scene) => unknown
  readonly async: (scene: Scene) => unknown
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all = []
  for await (const item of items) all.push(item)
  return all
}

const bytes = (length: number, first = 1) => Uint8Array.from({ length }, (_, i) => first + 7 * i)

const reading: readonly Call[] = [
  ...['/note', '/big.bin', '/docs/two', '/missing', '/docs', '/note/x', '../x'].map((path) => ({
    name: `readFile ${path}`,
    sync: ({ fs }: Scene) => fs.readFileSync(path),
    async: ({ fs }: Scene) => fs.readFile(path),
  })),
  {
    name: 'readFile as text',
    sync: ({ fs }) => fs.readFileSync('docs/in', 'utf8'),
    async: ({ fs }) => fs.readFile('docs/in', { encoding: 'utf8' }),
  },
  ...['/big.bin', '/missing'].map((path) => ({
    name: `readFileInPieces ${path}`,
    sync: ({ fs }: Scene) => [...fs.readFileInPiecesSync(path, 1000)],
    async: ({ fs }: Scene) => collect(fs.readFileInPieces(path, 1000)),
  })),
  ...['/', '/docs', '/note', '/missing'].map((path) => ({
    name: `readdir ${path}`,
    sync: ({ fs }: Scene) => fs.readdirSync(path),
    async: ({ fs }: Scene) => fs.readdir(path),
  })),
  {
    name: 'readdir of all below, as entries with bytes',
    sync: ({ fs }) =>
      fs.readdirSync('/', { recursive: true, withFileTypes: true, encoding: 'buffer' }),
    async: ({ fs }) =>
      fs.readdir('/', { recursive: true, withFileTypes: true, encoding: 'buffer' }),
  },
  ...['/', '/big.bin', '/docs/', '/note/', '/missing'].map((path) => ({
    name: `stat ${path}`,
    sync: ({ fs }: Scene) => fs.statSync(path),
    async: ({ fs }: Scene) => fs.stat(path),
  })),
  ...[0x74, 0x75].map((type) => ({
    name: `getAttribute ${type}`,
    sync: ({ fs }: Scene) => fs.getAttributeSync('/note', type),
    async: ({ fs }: Scene) => fs.getAttribute('/note', type),
  })),
  {
    name: 'getAttributes',
    sync: ({ fs }) => fs.getAttributesSync('/note'),
    async: ({ fs }) => fs.getAttributes('/note'),
  },
  { name: 'df', sync: ({ fs }) => fs.dfSync(), async: ({ fs }) => fs.df() },
  {
    name: 'blockUse',
    sync: ({ fs }) => fs.blockUseSync(),
    async: ({ fs }) => fs.blockUse(),
  },
  ...['/', '/docs', '/note', '/missing'].map((path) => ({
    name: `walk ${path}`,
    sync: ({ fs }: Scene) => [...fs.walkSync(path)],
    async: ({ fs }: Scene) => collect(fs.walk(path)),
  })),
  {
    name: 'readEntry of all files of a walk',
    sync: ({ fs }) => filesOf([...fs.walkSync()]).map((entry) => fs.readEntrySync(entry)),
    async: async ({ fs }) =>
      Promise.all(filesOf(await collect(fs.walk())).map((entry) => fs.readEntry(entry))),
  },
]

function filesOf<T extends { type: string }>(entries: readonly T[]): T[] {
  return entries.filter(({ type }) => type === 'file')
}

const writing: readonly Call[] = [
  ...(
    [
      ['/small', 10],
      ['/large', 3000],
      ['/note', 0],
      ['/docs', 5],
      ['/missing/x', 5],
      [`/${'n'.repeat(256)}`, 1],
    ] as const
  ).map(([path, length]) => ({
    name: `writeFile ${path.slice(0, 20)}`,
    sync: ({ fs }: Scene) => fs.writeFileSync(path, bytes(length)),
    async: ({ fs }: Scene) => fs.writeFile(path, bytes(length)),
  })),
  {
    name: 'appendFile',
    sync: ({ fs }) => fs.appendFileSync('/large', 'and more'),
    async: ({ fs }) => fs.appendFile('/large', 'and more'),
  },
  ...[2000, 3500].map((size) => ({
    name: `truncate to ${size}`,
    sync: ({ fs }: Scene) => fs.truncateSync('/large', size),
    async: ({ fs }: Scene) => fs.truncate('/large', size),
  })),
  {
    name: 'mkdir of three at once',
    sync: ({ fs }) => fs.mkdirSync('/a/b/c', { recursive: true }),
    async: ({ fs }) => fs.mkdir('/a/b/c', { recursive: true }),
  },
  ...['/a', '/missing/x'].map((path) => ({
    name: `mkdir ${path}`,
    sync: ({ fs }: Scene) => fs.mkdirSync(path),
    async: ({ fs }: Scene) => fs.mkdir(path),
  })),
  ...(
    [
      ['/small', '/a/b/moved'],
      ['/a/b', '/b'],
      ['/b', '/b/inside'],
      ['/missing', '/x'],
    ] as const
  ).map(([from, to]) => ({
    name: `rename ${from} to ${to}`,
    sync: ({ fs }: Scene) => fs.renameSync(from, to),
    async: ({ fs }: Scene) => fs.rename(from, to),
  })),
  ...['/a', '/b', '/missing'].map((path) => ({
    name: `remove ${path}`,
    sync: ({ fs }: Scene) => fs.removeSync(path),
    async: ({ fs }: Scene) => fs.remove(path),
  })),
  ...[{}, { force: true }, { recursive: true }].map((options) => ({
    name: `rm with ${Object.keys(options)}`,
    sync: ({ fs }: Scene) => fs.rmSync('force' in options ? '/missing' : '/b', options),
    async: ({ fs }: Scene) => fs.rm('force' in options ? '/missing' : '/b', options),
  })),
  ...[0x01, 0xff].map((type) => ({
    name: `setAttribute ${type}`,
    sync: ({ fs }: Scene) => fs.setAttributeSync('/docs', type, bytes(5)),
    async: ({ fs }: Scene) => fs.setAttribute('/docs', type, bytes(5)),
  })),
  {
    name: 'removeAttribute',
    sync: ({ fs }) => fs.removeAttributeSync('/docs', 0x01),
    async: ({ fs }) => fs.removeAttribute('/docs', 0x01),
  },
  {
    name: 'addTree',
    sync: ({ fs }) => fs.addTreeSync([{ path: '/tree/leaf', data: bytes(700) }]),
    async: ({ fs }) => fs.addTree([{ path: '/tree/leaf', data: bytes(700) }]),
  },
  {
    name: 'makeConsistent',
    sync: ({ fs }) => fs.makeConsistentSync(),
    async: ({ fs }) => fs.makeConsistent(),
  },
  { name: 'gc', sync: ({ fs }) => fs.gcSync(), async: ({ fs }) => fs.gc() },
  ...[64, 1000].map((blockCount) => ({
    name: `grow to ${blockCount}`,
    sync: ({ fs }: Scene) => fs.growSync(blockCount),
    async: ({ fs }: Scene) => fs.grow(blockCount),
  })),
  ...[undefined, 40, 1].map((blockCount) => ({
    name: `planShrink to ${blockCount}`,
    sync: ({ fs }: Scene) => fs.planShrinkSync(blockCount),
    async: ({ fs }: Scene) => fs.planShrink(blockCount),
  })),
  {
    name: 'fragmentation',
    sync: ({ fs }) => fs.fragmentationSync(),
    async: ({ fs }) => fs.fragmentation(),
  },
  { name: 'defrag', sync: ({ fs }) => fs.defragSync(), async: ({ fs }) => fs.defrag() },
  ...[1, 3, 2000].map((blockCount) => ({
    name: `shrink to ${blockCount}`,
    sync: ({ fs }: Scene) => fs.shrinkSync(blockCount),
    async: ({ fs }: Scene) => fs.shrink(blockCount),
  })),
  ...(['2.0', '2.1'] as const).map((version) => ({
    name: `setDiskVersion ${version}`,
    sync: ({ fs }: Scene) => fs.setDiskVersionSync(version),
    async: ({ fs }: Scene) => fs.setDiskVersion(version),
  })),
]

const handles: readonly Call[] = [
  {
    name: 'open what is missing',
    sync: ({ fs }) => fs.openSync('/missing'),
    async: ({ fs }) => fs.open('/missing'),
  },
  {
    name: 'open to read and write',
    sync: (scene) => {
      scene.handle = scene.fs.openSync('/handle', { read: true, write: true, create: true })
    },
    async: async (scene) => {
      scene.handle = await scene.fs.open('/handle', { read: true, write: true, create: true })
    },
  },
  {
    name: 'write on a handle',
    sync: ({ handle }) => [handle.writeSync(bytes(1200)), handle.size, handle.position],
    async: async ({ handle }) => [await handle.write(bytes(1200)), handle.size, handle.position],
  },
  {
    name: 'read on a handle',
    sync: ({ handle }) => {
      const target = new Uint8Array(400)
      return [handle.seek(-300, 'end'), handle.readSync(target), target, handle.position]
    },
    async: async ({ handle }) => {
      const target = new Uint8Array(400)
      return [handle.seek(-300, 'end'), await handle.read(target), target, handle.position]
    },
  },
  {
    name: 'sync of a handle',
    sync: ({ handle }) => handle.syncSync(),
    async: ({ handle }) => handle.sync(),
  },
  {
    name: 'truncate on a handle',
    sync: ({ handle }) => handle.truncateSync(900),
    async: ({ handle }) => handle.truncate(900),
  },
  {
    name: 'unmount with a handle open',
    sync: ({ fs }) => fs.unmountSync(),
    async: ({ fs }) => fs.unmount(),
  },
  {
    name: 'close of a handle',
    sync: ({ handle }) => handle.closeSync(),
    async: ({ handle }) => handle.close(),
  },
  {
    name: 'write on a closed handle',
    sync: ({ handle }) => handle.writeSync(bytes(3)),
    async: ({ handle }) => handle.write(bytes(3)),
  },
  {
    name: 'readFile of what the handle wrote',
    sync: ({ fs }) => fs.readFileSync('/handle'),
    async: ({ fs }) => fs.readFile('/handle'),
  },
]

const afterwards: readonly Call[] = [
  ...reading.map((call) => ({ ...call, name: `${call.name}, after all that` })),
  { name: 'unmount', sync: ({ fs }) => fs.unmountSync(), async: ({ fs }) => fs.unmount() },
  {
    name: 'stat, unmounted',
    sync: ({ fs }) => fs.statSync('/'),
    async: ({ fs }) => fs.stat('/'),
  },
]

const calls = [...reading, ...writing, ...handles, ...afterwards]

/** A result or an error, as what can be compared. */
async function outcomeOf(call: () => unknown): Promise<unknown> {
  try {
    return { result: await call() }
  } catch (error) {
    if (!(error instanceof CaravanError)) throw error
    return { error: error.name, code: error.code, message: error.message }
  }
}

async function play(scene: Scene, form: 'sync' | 'async'): Promise<Map<string, unknown>> {
  const outcomes = new Map<string, unknown>()
  for (const call of calls) outcomes.set(call.name, await outcomeOf(() => call[form](scene)))
  return outcomes
}

const NO_HANDLE = undefined as unknown as FileHandle

describe.each(['corrupt-none', 'field-zephyr'])('every call on %s', (name) => {
  it('answers the same in both forms, on a device that answers late too', async () => {
    const [atOnce, promised, late] = [deviceOf(name), deviceOf(name), deviceOf(name)]
    const options = { blockSize: atOnce.geometry.blockSize }
    const expected = await play(
      { fs: ReferenceFS.mountSync(atOnce, options), handle: NO_HANDLE },
      'sync',
    )
    for (const [device, bytes] of [
      [promised, promised.bytes],
      [new LateDevice(late), late.bytes],
    ] as const) {
      const scene = { fs: await ReferenceFS.mount(device, options), handle: NO_HANDLE }
      for (const [call, outcome] of await play(scene, 'async')) {
        expect(outcome, call).toEqual(expected.get(call))
      }
      expect(Buffer.compare(bytes, atOnce.bytes)).toBe(0)
    }
    const results = [...expected.values()] as { error?: string }[]
    expect(results.filter(({ error }) => error === undefined).length).toBeGreaterThan(40)
  })
})

describe('every call', () => {
  it('is among those above', () => {
    const uses = new Set(calls.map(({ name }) => name.split(' ')[0]))
    const names = [ReferenceFS, ReadFace, FileHandle].flatMap((face) =>
      Object.getOwnPropertyNames(face.prototype),
    )
    const forms = names.filter((name) => name.endsWith('Sync')).map((name) => name.slice(0, -4))
    expect(forms.length).toBeGreaterThan(25)
    expect(forms.filter((name) => !uses.has(name))).toEqual([])
    for (const name of forms) expect(names).toContain(name)
  })

  it('formats in both forms to the same bytes', async () => {
    const [atOnce, late] = [deviceOf('corrupt-none'), deviceOf('corrupt-none')]
    ReferenceFS.formatSync(atOnce)
    await ReferenceFS.format(new LateDevice(late))
    expect(Buffer.compare(atOnce.bytes, late.bytes)).toBe(0)
    expect(ReferenceFS.mountSync(late).readdirSync('/')).toEqual([])
  })

  it('in its synchronous form says what to do about a device that answers late', async () => {
    const device = new LateDevice(deviceOf('corrupt-none'))
    const needsAsync = expect.objectContaining({ name: 'MisuseError', code: 'NEEDS_ASYNC' })
    expect(() => ReferenceFS.mountSync(device)).toThrow(needsAsync)
    expect(() => ReferenceFS.formatSync(new LateDevice(deviceOf('fresh-512-ff')))).toThrow(
      needsAsync,
    )
    const fs = await ReferenceFS.mount(device)
    expect(() => fs.readFileSync('/big.bin')).toThrow(needsAsync)
    expect(await fs.readFile('/note')).toHaveLength(13)
  })

  it('that changes goes after those asked for before it; a synchronous one must wait', async () => {
    const device = deviceOf('corrupt-none')
    const fs = await ReferenceFS.mount(new LateDevice(device))
    const writes = ['one', 'two', 'three'].map((text) => fs.writeFile('/note', text))
    expect(() => fs.writeFileSync('/note', 'four')).toThrow(
      expect.objectContaining({ code: 'EBUSY' }),
    )
    await Promise.all(writes)
    expect(await fs.readFile('/note', 'utf8')).toBe('three')
    await fs.unmount()
    expect(ReferenceFS.mountSync(device).readFileSync('/note', 'utf8')).toBe('three')
  })
})
