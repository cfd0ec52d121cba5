/**
 * `paper`: a format for tests alone, with all that littlefs lacks. An image is the word PAPER and a
 * JSON text: entries by path, with type, permission bits, time, content or where a link leads.
 */

import { type BlockDevice, FsError, type KeyValueStore } from '@caravan/core'
import { MemoryDevice } from '@caravan/device'
import { LittleFS } from '@caravan/littlefs'
import { Option } from 'commander'
import type {
  BlockUse,
  EntryType,
  ImageFormat,
  ImageOptions,
  ImageTree,
  ListedEntry,
  MountedImage,
  NewEntry,
  NewImage,
  TreeEntry,
} from '../src/formats/format.js'
import { readBytes, sizeOf } from '../src/formats/read-bytes.js'
import { blockCountOf, SIZE_OPTION } from '../src/geometry.js'
import { compareBytes } from '../src/names.js'
import { baseName, parentOf } from '../src/paths.js'

export interface PaperEntry {
  readonly type: EntryType
  /** In latin1, byte for byte. */
  readonly content?: string
  readonly target?: string
  readonly mode?: number
  /** Seconds since 1970. */
  readonly mtime?: number
  readonly id?: string
}

/** Byte for byte in latin1. */
export type PaperEntries = Record<string, PaperEntry>

const MAGIC = 'PAPER'
const BLOCK_SIZE = 256
const HOLDS = { symlinks: true, modes: true, attributes: false } as const

export const paper: ImageFormat = {
  name: 'paper',
  title: 'paper 1',
  versions: '1: read, written',
  mark: 'word PAPER',
  openOptions: [new Option('--loud', 'names in capitals')],
  making: {
    options: [SIZE_OPTION, new Option('--colour <name>', 'what the paper is')],
    holds: HOLDS,
    plan: (options) => newPaper(options),
  },

  async check(device) {
    const bytes = await readBytes(device, 0, sizeOf(device))
    const torn = Buffer.from(bytes).indexOf('TORN')
    const findings =
      torn === -1
        ? []
        : ([{ severity: 'error', code: 'TORN', what: 'It is torn.', block: torn >> 8 }] as const)
    return { findings, summary: '1 sheet' }
  },

  async repair(device) {
    const { findings } = (await paper.check?.(device, {}, new AbortController().signal)) ?? {
      findings: [],
    }
    if (findings.length === 0) return { changes: [] }
    await write(device, {}, sizeOf(device))
    return { changes: [{ what: 'a blank sheet: all that was on the torn one is lost' }] }
  },

  async log() {
    return [
      { id: '12', time: new Date(0), note: 'as it is' },
      { id: '3', note: 'before' },
    ]
  },

  async recognise(device) {
    return Buffer.from(await readBytes(device, 0, MAGIC.length)).toString() === MAGIC
  },

  async open(device, options, writable) {
    const bytes = Buffer.from(await readBytes(device, 0, sizeOf(device)))
    const text = bytes.subarray(MAGIC.length, bytes.indexOf(0, MAGIC.length) >>> 0)
    const entries = JSON.parse(text.toString()) as PaperEntries
    return PaperImage.open(device, entries, options, writable)
  },
}

/** The same, never changed, made in another way, and of git's own names. */
export const carvedPaper: ImageFormat = {
  ...paper,
  making: 'paper is carved by hand.',
  unchanging: 'Carve another one.',
  async open(device, options, writable) {
    const image = await paper.open(device, options, writable)
    return Object.assign(Object.create(image), { refusesGitNames: true }) as MountedImage
  },
}

export function paperBytes(entries: PaperEntries, sizeBytes = 1 << 16): Uint8Array {
  const bytes = Buffer.alloc(sizeBytes)
  bytes.write(MAGIC + JSON.stringify(entries))
  return bytes
}

function newPaper(options: { readonly size?: number; readonly colour?: string }): NewImage {
  return {
    title: `${options.colour ?? 'white'} paper`,
    blockSize: BLOCK_SIZE,
    blockCount: blockCountOf(options, BLOCK_SIZE),
    async measure(entries) {
      const blocksNeeded = 1 + entries.length
      return { problems: [], blocksNeeded, missingBlocks: 0, largest: [] }
    },
    async makeOn(device, blockCount, entries) {
      const written: PaperEntries = {}
      for await (const entry of entries) written[latin1(entry.path)] = await paperEntry(entry)
      await write(device, written, blockCount * BLOCK_SIZE)
    },
  }
}

async function write(device: BlockDevice, entries: PaperEntries, sizeBytes: number): Promise<void> {
  const whole = device.withBlockSize?.(sizeBytes) ?? device
  await whole.prog([{ block: 0, offset: 0, bytes: paperBytes(entries, sizeBytes) }])
  await whole.sync()
}

async function paperEntry({ type, content, target, mode, mtime }: NewEntry): Promise<PaperEntry> {
  const pieces: Uint8Array[] = []
  for await (const piece of content ?? []) pieces.push(piece)
  return {
    type,
    ...(type === 'file' ? { content: latin1(Buffer.concat(pieces)) } : {}),
    ...(target === undefined ? {} : { target: latin1(target) }),
    ...(mode === undefined ? {} : { mode }),
    ...(mtime === undefined ? {} : { mtime }),
  }
}

const latin1 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1')
const fromLatin1 = (text: string): Uint8Array => Buffer.from(text, 'latin1')

class PaperImage implements MountedImage {
  readonly tree: ImageTree
  readonly holds = HOLDS
  readonly blockSize = BLOCK_SIZE
  readonly blockCount: number

  private constructor(
    private readonly device: BlockDevice,
    /** Its files and directories, for the calls that change them. */
    readonly fs: LittleFS,
    private readonly entries: PaperEntries,
    private readonly writable: boolean,
  ) {
    this.tree = new PaperTree(entries)
    this.blockCount = sizeOf(device) / BLOCK_SIZE
  }

  static async open(
    device: BlockDevice,
    entries: PaperEntries,
    { loud }: ImageOptions & { readonly loud?: boolean },
    writable: boolean,
  ): Promise<PaperImage> {
    const memory = new MemoryDevice({ blockSize: 4096, blockCount: 256 })
    LittleFS.formatSync(memory)
    const fs = LittleFS.mountSync(memory)
    for (const [path, { type, content, target }] of Object.entries(entries)) {
      const linked = target === undefined ? undefined : entries[`/${target}`]?.content
      if (type === 'directory') fs.mkdirSync(path, { recursive: true })
      else if (linked !== undefined) fs.writeFileSync(path, fromLatin1(linked))
      else if (content !== undefined) fs.writeFileSync(path, fromLatin1(content))
    }
    const shown = Object.entries(entries).map(([path, entry]) => {
      return [loud === true ? path.toUpperCase() : path, entry] as const
    })
    return new PaperImage(device, fs, Object.fromEntries(shown), writable)
  }

  async describe() {
    const sizeBytes = this.blockSize * this.blockCount
    const rows = [['entries', String(Object.keys(this.entries).length)]] as const
    return { title: 'paper 1', rows, json: { format: 'paper' }, sizeBytes, problems: [] }
  }

  async space() {
    const { blockSize, blockCount } = this
    return { blockSize, blockCount, usedBlocks: 1, freeBlocks: blockCount - 1 }
  }

  store(): KeyValueStore {
    return this.fs.keyValue()
  }

  readonly blockMap = {
    looks: { ink: { name: 'ink', mark: '@', ascii: 'i', colour: 'red' } } as const,
    uses: async (): Promise<BlockUse[]> => [
      { block: 0, look: 'ink', path: '/', json: { kind: 'ink' } },
    ],
  }

  async addTree(entries: Iterable<NewEntry> | AsyncIterable<NewEntry>): Promise<void> {
    for await (const entry of entries) {
      const written = await paperEntry(entry)
      this.entries[latin1(entry.path)] = written
      if (written.type === 'directory') {
        this.fs.mkdirSync(entry.path, { recursive: true })
      } else if (written.content !== undefined) {
        this.fs.writeFileSync(entry.path, fromLatin1(written.content))
      }
    }
  }

  async setModified(path: Uint8Array, seconds: number): Promise<void> {
    const key = latin1(path)
    this.entries[key] = { ...(this.entries[key] ?? { type: 'file', content: '' }), mtime: seconds }
  }

  /** What was changed by way of `fs` comes back from there. */
  async unmount(): Promise<void> {
    if (!this.writable) return
    const written: PaperEntries = {}
    for (const { pathBytes, type } of this.fs.walkSync()) {
      if (pathBytes.length === 1) continue
      const key = latin1(pathBytes)
      const content = type === 'file' ? latin1(this.fs.readFileSync(pathBytes)) : undefined
      const own = this.entries[key] ?? { type }
      written[key] = { ...own, ...(content === undefined ? {} : { content }) }
    }
    for (const [key, entry] of Object.entries(this.entries)) {
      if (entry.target !== undefined || entry.type === 'submodule') written[key] = entry
    }
    await write(this.device, written, sizeOf(this.device))
  }
}

class PaperTree implements ImageTree {
  constructor(private readonly entries: PaperEntries) {}

  async *walk(path: Uint8Array): AsyncGenerator<TreeEntry, void, void> {
    yield await this.lookUp(path)
    for (const { name, type } of [...(await this.list(path))].sort((a, b) =>
      compareBytes(a.name, b.name),
    )) {
      const below = Buffer.concat([path, Buffer.from(path.length === 1 ? '' : '/'), name])
      if (type === 'directory') yield* this.walk(below)
      else yield this.lookUp(below)
    }
  }

  async list(path: Uint8Array): Promise<ListedEntry[]> {
    return Object.entries(this.entries).flatMap(([key, { type, content = '' }]) => {
      const below = fromLatin1(key)
      const isIn = key !== '/' && latin1(parentOf(below)) === latin1(path)
      return isIn ? [{ name: baseName(below), type, size: content.length }] : []
    })
  }

  async lookUp(path: Uint8Array): Promise<TreeEntry> {
    const entry = latin1(path) === '/' ? ROOT : this.entries[latin1(path)]
    if (entry === undefined) throw new FsError('ENOENT', { syscall: 'lstat', path: latin1(path) })
    const { type, content, target, mode, mtime, id } = entry
    return {
      path,
      type,
      size: (content ?? target ?? '').length,
      mode,
      id,
      modified: mtime === undefined ? undefined : new Date(mtime * 1000),
      target: target === undefined ? undefined : fromLatin1(target),
    }
  }

  read({ path }: TreeEntry): AsyncIterable<Uint8Array> {
    return this.readPath(path)
  }

  async *readPath(path: Uint8Array): AsyncGenerator<Uint8Array, void, void> {
    const entry = this.entries[latin1(path)]
    if (entry?.target !== undefined) yield* this.readPath(fromLatin1(`/${entry.target}`))
    else if (entry?.content !== undefined) yield fromLatin1(entry.content)
    else throw new FsError('ENOENT', { syscall: 'open', path: latin1(path) })
  }
}

const ROOT: PaperEntry = { type: 'directory' }
