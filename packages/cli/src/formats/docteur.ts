/** Images of docteur: a Git tree in one file, read-only. */

import {
  type BlockDevice,
  byteStringToText,
  type Finding,
  FormatError,
  FsError,
  type Severity,
} from '@caravan/core'
import {
  type Commit,
  Docteur,
  type DocteurInfo,
  type GitEntry,
  type VerifyFinding,
  verifyImage,
} from '@caravan/docteur'
import { nodePlatform } from '@caravan/docteur/node'
import { Option } from 'commander'
import { UsageError } from '../errors.js'
import { enginePath } from '../paths.js'
import { formatCount, formatSize, sizeInWords } from '../sizes.js'
import { AT_OPTION } from './at-option.js'
import type {
  CheckReport,
  Description,
  ImageFormat,
  ImageOptions,
  ImageTree,
  ListedEntry,
  MountedImage,
  TreeEntry,
} from './format.js'

interface DocteurOptions extends ImageOptions {
  readonly at?: string
  readonly analyze?: boolean
}

/** What the original reads an image in. */
const BLOCK_SIZE = 512

export const docteur: ImageFormat = {
  name: 'docteur',
  title: 'docteur (Git trees, read-only)',
  versions: 'PACK 2 and 3, IDX 2: read; PACK 2, IDX 2: made',
  mark: 'docteur image (PACK at byte 28)',
  openOptions: [
    AT_OPTION,
    new Option('--analyze', 'find the objects by reading all of the PACK, not by the IDX'),
  ],
  unchanging: 'An image of docteur is made, never changed: caravan git make SOURCE IMAGE',
  making: 'an image of docteur is made with: caravan git make SOURCE IMAGE',

  recognise: (device) => Docteur.recognises(device),

  async open(device, options) {
    return new DocteurImage(await mount(device, options))
  },

  async check(device, options): Promise<CheckReport> {
    checkSizes(options)
    const report = await verifyImage(device, { platform: nodePlatform })
    return {
      findings: [
        ...report.damage.map((each) => reported('error', each)),
        ...report.notices.map((each) => reported('warning', each)),
      ],
      summary: formatCount(report.objectCount, 'object'),
    }
  },

  async log(device, options) {
    const fs = await mount(device, options)
    const states = []
    for await (const { id, commit } of fs.log()) {
      states.push({ id, time: timeOf(commit), note: firstLine(commit) })
    }
    await fs.unmount()
    return states
  },
}

function reported(severity: Severity, { message, ...rest }: VerifyFinding): Finding {
  return { severity, ...rest, what: message }
}

function mount(device: BlockDevice, options: ImageOptions): Promise<Docteur> {
  checkSizes(options)
  const { at, analyze } = options as DocteurOptions
  return Docteur.mount(device, {
    platform: nodePlatform,
    ...(at === undefined ? {} : { at }),
    ...(analyze === undefined ? {} : { analyze }),
  })
}

/** @throws UsageError: there is nothing that these could be about. */
function checkSizes({ blockSize, blockCount }: ImageOptions): void {
  if (blockSize === undefined && blockCount === undefined) return
  throw new UsageError(
    'An image of docteur has no blocks. Leave out --block-size and --block-count.',
  )
}

function timeOf({ committer }: Commit): Date {
  return new Date(committer.seconds * 1000)
}

function firstLine({ message }: Commit): string {
  return byteStringToText(message.split('\n', 1)[0] ?? '')
}

class DocteurImage implements MountedImage {
  readonly tree: DocteurTree
  readonly holds = { symlinks: true, modes: true, attributes: false }
  readonly refusesGitNames = true
  readonly blockSize = BLOCK_SIZE
  readonly blockCount: number

  constructor(readonly fs: Docteur) {
    const info = fs.info()
    this.tree = new DocteurTree(fs, timeOf(info.commit))
    this.blockCount = Math.ceil(info.imageBytes / BLOCK_SIZE)
  }

  async describe(): Promise<Description> {
    const info = this.fs.info()
    const { commit } = info
    return {
      title: `docteur, a Git tree${info.objectFormat === 'sha256' ? ' (SHA-256)' : ''}`,
      rows: [
        ['size', sizeInWords(info.imageBytes)],
        ['commit', info.commitId],
        ['root', commit.tree],
        [
          'author',
          `${byteStringToText(commit.author.name)} <${byteStringToText(commit.author.email)}>`,
        ],
        ['date', timeOf(commit).toISOString()],
        ['message', firstLine(commit)],
        ['objects', `${info.objectCount}, found by ${sourceInWords(info)}`],
        [
          'PACK',
          `${formatSize(info.indexOffset - info.packOffset)} from byte ${info.packOffset} on`,
        ],
        ['IDX', `from byte ${info.indexOffset} on`],
      ],
      json: docteurJson(info),
      sizeBytes: info.imageBytes,
      problems: [],
    }
  }

  async space() {
    const { blockCount } = this
    return { blockSize: BLOCK_SIZE, blockCount, usedBlocks: blockCount, freeBlocks: 0 }
  }

  store() {
    return this.fs.keyValue()
  }

  unmount(): Promise<void> {
    return this.fs.unmount()
  }
}

function sourceInWords({ indexSource, indexProblem }: DocteurInfo): string {
  if (indexSource === 'idx') return 'the IDX'
  const why = indexProblem === undefined ? '' : ` (${indexProblem})`
  return `an analysis of the PACK${why}`
}

function docteurJson(info: DocteurInfo): Record<string, unknown> {
  const { commit, commitId, objectFormat, objectCount, packOffset, indexOffset } = info
  const by = ({ name, email, seconds, zone }: Commit['author']) => ({
    name: byteStringToText(name),
    email: byteStringToText(email),
    seconds,
    zone,
  })
  return {
    format: 'docteur',
    objectFormat,
    commit: commitId,
    tree: commit.tree,
    parents: commit.parents,
    author: by(commit.author),
    committer: by(commit.committer),
    message: byteStringToText(commit.message),
    objectCount,
    packOffset,
    indexOffset,
    indexSource: info.indexSource,
    indexProblem: info.indexProblem ?? null,
  }
}

/** Links are short; what is not is no link that a computer could hold. */
const TARGET_BYTES_MAX = 65_536

class DocteurTree implements ImageTree {
  constructor(
    private readonly fs: Docteur,
    private readonly modified: Date,
  ) {}

  async *walk(path: Uint8Array): AsyncGenerator<TreeEntry, void, void> {
    for await (const entry of this.fs.walk(enginePath(path))) yield this.described(entry)
  }

  async list(path: Uint8Array): Promise<readonly ListedEntry[]> {
    const listed: ListedEntry[] = []
    for (const entry of await this.fs.list(enginePath(path))) {
      const { pathBytes, type } = entry
      const name = pathBytes.subarray(pathBytes.lastIndexOf(SLASH) + 1)
      listed.push({ name, type, size: (await this.described(entry)).size })
    }
    return listed
  }

  async lookUp(path: Uint8Array): Promise<TreeEntry> {
    return this.described(await this.fs.entry(enginePath(path)))
  }

  async *read(entry: TreeEntry): AsyncGenerator<Uint8Array, void, void> {
    if (entry.id !== undefined) yield* this.fs.readBlobInPieces(entry.id)
  }

  async *readPath(path: Uint8Array): AsyncGenerator<Uint8Array, void, void> {
    const handle = await this.fs.promises.open(enginePath(path))
    try {
      const { size, type } = await handle.stat()
      if (type !== 'file') throw new FsError('EISDIR', { syscall: 'read' })
      for (let at = 0; at < size; at += PIECE_BYTES) {
        const piece = new Uint8Array(Math.min(PIECE_BYTES, size - at))
        const { bytesRead } = await handle.read(piece, 0, piece.length, at)
        yield piece.subarray(0, bytesRead)
      }
    } finally {
      await handle.close()
    }
  }

  private async described(entry: GitEntry): Promise<TreeEntry> {
    const { pathBytes, type, mode, id, error } = entry
    const described: TreeEntry = {
      path: pathBytes,
      type,
      size: 0,
      modified: this.modified,
      ...(type === 'file' ? { mode: mode & 0o777 } : {}),
      id,
      error,
    }
    if (type !== 'file' && type !== 'symlink') return described
    try {
      const size = await this.fs.objectSize(id)
      if (type === 'file' || size > TARGET_BYTES_MAX) return { ...described, size }
      return { ...described, size, target: (await this.fs.readObject(id)).bytes }
    } catch (caught) {
      if (!(caught instanceof FormatError)) throw caught
      return { ...described, error: caught }
    }
  }
}

const SLASH = 0x2f
const PIECE_BYTES = 131_072
