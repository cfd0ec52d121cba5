/** littlefs 1: read-only. `caravan migrate` makes a littlefs 2 of it. */

import { createHash } from 'node:crypto'
import type { BlockDevice } from '@caravan/core'
import { checkLittleFS1, LittleFS1, type LittleFS1State, type WalkEntry } from '@caravan/littlefs'
import { given } from '../geometry.js'
import { enginePath } from '../paths.js'
import { formatCount, sizeInWords } from '../sizes.js'
import type {
  CheckReport,
  Description,
  Holdings,
  ImageFormat,
  ImageOptions,
  ImageTree,
  ListedEntry,
  MountedImage,
  TreeEntry,
} from './format.js'
import { blockSizeOrigin, caught, useInWords } from './littlefs-description.js'

const hash = () => createHash('sha256')

export const littlefs1: ImageFormat = {
  name: 'littlefs1',
  title: 'littlefs 1 (read-only)',
  versions: '1.1: read, made into littlefs 2',
  mark: 'littlefs 1 superblock',
  unchanging: 'A littlefs 1 is read, and a littlefs 2 made of it: caravan migrate IMAGE NEW',
  making: 'a littlefs 1 is read, not made: leave --format out for a littlefs 2',

  recognise: (device) => LittleFS1.recognises(device, false),

  search: (device) => LittleFS1.recognises(device),

  async open(device, options) {
    return new Littlefs1Image(await mount(device, options))
  },

  async check(device, { blockSize, blockCount }): Promise<CheckReport> {
    const { findings, ...counts } = await checkLittleFS1(device, given({ blockSize, blockCount }))
    const summary = [
      formatCount(counts.pairCount, 'metadata pair'),
      formatCount(counts.directoryCount, 'directory'),
      formatCount(counts.fileCount, 'file'),
    ]
    return { findings, summary: summary.join(', ') }
  },
}

function mount(device: BlockDevice, { blockSize, blockCount }: ImageOptions): Promise<LittleFS1> {
  return LittleFS1.mount(device, given({ blockSize, blockCount }))
}

class Littlefs1Image implements MountedImage {
  readonly tree: Littlefs1Tree
  readonly holds: Holdings = { symlinks: false, modes: false, attributes: false }
  readonly blockSize: number
  readonly blockCount: number

  constructor(readonly fs: LittleFS1) {
    const { blockSize, blockCount } = fs.info()
    this.tree = new Littlefs1Tree(fs)
    this.blockSize = blockSize
    this.blockCount = blockCount
  }

  async describe(options: ImageOptions): Promise<Description> {
    const info = this.fs.info()
    const { diskVersion, blockSize, blockCount, nameMax, fileMax, rootPair, revision } = info
    const isGiven = options.blockSize !== undefined
    const { value: space, problems } = await caught(() => this.fs.df())
    const { value: state } = await caught(() => this.fs.state())
    return {
      title: `littlefs ${diskVersion}`,
      rows: [
        ['size', sizeInWords(blockSize * blockCount)],
        ['blocks', `${blockCount} of ${blockSize} bytes ${blockSizeOrigin(isGiven)}`],
        ['used', space === undefined ? 'cannot be counted: damaged' : useInWords(space)],
        ['limits', `names ${nameMax} bytes, files ${fileMax} bytes`],
        ['root', `metadata pair {${rootPair[0]}, ${rootPair[1]}}`],
        ['super', `block ${info.superblock}, revision ${revision}`],
        ['state', state === undefined ? 'the list of pairs is damaged' : stateInWords(state)],
      ],
      json: {
        format: 'littlefs1',
        ...{ diskVersion, blockSize, blockSizeFrom: isGiven ? 'given' : 'found', blockCount },
        ...{ nameMax, fileMax, rootPair, superblock: info.superblock, revision },
        usedBlocks: space?.usedBlocks ?? null,
        freeBlocks: space?.freeBlocks ?? null,
        state: state ?? null,
      },
      sizeBytes: blockSize * blockCount,
      problems,
    }
  }

  space() {
    return this.fs.df()
  }

  store() {
    return this.fs.keyValue({ hash })
  }

  unmount(): Promise<void> {
    return this.fs.unmount()
  }
}

function stateInWords(state: LittleFS1State): string {
  const { movedElsewhereCount, orphanCount, desyncCount } = state
  const found = [
    ...(movedElsewhereCount === 0
      ? []
      : [`${formatCount(movedElsewhereCount, 'rename')} interrupted, the old name is hidden`]),
    ...(orphanCount === 0
      ? []
      : [`${formatCount(orphanCount, 'directory')} removed and still taking space`]),
    ...(desyncCount === 0 ? [] : [`${formatCount(desyncCount, 'pair')} was moving`]),
  ]
  return found.length === 0 ? 'clean' : `${found.join('; ')}. What is shown is right.`
}

class Littlefs1Tree implements ImageTree {
  /** What each entry of a walk was made of. */
  private readonly walked = new WeakMap<TreeEntry, WalkEntry>()

  constructor(private readonly fs: LittleFS1) {}

  async *walk(path: Uint8Array): AsyncGenerator<TreeEntry, void, void> {
    for await (const walked of this.fs.walk(enginePath(path))) {
      const entry = described(walked)
      this.walked.set(entry, walked)
      yield entry
    }
  }

  async list(path: Uint8Array): Promise<readonly ListedEntry[]> {
    return this.fs.list(enginePath(path))
  }

  async lookUp(path: Uint8Array): Promise<TreeEntry> {
    const stats = await this.fs.stat(enginePath(path))
    const type = stats.isDirectory() ? 'directory' : 'file'
    return { path, type, size: stats.size, attributes: new Map() }
  }

  read(entry: TreeEntry): AsyncIterable<Uint8Array> {
    const walked = this.walked.get(entry)
    return walked === undefined ? this.readPath(entry.path) : this.fs.readEntryInPieces(walked)
  }

  readPath(path: Uint8Array): AsyncIterable<Uint8Array> {
    return this.fs.readFileInPieces(enginePath(path))
  }
}

function described({ pathBytes, type, size, attributes, error }: WalkEntry): TreeEntry {
  return { path: pathBytes, type, size, attributes, error }
}
