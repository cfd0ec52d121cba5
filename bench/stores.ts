/**
 * Stores as they are measured beside notafs: durable when a call returns. Peers are those of
 * bench/peers that are installed there, and the sqlite that some Nodes bring along.
 */

import { closeSync, fdatasyncSync, openSync, writeSync } from 'node:fs'
import { createRequire } from 'node:module'
import { FileDevice } from '@caravan/device/node'
import { NotaFS } from '@caravan/notafs'

export type Entries = readonly (readonly [key: string, value: Uint8Array])[]

export interface Store {
  set(key: string, value: Uint8Array): void | Promise<void>
  get(key: string): Uint8Array | undefined
  /** All in one transaction. */
  batch(entries: Entries): void | Promise<void>
  close(): void | Promise<void>
}

export interface StoreKind {
  readonly name: string
  open(path: string): Store | Promise<Store>
}

interface OpenNotafs extends Store {
  readonly fs: NotaFS
}

/** A file of zeros that are on the disk: so that a barrier writes data alone, as in one long in use. */
export function makeAllocatedFile(path: string, sizeBytes: number): void {
  const file = openSync(path, 'w')
  const zeros = new Uint8Array(1024 * 1024)
  for (let at = 0; at < sizeBytes; at += zeros.length) writeSync(file, zeros, 0, zeros.length, at)
  fdatasyncSync(file)
  closeSync(file)
}

export function openNotafs(path: string, pageSize: number, sizeBytes: number): OpenNotafs {
  makeAllocatedFile(path, sizeBytes)
  const device = FileDevice.openSync(path, { blockSize: pageSize })
  NotaFS.formatSync(device, { pageSize })
  const fs = NotaFS.mountSync(device)
  const kv = fs.keyValue()
  return {
    fs,
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
}

export function notafsKind(pageSize: number, sizeBytes: number): StoreKind {
  return {
    name: `notafs, pages of ${pageSize}`,
    open: (path) => openNotafs(path, pageSize, sizeBytes),
  }
}

interface Statement {
  run(...values: unknown[]): unknown
  get(...values: unknown[]): { v: Uint8Array } | undefined
}
/** What better-sqlite3 and node:sqlite have in common. */
interface Sqlite {
  exec(text: string): unknown
  prepare(text: string): Statement
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

function sqliteStore(db: Sqlite): Store {
  db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL')
  db.exec('CREATE TABLE kv (k TEXT PRIMARY KEY, v BLOB) WITHOUT ROWID')
  const put = db.prepare('INSERT OR REPLACE INTO kv VALUES (?, ?)')
  const get = db.prepare('SELECT v FROM kv WHERE k = ?')
  return {
    set: (key, value) => void put.run(key, value),
    get: (key) => get.get(key)?.v,
    batch(entries) {
      db.exec('BEGIN')
      for (const [key, value] of entries) put.run(key, value)
      db.exec('COMMIT')
    },
    close: () => db.close(),
  }
}

function lmdbStore(db: Lmdb): Store {
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

async function levelStore(db: Level): Promise<Store> {
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

const PEERS: readonly {
  readonly name: string
  readonly missing: string
  /** @throws where its module, or its binary, is not there. */
  load(require: NodeJS.Require): StoreKind['open']
}[] = [
  {
    name: 'better-sqlite3',
    missing: 'npm install --prefix bench/peers, which has to compile it or to find it compiled',
    load(require) {
      const Database = require('better-sqlite3') as new (path: string) => Sqlite
      // Found out now, not at the first row.
      new Database(':memory:').close()
      return (path) => sqliteStore(new Database(path))
    },
  },
  {
    name: 'node:sqlite',
    missing: 'a Node.js of 22.5 or later has it',
    load(require) {
      const { DatabaseSync } = require('node:sqlite') as {
        DatabaseSync: new (path: string) => Sqlite
      }
      return (path) => sqliteStore(new DatabaseSync(path))
    },
  },
  {
    name: 'lmdb',
    missing: 'npm install --prefix bench/peers',
    load(require) {
      const { open } = require('lmdb') as { open(options: object): Lmdb }
      const options = { encoding: 'binary', noSubdir: true, overlappingSync: false }
      return (path) => lmdbStore(open({ path, ...options }))
    },
  },
  {
    name: 'classic-level',
    missing: 'npm install --prefix bench/peers',
    load(require) {
      const { ClassicLevel } = require('classic-level') as {
        ClassicLevel: new (path: string, options: object) => Level
      }
      return (path) => levelStore(new ClassicLevel(path, { valueEncoding: 'view' }))
    },
  },
]

interface Peers {
  readonly kinds: readonly StoreKind[]
  /** Those that are not there, and how they would be. */
  readonly missing: readonly string[]
}

export function peerStores(): Peers {
  const require = createRequire(new URL('../peers/package.json', import.meta.url))
  const kinds: StoreKind[] = []
  const missing: string[] = []
  for (const peer of PEERS) {
    try {
      kinds.push({ name: peer.name, open: peer.load(require) })
    } catch {
      missing.push(`${peer.name}: ${peer.missing}`)
    }
  }
  return { kinds, missing }
}
