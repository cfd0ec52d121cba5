/**
 * notafs beside other stores, and beside the raw disk, in one run: `npm run bench-notafs`.
 *
 * On files in a directory of the system's for temporary ones, or of `--dir`. Peers are those of
 * bench/peers that are installed there; the others are named as missing.
 */

import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FileDevice } from '@caravan/device/node'
import { NotaFS } from '@caravan/notafs'

/** A store as it is measured. Durable when a call returns. */
interface Store {
  set(key: string, value: Uint8Array): void | Promise<void>
  get(key: string): Uint8Array | undefined
  /** All in one transaction. */
  batch(entries: readonly (readonly [string, Uint8Array])[]): void | Promise<void>
  close(): void | Promise<void>
}

interface StoreKind {
  readonly name: string
  open(path: string): Store | Promise<Store>
}

export interface BenchRow {
  readonly work: string
  readonly store: string
  readonly value: number
  readonly unit: string
  /** To the raw disk, or to lmdb, in the same run. */
  readonly ratio?: number
}

export interface BenchSizes {
  readonly names: number
  readonly commits: number
  readonly batch: number
  readonly large: number
}

export const FULL_SIZES: BenchSizes = { names: 1000, commits: 2000, batch: 10_000, large: 100 }

const VALUE = new Uint8Array(100).fill(7)
const KEY = (i: number) => `key${String(i).padStart(7, '0')}`
const LARGE_BYTES = 1024 * 1024

function notafsKind(pageSize: number, sizeBytes: number): StoreKind {
  return {
    name: `notafs, pages of ${pageSize}`,
    open(path) {
      const file = openSync(path, 'w')
      // As the others' files are after a while: allocated, so that a barrier writes data alone.
      const zeros = new Uint8Array(LARGE_BYTES)
      for (let at = 0; at < sizeBytes; at += zeros.length)
        writeSync(file, zeros, 0, zeros.length, at)
      fdatasyncSync(file)
      closeSync(file)
      const device = FileDevice.openSync(path, { blockSize: pageSize })
      NotaFS.formatSync(device, { pageSize })
      const fs = NotaFS.mountSync(device)
      const kv = fs.keyValue()
      return {
        set: (key, value) => kv.setSync(key, value),
        get: (key) => kv.getSync(key),
        batch: (entries) => {
          kv.batchSync(entries.map(([key, value]) => ({ op: 'set', key, value })))
        },
        close() {
          fs.unmountSync()
          device.close()
        },
      }
    },
  }
}

const requirePeer = createRequire(new URL('../peers/package.json', import.meta.url))

/** The peers that are installed, and the names of those that are not. */
function peers(): { kinds: StoreKind[]; missing: string[] } {
  const kinds: StoreKind[] = []
  const missing: string[] = []
  for (const [name, make] of PEERS) {
    try {
      kinds.push({ name, open: make(requirePeer(name)) })
    } catch {
      missing.push(name)
    }
  }
  return { kinds, missing }
}

interface Statement {
  run(...values: unknown[]): unknown
  get(...values: unknown[]): { v: Uint8Array } | undefined
}
interface Sqlite {
  pragma(text: string): unknown
  exec(text: string): unknown
  prepare(text: string): Statement
  transaction<A extends unknown[]>(run: (...args: A) => void): (...args: A) => void
  close(): void
}
interface Lmdb {
  putSync(key: string, value: Uint8Array): boolean
  getBinary(key: string): Uint8Array | undefined
  transactionSync(run: () => void): void
  close(): Promise<void>
}
interface Level {
  open(): Promise<void>
  put(key: string, value: Uint8Array, options: object): Promise<void>
  getSync(key: string): Uint8Array | undefined
  batch(operations: readonly object[], options: object): Promise<void>
  close(): Promise<void>
}

type PeerModule = unknown

const PEERS: readonly (readonly [string, (module: PeerModule) => StoreKind['open']])[] = [
  [
    'better-sqlite3',
    (module) => {
      const Database = module as new (path: string) => Sqlite
      // Found out now, not at the first row: its binary may be missing.
      new Database(':memory:').close()
      return (path) => {
        const db = new Database(path)
        db.pragma('journal_mode = WAL')
        db.pragma('synchronous = FULL')
        db.exec('CREATE TABLE kv (k TEXT PRIMARY KEY, v BLOB) WITHOUT ROWID')
        const put = db.prepare('INSERT OR REPLACE INTO kv VALUES (?, ?)')
        const get = db.prepare('SELECT v FROM kv WHERE k = ?')
        const all = db.transaction((entries: readonly (readonly [string, Uint8Array])[]) => {
          for (const [key, value] of entries) put.run(key, value)
        })
        return {
          set: (key, value) => void put.run(key, value),
          get: (key) => get.get(key)?.v,
          batch: (entries) => all(entries),
          close: () => db.close(),
        }
      }
    },
  ],
  [
    'lmdb',
    (module) => {
      const { open } = module as { open(options: object): Lmdb }
      return (path) => {
        const db = open({ path, encoding: 'binary', noSubdir: true, overlappingSync: false })
        return {
          set: (key, value) => void db.putSync(key, value),
          get: (key) => db.getBinary(key),
          batch: (entries) =>
            db.transactionSync(() => {
              for (const [key, value] of entries) db.putSync(key, value)
            }),
          close: () => db.close(),
        }
      }
    },
  ],
  [
    'classic-level',
    (module) => {
      const { ClassicLevel } = module as {
        ClassicLevel: new (path: string, options: object) => Level
      }
      return async (path) => {
        const db = new ClassicLevel(path, { valueEncoding: 'view' })
        await db.open()
        const sync = { sync: true }
        return {
          set: (key, value) => db.put(key, value, sync),
          get: (key) => db.getSync(key),
          batch: (entries) =>
            db.batch(
              entries.map(([key, value]) => ({ type: 'put', key, value })),
              sync,
            ),
          close: () => db.close(),
        }
      }
    },
  ],
]

/** Milliseconds that some work takes. */
async function timed(run: () => void | Promise<void>): Promise<number> {
  const start = performance.now()
  await run()
  return performance.now() - start
}

/** `pwrite` of 4 KiB and `fdatasync`, one behind the other, on a file that is there: commits a second. */
function rawCommits(dir: string, count: number): number {
  const file = openSync(join(dir, 'raw'), 'w')
  const zeros = new Uint8Array(LARGE_BYTES)
  for (let at = 0; at < 16; at++) writeSync(file, zeros, 0, zeros.length, at * LARGE_BYTES)
  fdatasyncSync(file)
  const page = new Uint8Array(4096).fill(1)
  const start = performance.now()
  for (let i = 0; i < count; i++) {
    writeSync(file, page, 0, page.length, (i % 4096) * 4096)
    fdatasyncSync(file)
  }
  const ms = performance.now() - start
  closeSync(file)
  return (count / ms) * 1000
}

export interface BenchResult {
  readonly rows: readonly BenchRow[]
  readonly missing: readonly string[]
}

export async function measureNotafs(sizes: BenchSizes, parent = tmpdir()): Promise<BenchResult> {
  const dir = mkdtempSync(join(parent, 'caravan-bench-'))
  const { kinds, missing } = peers()
  const rows: BenchRow[] = []
  try {
    for (const kind of [notafsKind(512, 64 << 20), notafsKind(4096, 256 << 20), ...kinds]) {
      rows.push(...(await measureSmall(kind, dir, sizes)))
    }
    const large = [notafsKind(4096, (sizes.large * 2 + 16) << 20), ...kinds]
    rows.push(...(await measureLarge(large, dir, sizes.large)))
    rows.push(
      ...measureNames(
        [100, 1000, 10_000, 100_000].filter((n) => n <= sizes.batch * 10),
        dir,
      ),
    )
    rows.push(...measureMount(sizes.batch, dir))
  } finally {
    rmSync(dir, { recursive: true })
  }
  return { rows, missing }
}

async function measureSmall(kind: StoreKind, dir: string, sizes: BenchSizes): Promise<BenchRow[]> {
  const store = await kind.open(join(dir, kind.name.replace(/\W/g, '-')))
  const names = Array.from({ length: sizes.names }, (_, i) => [KEY(i), VALUE] as const)
  await store.batch(names)
  // Raw and store by turns, since the disk is not the same from one second to the next.
  const rounds = 4
  let raw = 0
  let ms = 0
  for (let round = 0; round < rounds; round++) {
    raw += rawCommits(dir, sizes.commits / rounds) / rounds
    ms += await timed(async () => {
      for (let i = 0; i < sizes.commits / rounds; i++) {
        const done = store.set(KEY((i * 7919) % sizes.names), VALUE)
        if (done !== undefined) await done
      }
    })
  }
  const commits = (sizes.commits / ms) * 1000
  const batch = Array.from({ length: sizes.batch }, (_, i) => [`b${KEY(i)}`, VALUE] as const)
  const batchMs = await timed(() => store.batch(batch))
  const get = () => {
    for (let i = 0; i < sizes.batch; i++) store.get(`b${KEY((i * 7919) % sizes.batch)}`)
  }
  get()
  const getMs = await timed(get)
  await store.close()
  return [
    {
      work: `durable commits, ${sizes.names} names`,
      store: kind.name,
      value: commits,
      unit: '/s',
      ratio: commits / raw,
    },
    {
      work: `${sizes.batch} keys in one transaction`,
      store: kind.name,
      value: batchMs,
      unit: 'ms',
    },
    { work: `${sizes.batch} random gets, warm`, store: kind.name, value: getMs, unit: 'ms' },
  ]
}

async function measureLarge(
  kinds: readonly StoreKind[],
  dir: string,
  count: number,
): Promise<BenchRow[]> {
  const value = new Uint8Array(LARGE_BYTES).map((_, i) => i * 31 + (i >> 9))
  const found: { kind: StoreKind; written: number; read: number }[] = []
  for (const kind of kinds) {
    const store = await kind.open(join(dir, `large-${kind.name.replace(/\W/g, '-')}`))
    const writeMs = await timed(async () => {
      for (let i = 0; i < count; i++) await store.set(KEY(i), value)
    })
    const readMs = await timed(() => {
      for (let i = 0; i < count; i++) store.get(KEY(i))
    })
    await store.close()
    found.push({ kind, written: (count / writeMs) * 1000, read: (count / readMs) * 1000 })
  }
  const lmdb = found.find(({ kind }) => kind.name === 'lmdb')
  return found.flatMap(({ kind, written, read }) => [
    {
      work: `${count} values of 1 MiB written`,
      store: kind.name,
      value: written,
      unit: 'MiB/s',
      ...(lmdb && { ratio: written / lmdb.written }),
    },
    {
      work: `${count} values of 1 MiB read`,
      store: kind.name,
      value: read,
      unit: 'MiB/s',
      ...(lmdb && { ratio: read / lmdb.read }),
    },
  ])
}

/** What one small commit costs among more and more names: time, and bytes written. */
function measureNames(counts: readonly number[], dir: string): BenchRow[] {
  return counts.flatMap((count) => {
    const store = notafsKind(512, 128 << 20).open(join(dir, `names-${count}`)) as Store
    void store.batch(Array.from({ length: count }, (_, i) => [KEY(i), VALUE] as const))
    const commits = 200
    const start = performance.now()
    for (let i = 0; i < commits; i++) void store.set(KEY((i * 7919) % count), VALUE)
    const ms = (performance.now() - start) / commits
    void store.close()
    return [
      {
        work: `set, durable, among ${count} names`,
        store: 'notafs, pages of 512',
        value: ms,
        unit: 'ms',
      },
    ]
  })
}

function measureMount(names: number, dir: string): BenchRow[] {
  const path = join(dir, 'mount')
  const store = notafsKind(512, 64 << 20).open(path) as Store
  void store.batch(Array.from({ length: names }, (_, i) => [KEY(i), VALUE] as const))
  void store.set('last', VALUE)
  void store.close()
  const device = FileDevice.openSync(path, { blockSize: 512 })
  const mount = performance.now()
  const fs = NotaFS.mountSync(device)
  const first = performance.now()
  fs.keyValue().getSync('last')
  const end = performance.now()
  device.close()
  const about = { store: 'notafs, pages of 512', unit: 'ms' }
  return [
    { work: `mount, ${names} names`, value: first - mount, ...about },
    { work: 'first get after it: all names are read', value: end - first, ...about },
  ]
}

export function notafsTable({ rows, missing }: BenchResult): string {
  const lines = rows.map(({ work, store, value, unit, ratio }) =>
    [
      work.padEnd(40),
      store.padEnd(22),
      `${value >= 100 ? value.toFixed(0) : value.toFixed(2)} ${unit}`.padStart(14),
      ratio === undefined ? '' : `${ratio.toFixed(2)} x`.padStart(8),
    ].join(' '),
  )
  const absent = missing.map(
    (name) => `not measured: ${name} is not installed (npm install --prefix bench/peers)`,
  )
  return [
    'commits: ratio to pwrite of 4 KiB + fdatasync by turns; values of 1 MiB: ratio to lmdb',
    ...lines,
    ...absent,
  ].join('\n')
}
