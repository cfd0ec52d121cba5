/** notafs: copy-on-write pages with checksums; every change whole or not at all. */

import { createHash } from 'node:crypto'
import { type BlockDevice, type Finding, FormatError } from '@caravan/core'
import { type CheckFinding, NotaFS, type PageUse } from '@caravan/notafs'
import { UsageError } from '../errors.js'
import { enginePath } from '../paths.js'
import { formatCount, formatSize, sizeInWords } from '../sizes.js'
import { AT_OPTION } from './at-option.js'
import type {
  BlockLook,
  BlockMapCalls,
  BlockUse,
  CheckReport,
  Description,
  ImageFormat,
  ImageOptions,
  MountedImage,
  NewEntry,
  RepairReport,
} from './format.js'
import { addToNotafs, NOTAFS_HOLDS, notafsMaking } from './notafs-making.js'
import { NotafsTree } from './notafs-tree.js'

interface NotafsOptions extends ImageOptions {
  readonly at?: string
}

const hash = () => createHash('sha256')

export const notafs: ImageFormat = {
  name: 'notafs',
  title: 'notafs',
  versions: 'its one layout: read, written',
  mark: 'notafs header',
  openOptions: [AT_OPTION],
  making: notafsMaking,

  recognise: (device) => NotaFS.probe(device),

  async open(device, options, writable) {
    return new NotafsImage(await mount(device, options, writable))
  },

  async check(device, options): Promise<CheckReport> {
    try {
      const fs = await mount(device, options, false)
      const findings = (await fs.check()).map(reported)
      const { generation } = fs.info()
      const uses = await fs.pageUse()
      await fs.unmount()
      return { findings, summary: `generation ${generation}, ${formatCount(uses.length, 'page')}` }
    } catch (error) {
      if (!(error instanceof FormatError)) throw error
      const { code, message, block } = error
      const finding: Finding = {
        severity: 'error',
        code,
        what: message,
        ...(block === undefined ? {} : { block }),
      }
      return { findings: [finding], summary: 'a disk that does not mount' }
    }
  },

  async repair(device): Promise<RepairReport> {
    const { generation, lost, repaired } = await NotaFS.repair(device)
    const changes = lost.map(
      ({ generation: gone, findings }) =>
        `generation ${gone} is given up, and what it changed is lost: ${findings[0]?.message ?? 'it is not whole'}`,
    )
    if (lost.length > 0) changes.push(`generation ${generation} is the current one again`)
    changes.push(...repaired.map(({ message }) => `put right: ${message}`))
    return { changes: changes.map((what) => ({ what })) }
  },

  async log(device) {
    const generations = await NotaFS.log(device)
    return generations.map(({ generation, isWhole, fileCount, usedPages }) => ({
      id: String(generation),
      note: `${isWhole ? 'whole' : 'not whole any more'}, ${formatCount(fileCount, 'file')}, ${formatCount(usedPages, 'page')}`,
    }))
  },
}

function mount(device: BlockDevice, options: ImageOptions, writable: boolean): Promise<NotaFS> {
  const { at, blockSize, blockCount } = options as NotafsOptions
  if (blockSize !== undefined || blockCount !== undefined) {
    throw new UsageError(
      'The header of a notafs says the size and number of its pages. Leave out --block-size and --block-count.',
    )
  }
  if (at === undefined) return NotaFS.mount(device, { readOnly: !writable })
  const generation = Number(at)
  if (!Number.isSafeInteger(generation) || generation < 1) {
    throw new UsageError(`--at ${at}: a notafs has generations, by number. caravan log lists them.`)
  }
  if (writable) {
    throw new UsageError(
      '--at shows an older generation, which stays as it is. Leave it out to write.',
    )
  }
  return NotaFS.mount(device, { generation })
}

const WARNINGS: ReadonlySet<string> = new Set(['LOST', 'WRONG_KEY', 'DAMAGED_ROOT', 'INTERRUPTED'])

function reported({ code, page, path, message }: CheckFinding): Finding {
  return {
    severity: WARNINGS.has(code) ? 'warning' : 'error',
    code,
    what: message,
    block: page,
    ...(path === undefined ? {} : { path }),
  }
}

const LOOKS: Readonly<Record<string, BlockLook>> = {
  fixed: { mark: '◆', ascii: 'M', colour: 'yellow', name: 'header, roots, generation leaf' },
  directory: { mark: '▣', ascii: 'D', colour: 'magenta', name: 'directory' },
  queue: { mark: '◇', ascii: 'q', colour: 'yellow', name: 'free queue' },
  data: { mark: '█', ascii: '#', colour: 'cyan', name: 'data', shaded: true },
}

class NotafsImage implements MountedImage {
  readonly tree: NotafsTree
  readonly holds = NOTAFS_HOLDS
  readonly blockSize: number
  readonly blockCount: number
  readonly blockMap: BlockMapCalls

  constructor(readonly fs: NotaFS) {
    const { pageSize, pageCount } = fs.info()
    this.tree = new NotafsTree(fs)
    this.blockSize = pageSize
    this.blockCount = pageCount
    this.blockMap = {
      looks: LOOKS,
      uses: async () => (await fs.pageUse()).map(blockUse),
    }
  }

  async describe(): Promise<Description> {
    const info = this.fs.info()
    const { pageSize, pageCount, checksum, idBytes, generation } = info
    const { usedBlocks, freeBlocks } = await this.space()
    const sizeBytes = pageSize * pageCount
    return {
      title: 'notafs',
      rows: [
        ['size', sizeInWords(sizeBytes)],
        ['pages', `${pageCount} of ${pageSize} bytes, ids of ${formatCount(idBytes, 'byte')}`],
        ['checks', checksum === 'NO-CHECK' ? 'none (NO-CHECK)' : 'ADLER-32, of every page'],
        ['state', `generation ${generation}`],
        ['used', `${formatCount(usedBlocks, 'page')}, free ${formatSize(freeBlocks * pageSize)}`],
      ],
      json: {
        format: 'notafs',
        blockSize: pageSize,
        blockCount: pageCount,
        checksum,
        idBytes,
        generation,
        usedBlocks,
        freeBlocks,
      },
      sizeBytes,
      problems: [],
    }
  }

  async space() {
    const { bsize, blocks, bfree } = await this.fs.statfs('/')
    return { blockSize: bsize, blockCount: blocks, usedBlocks: blocks - bfree, freeBlocks: bfree }
  }

  store() {
    return this.fs.keyValue({ hash })
  }

  addTree(entries: Iterable<NewEntry> | AsyncIterable<NewEntry>): Promise<void> {
    return addToNotafs(this.fs, entries)
  }

  setModified(path: Uint8Array, seconds: number): Promise<void> {
    return this.fs.utimes(enginePath(path), seconds, seconds)
  }

  unmount(): Promise<void> {
    return this.fs.unmount()
  }
}

function blockUse({ page, kind, path }: PageUse): BlockUse {
  const look = kind === 'data' || kind === 'directory' || kind === 'queue' ? kind : 'fixed'
  return { block: page, look, path, json: { kind } }
}
