/**
 * Adds many entries at once: files' data first, then each new directory's pairs, which nothing
 * refers to yet, then a commit for each directory that was there before.
 *
 * 1. Until the first of those commits the filesystem is as it was; what was written is held by the
 *    builder, and free again when it is given up.
 * 2. A new directory that has entries comes onto the threaded list by the very commit that puts it,
 *    or what it lies in, into the tree: never as an orphan, which whoever finds it would take apart.
 */

import { FsError, type Op } from '@caravan/core'
import type { Change } from './commit.js'
import { CtzWriter } from './ctz-writer.js'
import { type Directory, entryType, openDirectory } from './directory.js'
import { fileBlocksOf } from './file-read.js'
import { encodedSize } from './format/commit-encoder.js'
import type { Attribute, BlockPair, EntryContent, Struct } from './format/metadata-log.js'
import { compareNames } from './format/name.js'
import { planSplit } from './format/split-plan.js'
import { TagType } from './format/tag.js'
import { writeNewPair } from './log-writer.js'
import { Entry, type MetadataPair } from './metadata-pair.js'
import type { Path } from './path.js'
import { commit } from './thread.js'
import {
  checkName,
  checkNameFits,
  createDirectory,
  giveBackBlocks,
  setContent,
} from './tree-change.js'
import type { Volume } from './volume.js'

/** A file or directory to be. */
interface Node {
  readonly name: string
  attributes: readonly Attribute[] | undefined
  /** Of a file. */
  struct: Struct | undefined
  /** Of a directory. */
  readonly children: Map<string, Node> | undefined
}

export class TreeBuilder {
  private readonly top: Node = directoryNode('')
  /** Blocks of files' data that no commit refers to yet. */
  private readonly own = new Set<number>()

  constructor(private readonly volume: Volume) {
    volume.builders.add(this)
  }

  get ownBlocks(): Iterable<number> {
    return this.own
  }

  /** @throws FsError `ENAMETOOLONG`, `ENOTDIR` where a file of this tree has that name. */
  addDirectory(path: Path, attributes: readonly Attribute[] | undefined): void {
    const node = this.directoryAt(path.names, path)
    if (attributes !== undefined) node.attributes = attributes
  }

  /** @returns a writer of the file's data; its `finish` gives it its place in the tree. */
  addFile(path: Path, attributes: readonly Attribute[] | undefined): FileBuilder {
    const name = path.names[path.names.length - 1]
    if (name === undefined) throw new FsError('EISDIR', { syscall: 'open', path: path.text })
    const parent = this.directoryAt(path.names.slice(0, -1), path)
    this.checkNewName(name, path)
    if (parent.children?.get(name)?.children !== undefined) {
      throw new FsError('EISDIR', { syscall: 'open', path: path.text })
    }
    return new FileBuilder(this.volume, this.own, path, (struct) => {
      parent.children?.set(name, { name, attributes, struct, children: undefined })
    })
  }

  private checkNewName(name: string, path: Path): void {
    checkName(this.volume, name, 'open', path.text)
    checkNameFits(this.volume, name, path.text)
  }

  private directoryAt(names: readonly string[], path: Path): Node {
    let node = this.top
    for (const name of names) {
      this.checkNewName(name, path)
      let child = node.children?.get(name)
      if (child === undefined) {
        child = directoryNode(name)
        node.children?.set(name, child)
      }
      if (child.children === undefined) {
        throw new FsError('ENOTDIR', { syscall: 'mkdir', path: path.text })
      }
      node = child
    }
    return node
  }

  /**
   * Puts it all into the filesystem, below the root.
   *
   * @throws FsError `EISDIR`, `ENOTDIR` where a name is taken by another type: before anything is
   *   committed.
   */
  *commit(): Op<void> {
    const root = yield* this.volume.readRoot()
    yield* this.checkTypes(root, this.top, '')
    yield* this.volume.syncData()
    yield* this.merge(root, this.top)
    this.own.clear()
    this.volume.builders.delete(this)
  }

  /** Gives up: what was written counts as used until the next scan. */
  abandon(): void {
    this.volume.builders.delete(this)
    if (this.own.size > 0) this.volume.allocator.invalidate()
  }

  private *checkTypes(entry: Entry, node: Node, path: string): Op<void> {
    const directory = yield* openDirectory(this.volume, entry)
    for (const child of node.children?.values() ?? []) {
      const existing = directory.find(child.name)
      if (existing === undefined) continue
      const isDirectory = child.children !== undefined
      const childPath = `${path}/${child.name}`
      if (isDirectory !== (entryType(existing) === 'directory')) {
        const code = isDirectory ? 'ENOTDIR' : 'EISDIR'
        throw new FsError(code, { syscall: isDirectory ? 'mkdir' : 'open', path: childPath })
      }
      if (isDirectory) yield* this.checkTypes(existing, child, childPath)
    }
  }

  /** Merges a directory to be into one that is there. */
  private *merge(entry: Entry, node: Node): Op<void> {
    if (node.attributes !== undefined && node.attributes.length > 0) {
      yield* setContent(this.volume, entry, { ...entry.content, attributes: node.attributes })
    }
    const directory = yield* openDirectory(this.volume, entry)
    const added: Node[] = []
    for (const child of sortedChildren(node)) {
      const existing = directory.find(child.name)
      if (existing === undefined) added.push(child)
      else if (child.children !== undefined) yield* this.merge(existing, child)
      else yield* this.replaceFile(existing, child)
    }
    if (added.length > 0) yield* this.addTo(directory, added)
  }

  private *replaceFile(entry: Entry, node: Node): Op<void> {
    const { struct: before } = entry.content
    const blocks =
      before?.kind === 'ctz' && before.size > 0
        ? fileBlocksOf(this.volume.layout, entry)
        : undefined
    yield* setContent(this.volume, entry, {
      ...entry.content,
      struct: node.struct,
      attributes: node.attributes ?? entry.content.attributes,
    })
    if (blocks !== undefined) yield* giveBackBlocks(this.volume, entry, blocks, undefined, 0, 0)
  }

  /** New entries of a directory that is there, in as few commits as it has pairs to take them. */
  private *addTo(directory: Directory, added: readonly Node[]): Op<void> {
    const last = directory.chain[directory.chain.length - 1] as MetadataPair
    const isLast = (node: Node) => directory.placeOf(node.name).pair === last
    const atEnd = added.filter(isLast)
    const others = added.filter((node) => !isLast(node))
    if (atEnd.length > 0) yield* this.addAtEnd(directory, last, atEnd)
    // Only the last pair's tail can lead to new directories, so others come one by one: empty first.
    for (const node of others) {
      if (node.children === undefined) continue
      yield* this.merge(yield* createDirectory(this.volume, directory, node.name), node)
    }
    yield* this.addFiles(
      directory,
      others.filter((node) => node.children === undefined),
    )
  }

  /** One commit: what is below new directories stands already, and its tail takes it on the list. */
  private *addAtEnd(directory: Directory, last: MetadataPair, added: readonly Node[]): Op<void> {
    const thread = new Thread(last.summary.tail)
    const contents: EntryContent[] = []
    // The list is written from its end.
    for (const node of [...added].reverse()) contents.push(yield* this.contentOf(node, thread))
    const changes = creations(directory, contents.reverse())
    const tail: Change = { kind: 'tail', tail: thread.head, hard: false }
    yield* this.commitAnew(last, thread.pairs.length === 0 ? changes : [...changes, tail])
    for (const pair of thread.pairs) this.volume.pairs.keep(pair)
    addToIndex(directory, changes)
  }

  private *addFiles(directory: Directory, added: readonly Node[]): Op<void> {
    const groups = new Map<MetadataPair, EntryContent[]>()
    for (const node of added) {
      const { pair } = directory.placeOf(node.name)
      groups.set(pair, [...(groups.get(pair) ?? []), fileContent(node)])
    }
    for (const [pair, contents] of groups) {
      const changes = creations(directory, contents)
      yield* this.commitAnew(pair, changes)
      addToIndex(directory, changes)
    }
  }

  /** As a compaction: what many entries take is known beforehand then, and the log is shortest. */
  private *commitAnew(pair: MetadataPair, changes: readonly Change[]): Op<void> {
    pair.nextIsErased = false
    yield* commit(this.volume, pair, changes)
  }

  private *contentOf(node: Node, thread: Thread): Op<EntryContent> {
    if (node.children === undefined) return fileContent(node)
    return {
      nameType: TagType.DIRECTORY,
      name: node.name,
      struct: { kind: 'directory', pair: yield* this.writeDirectory(node, thread) },
      attributes: node.attributes ?? [],
      others: [],
    }
  }

  /** Writes a new directory, and all below it, in front of the thread. @returns its first pair. */
  private *writeDirectory(node: Node, thread: Thread): Op<BlockPair> {
    const contents: EntryContent[] = []
    for (const child of sortedChildren(node).reverse()) {
      contents.push(yield* this.contentOf(child, thread))
    }
    contents.reverse()
    const { metadataMax, layout, packing } = this.volume
    const starts = planSplit(contents.map(encodedSize), metadataMax, layout.progSize, packing)
    let end = contents.length
    for (const [i, start] of starts.reverse().entries()) {
      const part = contents.slice(start, end)
      const pair = yield* writeNewPair(this.volume, {
        entries: [],
        contents: part,
        tail: thread.head,
        hardTail: i > 0,
      })
      pair.setEntries(
        part.map((content) => new Entry(content, pair)),
        part,
      )
      thread.prepend(pair)
      end = start
    }
    return thread.head as BlockPair
  }
}

type Creation = Extract<Change, { kind: 'create' }>

/** The changes that make entries, in name order, of one pair. */
function creations(directory: Directory, contents: readonly EntryContent[]): Creation[] {
  return contents.map((content, i) => {
    const { pair, id } = directory.placeOf(content.name)
    return { kind: 'create', id: id + i, entry: new Entry(content, pair), content }
  })
}

function addToIndex(directory: Directory, changes: readonly Creation[]): void {
  for (const { content, entry } of changes) directory.added(content.name, entry)
}

function fileContent({ name, struct, attributes }: Node): EntryContent {
  return { nameType: TagType.FILE, name, struct, attributes: attributes ?? [], others: [] }
}

/** The run of new pairs, from its end. */
class Thread {
  readonly pairs: MetadataPair[] = []

  constructor(public head: BlockPair | undefined) {}

  prepend(pair: MetadataPair): void {
    this.pairs.push(pair)
    this.head = pair.blocks
  }
}

const NO_BYTES = new Uint8Array(0)

/** Takes a new file's data, piece by piece. */
class FileBuilder {
  private inline: Uint8Array = NO_BYTES
  private writer: CtzWriter | undefined

  constructor(
    private readonly volume: Volume,
    private readonly own: Set<number>,
    private readonly path: Path,
    private readonly place: (struct: Struct) => void,
  ) {}

  get size(): number {
    return this.writer?.position ?? this.inline.length
  }

  /** Takes data that asks nothing of the device. False where {@link write} has to: then none is taken. */
  writeNow(data: Uint8Array): boolean {
    const { isReadyToChange, limits } = this.volume
    return isReadyToChange && this.size + data.length <= limits.fileMax && this.putNow(data)
  }

  private putNow(data: Uint8Array): boolean {
    const { volume, inline } = this
    const size = this.size + data.length
    if (this.writer === undefined) {
      if (size <= volume.inlineMax) {
        const bytes = new Uint8Array(size)
        if (inline.length > 0) bytes.set(inline)
        bytes.set(data, inline.length)
        this.inline = bytes
        return true
      }
      const writer = CtzWriter.fresh(volume, this.own)
      // Less than a block, so that it only fills a buffer.
      writer.writeNow(inline)
      this.writer = writer
    }
    return this.writer.writeNow(data)
  }

  /** @throws FsError `EFBIG`, `ENOSPC`. */
  *write(data: Uint8Array): Op<void> {
    const { fileMax } = this.volume.limits
    if (this.size + data.length > fileMax) {
      const hint = `a file may have ${fileMax} bytes`
      throw new FsError('EFBIG', { syscall: 'write', path: this.path.text, hint })
    }
    if (!this.putNow(data)) yield* (this.writer as CtzWriter).write(data)
  }

  /** Gives a file without blocks its place. False where {@link finish} has to write some. */
  finishNow(): boolean {
    if (this.writer !== undefined) return false
    this.place({ kind: 'inline', bytes: this.inline })
    return true
  }

  *finish(): Op<void> {
    if (this.finishNow()) return
    const writer = this.writer as CtzWriter
    const size = writer.position
    yield* writer.finish()
    this.place({ kind: 'ctz', head: writer.blocks.get(writer.blocks.lastIndex) as number, size })
  }
}

function directoryNode(name: string): Node {
  return { name, attributes: undefined, struct: undefined, children: new Map() }
}

function sortedChildren(node: Node): Node[] {
  return [...(node.children?.values() ?? [])].sort((a, b) => compareNames(a.name, b.name))
}
