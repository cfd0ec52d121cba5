/** What a tree would take as a littlefs image, said before anything is written. */

import { type FsError, isErrno, MisuseError } from '@caravan/core'
import { encodedSize } from './format/commit-encoder.js'
import { blockCountOf } from './format/ctz-list.js'
import type { EntryContent, Struct } from './format/metadata-log.js'
import { byteStringToText, compareNames } from './format/name.js'
import {
  contentMaxIn,
  fileEntryMaxIn,
  nameMaxIn,
  type Packing,
  planSplit,
} from './format/split-plan.js'
import { MAGIC, SUPERBLOCK_SIZE_BYTES } from './format/superblock.js'
import { TagType } from './format/tag.js'
import type { BuildOptions } from './image.js'
import { type ImageEntry, type PreparedEntry, prepareEntry } from './image-entry.js'
import { driverLimits, writerSettings } from './mount.js'
import type { Path } from './path.js'
import type { Limits, WriterSettings } from './volume.js'

/** What stands against an entry. */
export interface PlanProblem {
  readonly path: string
  readonly code: string
  readonly message: string
}

export interface ImagePlan {
  /** True where nothing stands against it and, with a block count given, it fits. */
  readonly fits: boolean
  /** Bytes. */
  readonly blockSize: number
  readonly blockCount: number | undefined
  /** What was asked for; else `'dense'` where only so it fits. To be built with. */
  readonly packing: Packing
  /** Blocks that building will use, the two of the superblock included. */
  readonly blocksNeeded: number
  /** Those of the smallest image that would do: packed `'dense'`. */
  readonly smallestBlocks: number
  /** How many of `blocksNeeded` the `blockCount` lacks. */
  readonly missingBlocks: number
  readonly metadataBlocks: number
  /** Bytes of names, attributes, inline files and what else entries take in the metadata. */
  readonly metadataBytes: number
  readonly dataBlocks: number
  /** Bytes of the files in data blocks. */
  readonly dataBytes: number
  /** The files that take the most, largest first. */
  readonly largest: readonly { path: string; blocks: number; size: number }[]
  readonly problems: readonly PlanProblem[]
}

const LARGEST_MAX = 10

interface PlannedNode {
  name: string
  content: EntryContent
  children: Map<string, PlannedNode> | undefined
}

export class ImagePlanner {
  private readonly limits: Limits
  private readonly settings: WriterSettings
  private readonly blockSize: number
  private readonly progSize: number
  private readonly root = plannedDirectory('')
  private readonly problems: PlanProblem[] = []
  private readonly files: { path: string; blocks: number; size: number }[] = []
  private dataBlocks = 0
  private dataBytes = 0

  constructor(private readonly options: BuildOptions) {
    this.blockSize = options.blockSize ?? BLOCK_SIZE_DEFAULT_BYTES
    this.progSize = options.progSize ?? 1
    this.limits = driverLimits(options)
    this.settings = writerSettings(options, this.blockSize, this.limits)
  }

  /** Takes an entry into account; what stands against it is noted. */
  add(entry: ImageEntry): void {
    let prepared: PreparedEntry
    try {
      prepared = prepareEntry(entry, this.limits.attrMax, this.options)
    } catch (error) {
      if (!(error instanceof MisuseError) && !isErrno(error)) throw error
      const { code, message } = error as MisuseError | FsError
      const path = typeof entry.path === 'string' ? entry.path : String(entry.path)
      this.problems.push({ path, code, message })
      return
    }
    if (prepared.isFile && prepared.size === undefined) {
      throw new MisuseError(
        'INVALID_ARGUMENT',
        `The size of '${prepared.path.text}' is not known: give the size of a stream to plan with it.`,
      )
    }
    this.place(prepared)
  }

  private place({ path, isFile, attributes, size = 0 }: PreparedEntry): void {
    const problem = this.problemOf(path, isFile, size)
    if (problem !== undefined) {
      this.problems.push({ path: path.text, ...problem })
      return
    }
    const parent = this.directoryAt(isFile ? path.names.slice(0, -1) : path.names) as PlannedNode
    if (!isFile) {
      if (attributes === undefined) return
      const content = { ...parent.content, attributes }
      if (this.checkEntryFits(content, path.text)) parent.content = content
      return
    }
    const name = path.names[path.names.length - 1] as string
    const content = {
      nameType: TagType.FILE,
      name,
      struct: this.structOf(size),
      attributes: attributes ?? [],
      others: [],
    }
    if (!this.checkEntryFits(content, path.text)) return
    if (content.struct.kind === 'ctz') this.countData(path.text, size)
    parent.children?.set(name, { name, content, children: undefined })
  }

  /** Notes what no log has room for: a name, attributes and content that do not fit into one block. */
  private checkEntryFits(content: EntryContent, path: string): boolean {
    const { metadataMax } = this.settings
    const isFile = content.nameType === TagType.FILE
    const most = isFile ? fileEntryMaxIn(metadataMax) : contentMaxIn(metadataMax)
    const size = encodedSize(content.name === '' ? superblockWith(content) : content)
    if (size <= most) return true
    const message = `Its name, attributes and content kept with it take ${size} bytes, and a metadata block here holds ${most}.`
    this.problems.push({ path, code: 'ENOSPC', message })
    return false
  }

  private problemOf(
    path: Path,
    isFile: boolean,
    size: number,
  ): { code: string; message: string } | undefined {
    const most = Math.min(this.limits.nameMax, nameMaxIn(this.settings.metadataMax))
    const long = path.names.find((name) => name.length > most)
    if (long !== undefined) {
      const message = `The name '${byteStringToText(long)}' has ${long.length} bytes, and ${most} fit.`
      return { code: 'ENAMETOOLONG', message }
    }
    if (isFile && size > this.limits.fileMax) {
      const message = `The file has ${size} bytes, and ${this.limits.fileMax} are allowed.`
      return { code: 'EFBIG', message }
    }
    const parent = this.directoryAt(isFile ? path.names.slice(0, -1) : path.names)
    if (parent === undefined) {
      return { code: 'ENOTDIR', message: 'A file has the name of a directory on the way.' }
    }
    const name = path.names[path.names.length - 1]
    if (isFile && (name === undefined || parent.children?.get(name)?.children !== undefined)) {
      return { code: 'EISDIR', message: 'A directory has the name of this file.' }
    }
    return undefined
  }

  private structOf(size: number): Struct {
    if (size <= this.settings.inlineMax) return { kind: 'inline', bytes: new Uint8Array(size) }
    return { kind: 'ctz', head: 0, size }
  }

  private countData(path: string, size: number): void {
    const blocks = blockCountOf(size, this.blockSize)
    this.dataBlocks += blocks
    this.dataBytes += size
    this.files.push({ path, blocks, size })
  }

  private directoryAt(names: readonly string[]): PlannedNode | undefined {
    let node = this.root
    for (const name of names) {
      let child = node.children?.get(name)
      if (child === undefined) {
        child = plannedDirectory(name)
        node.children?.set(name, child)
      }
      if (child.children === undefined) return undefined
      node = child
    }
    return node
  }

  finish(): ImagePlan {
    const usual = this.measure(this.root, [superblockWith(this.root.content)])
    const { blockSize, dataBlocks, dataBytes, problems } = this
    const { blockCount } = this.options
    const looseBlocks = 2 * usual.loosePairs + dataBlocks
    const smallestBlocks = 2 * usual.densePairs + dataBlocks
    const isTight = blockCount !== undefined && looseBlocks > blockCount
    const { packing = isTight ? 'dense' : 'loose' } = this.options
    const blocksNeeded = packing === 'dense' ? smallestBlocks : looseBlocks
    const missingBlocks = Math.max(0, blocksNeeded - (blockCount ?? blocksNeeded))
    return {
      fits: missingBlocks === 0 && problems.length === 0,
      blockSize,
      blockCount,
      packing,
      blocksNeeded,
      smallestBlocks,
      missingBlocks,
      metadataBlocks: blocksNeeded - dataBlocks,
      metadataBytes: usual.bytes,
      dataBlocks,
      dataBytes,
      largest: this.files
        .sort((a, b) => b.blocks - a.blocks || b.size - a.size)
        .slice(0, LARGEST_MAX),
      problems,
    }
  }

  /** A directory and all below it. */
  private measure(node: PlannedNode, first: readonly EntryContent[]): MetadataUse {
    const children = [...(node.children?.values() ?? [])]
    children.sort((a, b) => compareNames(a.name, b.name))
    const sizes = [...first, ...children.map((child) => child.content)].map(encodedSize)
    const { metadataMax } = this.settings
    const pairsOf = (packing: Packing) =>
      planSplit(sizes, metadataMax, this.progSize, packing).length
    const use = {
      bytes: sizes.reduce((sum, size) => sum + size, 0),
      loosePairs: pairsOf('loose'),
      densePairs: pairsOf('dense'),
    }
    for (const child of children) {
      if (child.children === undefined) continue
      const below = this.measure(child, [])
      use.bytes += below.bytes
      use.loosePairs += below.loosePairs
      use.densePairs += below.densePairs
    }
    return use
  }
}

/** The entry that the root has: that of the superblock. */
function superblockWith(root: EntryContent): EntryContent {
  const struct: Struct = { kind: 'inline', bytes: new Uint8Array(SUPERBLOCK_SIZE_BYTES) }
  return { ...root, nameType: TagType.SUPERBLOCK, name: MAGIC, struct }
}

/** What directories take: bytes of entries, and metadata pairs in either packing. */
interface MetadataUse {
  readonly bytes: number
  readonly loosePairs: number
  readonly densePairs: number
}

export const BLOCK_SIZE_DEFAULT_BYTES = 4096

function plannedDirectory(name: string): PlannedNode {
  const struct: Struct = { kind: 'directory', pair: [0, 0] }
  const content = { nameType: TagType.DIRECTORY, name, struct, attributes: [], others: [] }
  return { name, content, children: new Map() }
}
