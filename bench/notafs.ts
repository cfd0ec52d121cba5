/**
 * notafs beside other stores, and beside the raw disk: a part of `npm run bench`.
 *
 * All stores take turns, each turn behind one of the raw disk's, and of every figure the best of
 * several turns counts: what else the machine does disturbs all alike. Processor time is that of the
 * whole process, with what a store does in threads of its own. On files in the system's directory for
 * temporary ones, or another.
 */

import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { MemoryDevice } from '@caravan/device'
import { FileDevice } from '@caravan/device/node'
import { NotaFS } from '@caravan/notafs'
import {
  type Entries,
  makeAllocatedFile,
  notafsKind,
  openNotafs,
  peerStores,
  type Store,
  type StoreKind,
} from './stores.js'
import { layOut } from './table.js'

interface NotafsSizes {
  readonly turns: number
  readonly names: number
  /** Durable commits of a turn. */
  readonly commits: number
  /** Keys of one transaction, and gets of a turn. */
  readonly batch: number
  /** Values of 1 MiB of a turn. */
  readonly large: number
}

export const FULL_SIZES: NotafsSizes = {
  turns: 6,
  names: 1000,
  commits: 200,
  batch: 10_000,
  large: 25,
}
export const QUICK_SIZES: NotafsSizes = { ...FULL_SIZES, turns: 3, commits: 100, large: 10 }

interface StoreRow {
  readonly work: string
  readonly store: string
  readonly value: number
  readonly unit: string
  /** Milliseconds of processor time of one piece of the work. */
  readonly cpuMs?: number
  /** To what `to` names, in the same run. */
  readonly ratio?: number
  readonly to?: string
}

interface Times {
  ms: number
  cpuMs: number
}

const KEY = (i: number) => `key${String(i).padStart(7, '0')}`
const MIB = 1024 * 1024
const KEY_SETS = 3

let valueCount = 0
/** A value of 100 bytes, none like another: a store may save itself what is there already. */
function smallValue(): Uint8Array {
  const value = new Uint8Array(100).fill(7)
  new DataView(value.buffer).setUint32(0, ++valueCount)
  return value
}

async function timed(run: () => void | Promise<void>): Promise<Times> {
  const cpu = process.cpuUsage()
  const begin = performance.now()
  const done = run()
  if (done !== undefined) await done
  const ms = performance.now() - begin
  const { user, system } = process.cpuUsage(cpu)
  return { ms, cpuMs: (user + system) / 1000 }
}

/** The best of several turns. */
class Best implements Times {
  ms = Number.POSITIVE_INFINITY
  cpuMs = Number.POSITIVE_INFINITY

  add({ ms, cpuMs }: Times): void {
    this.ms = Math.min(this.ms, ms)
    this.cpuMs = Math.min(this.cpuMs, cpuMs)
  }
}

/** `pwrite` of 4 KiB and `fdatasync`, one behind the other, on a file that is there. */
class RawDisk {
  private readonly file: number
  private readonly page = new Uint8Array(4096)
  private at = 0

  constructor(path: string) {
    makeAllocatedFile(path, 16 * MIB)
    this.file = openSync(path, 'r+')
  }

  commits(count: number): void {
    for (let i = 0; i < count; i++) {
      this.page[0] = ++this.at
      writeSync(this.file, this.page, 0, 4096, (this.at % 4096) * 4096)
      fdatasyncSync(this.file)
    }
  }

  close(): void {
    closeSync(this.file)
  }
}

interface StoreResult {
  readonly rows: readonly StoreRow[]
  /** Peers that are not there. */
  readonly missing: readonly string[]
}

export async function measureNotafs(sizes: NotafsSizes, parent: string): Promise<StoreResult> {
  const dir = mkdtempSync(join(parent, 'caravan-bench-'))
  const { kinds, missing } = peerStores()
  try {
    const small = [notafsKind(512, 64 * MIB), notafsKind(4096, 256 * MIB), ...kinds]
    const large = [notafsKind(4096, (sizes.large * 3 + 16) * MIB), ...kinds]
    const rows = [
      ...(await measureSmall(small, dir, sizes)),
      ...(await measureLarge(large, dir, sizes)),
      ...(await measureAppends(dir, sizes)),
      ...(await measureNames(dir, sizes)),
      ...(await measureMounts(dir, sizes)),
    ]
    return { rows, missing }
  } finally {
    rmSync(dir, { recursive: true })
  }
}

interface Opened {
  readonly name: string
  readonly store: Store
  readonly best: Record<string, Best>
}

async function openAll(kinds: readonly StoreKind[], dir: string, label: string): Promise<Opened[]> {
  const opened: Opened[] = []
  for (const kind of kinds) {
    const path = join(dir, `${label}-${kind.name.replace(/\W/g, '-')}`)
    opened.push({ name: kind.name, store: await kind.open(path), best: {} })
  }
  return opened
}

function note(best: Record<string, Best>, work: string, times: Times): void {
  best[work] ??= new Best()
  best[work].add(times)
}

async function measureSmall(
  kinds: readonly StoreKind[],
  dir: string,
  { turns, names, commits, batch }: NotafsSizes,
): Promise<StoreRow[]> {
  const raw = new RawDisk(join(dir, 'raw'))
  const rawBest = new Best()
  const opened = await openAll(kinds, dir, 'small')
  const first: Entries = Array.from({ length: names }, (_, i) => [KEY(i), smallValue()])
  for (const { store } of opened) await store.batch(first)
  for (let turn = 0; turn < turns; turn++) {
    const order = [...opened.slice(turn % opened.length), ...opened.slice(0, turn % opened.length)]
    for (const { store, best } of order) {
      rawBest.add(await timed(() => raw.commits(commits)))
      const setting = async () => {
        for (let i = 0; i < commits; i++) {
          const done = store.set(KEY(((turn * commits + i) * 7919) % names), smallValue())
          if (done !== undefined) await done
        }
      }
      note(best, 'commits', await timed(setting))
    }
  }
  for (let turn = 0; turn < turns; turn++) {
    // New ones in the first turns, then the same again: else the disk would have to be vast.
    const set = turn % KEY_SETS
    const entries: Entries = Array.from({ length: batch }, (_, i) => [
      `${set}${KEY(i)}`,
      smallValue(),
    ])
    const keys = entries.map((_, i) => `${set}${KEY((i * 7919) % batch)}`)
    for (const { store, best } of opened) {
      note(best, 'batch', await timed(() => store.batch(entries)))
      for (let again = 0; again < 2; again++) {
        const getting = () => {
          for (const key of keys) store.get(key)
        }
        note(best, 'gets', await timed(getting))
      }
    }
  }
  for (const { store } of opened) await store.close()
  raw.close()
  return opened.flatMap(({ name, best }) => [
    {
      work: `durable commits, ${names} names`,
      store: name,
      value: (commits / (best.commits as Best).ms) * 1000,
      unit: '/s',
      cpuMs: (best.commits as Best).cpuMs / commits,
      ratio: rawBest.ms / (best.commits as Best).ms,
      to: 'raw',
    },
    row(`${batch} keys in one transaction`, name, best.batch as Best),
    row(`${batch} random gets, warm`, name, best.gets as Best),
  ])
}

function row(work: string, store: string, { ms, cpuMs }: Times): StoreRow {
  return { work, store, value: ms, unit: 'ms', cpuMs }
}

async function measureLarge(
  kinds: readonly StoreKind[],
  dir: string,
  { turns, large }: NotafsSizes,
): Promise<StoreRow[]> {
  const opened = await openAll(kinds, dir, 'large')
  const value = new Uint8Array(MIB).map((_, i) => i * 31 + (i >> 9))
  for (let turn = 0; turn < turns; turn++) {
    for (const { store, best } of opened) {
      const writing = async () => {
        for (let i = 0; i < large; i++) {
          value[i] = turn
          await store.set(KEY(i), value)
        }
      }
      note(best, 'written', await timed(writing))
      const reading = () => {
        for (let i = 0; i < large; i++) store.get(KEY(i))
      }
      note(best, 'read', await timed(reading))
    }
  }
  for (const { store } of opened) await store.close()
  const lmdb = opened.find(({ name }) => name === 'lmdb')
  return ['written', 'read'].flatMap((work) =>
    opened.map(({ name, best }) => {
      const { ms, cpuMs } = best[work] as Best
      return {
        work: `values of 1 MiB ${work}`,
        store: name,
        value: (large / ms) * 1000,
        unit: 'MiB/s',
        cpuMs: cpuMs / large,
        ...(lmdb && { ratio: (lmdb.best[work] as Best).ms / ms, to: 'lmdb' }),
      }
    }),
  )
}

/** Appends of 64 KiB, each durable, among 1000 names; and a set: as the original was measured. */
async function measureAppends(dir: string, { turns, names }: NotafsSizes): Promise<StoreRow[]> {
  const file = openNotafs(join(dir, 'append'), 4096, 128 * MIB)
  const memory = new MemoryDevice({ blockSize: 4096, blockCount: (128 * MIB) / 4096 })
  NotaFS.formatSync(memory, { pageSize: 4096 })
  const piece = new Uint8Array(64 * 1024).map((_, i) => i * 7)
  const count = 64
  const rows: StoreRow[] = []
  const on = { 'on a file': file.fs, 'in memory': NotaFS.mountSync(memory) }
  for (const [where, fs] of Object.entries(on)) {
    const kv = fs.keyValue()
    kv.batchSync(
      Array.from({ length: names }, (_, i) => ({ op: 'set', key: KEY(i), value: smallValue() })),
    )
    const appends = new Best()
    const sets = new Best()
    for (let turn = 0; turn < turns; turn++) {
      kv.removeSync('appended')
      const appending = () => {
        for (let i = 0; i < count; i++) fs.transactionSync((tx) => tx.appendSync('appended', piece))
      }
      appends.add(await timed(appending))
      const setting = () => {
        for (let i = 0; i < count; i++) kv.setSync(KEY((i * 7919) % names), smallValue())
      }
      sets.add(await timed(setting))
    }
    const store = 'notafs, pages of 4096'
    rows.push({
      work: `appends of 64 KiB with a flush, ${where}`,
      store,
      value: ((count * piece.length) / MIB / appends.ms) * 1000,
      unit: 'MiB/s',
      cpuMs: appends.cpuMs / count,
    })
    rows.push({
      work: `set and flush at ${names} names, ${where}`,
      store,
      value: sets.ms / count,
      unit: 'ms',
      cpuMs: sets.cpuMs / count,
    })
  }
  file.close()
  return rows
}

/** What one small commit costs among more and more names. */
async function measureNames(dir: string, { turns, batch }: NotafsSizes): Promise<StoreRow[]> {
  const rows: StoreRow[] = []
  for (const count of [100, 1000, 10_000, 100_000].filter((n) => n <= batch * 10)) {
    const store = openNotafs(join(dir, `names-${count}`), 512, 128 * MIB)
    store.batch(Array.from({ length: count }, (_, i) => [KEY(i), smallValue()]))
    const best = new Best()
    const commits = 50
    for (let turn = 0; turn < turns; turn++) {
      const setting = () => {
        for (let i = 0; i < commits; i++) store.set(KEY((i * 7919) % count), smallValue())
      }
      best.add(await timed(setting))
    }
    store.close()
    rows.push({
      work: `durable set among ${count} names`,
      store: 'notafs, pages of 512',
      value: best.ms / commits,
      unit: 'ms',
      cpuMs: best.cpuMs / commits,
    })
  }
  return rows
}

/** Mounting: behind a small commit among more and more names, and behind larger and larger ones. */
async function measureMounts(dir: string, { turns, batch }: NotafsSizes): Promise<StoreRow[]> {
  const rows: StoreRow[] = []
  const store = 'notafs, pages of 512'
  const mount = async (path: string, work: string) => {
    const device = FileDevice.openSync(path, { blockSize: 512 })
    const best = new Best()
    const first = new Best()
    for (let turn = 0; turn < turns; turn++) {
      let fs: NotaFS | undefined
      best.add(
        await timed(() => {
          fs = NotaFS.mountSync(device)
        }),
      )
      first.add(await timed(() => void fs?.keyValue().existsSync(KEY(0))))
    }
    device.close()
    rows.push(row(work, store, best))
    return first
  }
  const counts = [100, 1000, 10_000, 100_000].filter((n) => n <= batch * 10)
  for (const names of counts) {
    const path = join(dir, `mount-${names}`)
    const made = openNotafs(path, 512, 128 * MIB)
    made.batch(Array.from({ length: names }, (_, i) => [KEY(i), smallValue()]))
    made.set('last', smallValue())
    made.close()
    const first = await mount(path, `mount, ${names} names, 1 changed last`)
    rows.push(row(`first look after it, ${names} names`, store, first))
  }
  const names = counts.at(-1) as number
  for (const changed of [100, 10_000].filter((n) => n < names)) {
    const path = join(dir, `mount-${names}`)
    const device = FileDevice.openSync(path, { blockSize: 512 })
    const kv = NotaFS.mountSync(device).keyValue()
    kv.batchSync(
      Array.from({ length: changed }, (_, i) => ({ op: 'set', key: KEY(i), value: smallValue() })),
    )
    // Not unmounted: that would put an empty generation behind a large one.
    device.close()
    await mount(path, `mount, ${names} names, ${changed} changed last`)
  }
  return rows
}

export function notafsTable({ rows, missing }: StoreResult): string {
  const number = (value: number) => (value >= 100 ? value.toFixed(0) : value.toPrecision(3))
  const lines = rows.map(({ work, store, value, unit, cpuMs, ratio, to }) => [
    work,
    store,
    number(value),
    unit,
    cpuMs === undefined ? '' : cpuMs.toPrecision(3),
    ratio === undefined ? '' : `${ratio.toFixed(2)} of ${to}`,
  ])
  const table = layOut([['notafs', '', 'best', '', 'cpu ms', ''], ...lines], 2)
  return `${table}${missing.map((name) => `not measured: ${name}\n`).join('')}`
}
