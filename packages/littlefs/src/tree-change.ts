/**
 * Changes of the tree: entries made, removed, renamed, and given other content.
 *
 * Every function is one step that a power cut leaves done or not done.
 */

import { FormatError, FsError, isErrno, type Op } from '@caravan/core'
import type { Change } from './commit.js'
import { type Directory, entryType, openDirectory } from './directory.js'
import { type FileBlocks, findBlock, findBlocks, isKnown } from './file-blocks.js'
import { fileBlocksOf } from './file-read.js'
import type { EntryContent } from './format/metadata-log.js'
import { nameMaxIn } from './format/split-plan.js'
import { TagType } from './format/tag.js'
import { writeNewPair } from './log-writer.js'
import { Entry, type MetadataPair } from './metadata-pair.js'
import { commit, dropFromThread, makeRoomBefore, makeRoomIn } from './thread.js'
import { checkThreaded } from './thread-search.js'
import type { Volume } from './volume.js'

/** @throws FsError `ENAMETOOLONG`. */
export function checkName(volume: Volume, name: string, syscall: string, path: string): void {
  const { nameMax } = volume.limits
  if (name.length <= nameMax) return
  const hint = `the name has ${name.length} bytes, and this filesystem takes ${nameMax}`
  throw new FsError('ENAMETOOLONG', { syscall, path, hint })
}

/**
 * A name may be within the limit and yet longer than a small block can hold beside the rest.
 *
 * @throws FsError `ENAMETOOLONG`.
 */
export function checkNameFits(volume: Volume, name: string, path: string): void {
  const most = nameMaxIn(volume.metadataMax)
  if (name.length <= most) return
  const hint = `the name has ${name.length} bytes, and a metadata block here holds ${most}`
  throw new FsError('ENAMETOOLONG', { syscall: 'open', path, hint })
}

/** Makes a new entry. */
export function* createEntry(
  volume: Volume,
  directory: Directory,
  content: EntryContent,
): Op<Entry> {
  const { pair, id } = directory.placeOf(content.name)
  const entry = new Entry(content, pair)
  yield* commit(volume, pair, [{ kind: 'create', id, entry, content }])
  directory.added(content.name, entry)
  volume.times.committed(entry)
  volume.times.touch(directory.owner)
  return entry
}

/** Replaces an entry's content: its struct, its attributes. Blocks are the caller's to give back. */
export function* setContent(volume: Volume, entry: Entry, content: EntryContent): Op<void> {
  const id = entry.pair.entries.indexOf(entry)
  yield* commit(volume, entry.pair, [{ kind: 'set', id, content }])
}

/** Makes a new and empty directory. */
export function* createDirectory(volume: Volume, parent: Directory, name: string): Op<Entry> {
  let last = parent.chain[parent.chain.length - 1] as MetadataPair
  if (parent.placeOf(name).pair !== last) last = yield* makeRoomIn(volume, last)
  const pair = yield* writeNewPair(volume, {
    entries: [],
    contents: [],
    tail: last.summary.tail,
    hardTail: last.summary.hardTail,
  })
  const content: EntryContent = {
    nameType: TagType.DIRECTORY,
    name,
    struct: { kind: 'directory', pair: pair.blocks },
    attributes: volume.times.stampedDirectory(),
    others: [],
  }
  const tail: Change = { kind: 'tail', tail: pair.blocks, hard: false }
  let place = parent.placeOf(name)
  if (place.pair !== last) {
    // The list gets the new pair before the tree does.
    volume.state.addOrphan()
    yield* commit(volume, last, [tail])
    volume.state.removeOrphan()
    pair.predecessor = last
    place = parent.placeOf(name)
  }
  volume.pairs.keep(pair)
  const entry = new Entry(content, place.pair)
  const create: Change = { kind: 'create', id: place.id, entry, content }
  try {
    yield* commit(volume, place.pair, place.pair === last ? [create, tail] : [create])
  } catch (error) {
    // What has no place in the tree is not to keep one on the list.
    const isThreaded = place.pair !== last && volume.unreached === undefined
    if (isThreaded && isErrno(error, 'ENOSPC')) yield* dropFromThread(volume, [pair])
    throw error
  }
  volume.linkBehind(last)
  volume.linkBehind(pair)
  parent.added(name, entry)
  volume.times.committed(entry)
  volume.times.touch(parent.owner)
  return entry
}

/**
 * Removes an entry.
 *
 * @throws FsError `ENOTEMPTY` for a directory that is not.
 */
export function* removeEntry(
  volume: Volume,
  directory: Directory,
  entry: Entry,
  path: string,
): Op<void> {
  const doomed = yield* prepareRemoval(volume, entry, 'rm', path)
  const id = entry.pair.entries.indexOf(entry)
  if (doomed !== undefined) volume.state.addOrphan()
  yield* commit(volume, entry.pair, [{ kind: 'delete', id }])
  directory.removed(entry.content.name)
  volume.times.touch(directory.owner)
  yield* finishRemoval(volume, entry, doomed)
}

/** The directory that an entry is, after a check that it is empty and can be taken off the list. */
function* prepareRemoval(
  volume: Volume,
  entry: Entry,
  syscall: string,
  path: string,
): Op<Directory | undefined> {
  if (entryType(entry) !== 'directory') return undefined
  const directory = yield* openDirectory(volume, entry)
  if (directory.chain.some((pair) => pair.entries.length > 0)) {
    throw new FsError('ENOTEMPTY', { syscall, path })
  }
  yield* makeRoomBefore(volume, (directory.chain[0] as MetadataPair).blocks)
  return directory
}

/** What follows once the tree no longer has an entry: its pairs and blocks. */
function* finishRemoval(volume: Volume, entry: Entry, directory: Directory | undefined): Op<void> {
  entry.removed = true
  if (directory !== undefined) {
    volume.state.removeOrphan()
    yield* dropFromThread(volume, directory.chain)
  }
  yield* giveBackFile(volume, entry)
}

/**
 * Moves an entry to another name, in place of what had it: over a file or an empty directory.
 *
 * The engine's invariant is that `entry` may be replaced only by one of its own type.
 */
export function* renameEntry(
  volume: Volume,
  from: Directory,
  entry: Entry,
  to: Directory,
  name: string,
  path: string,
): Op<void> {
  const replaced = to.find(name)
  if (replaced === entry) return
  const doomed = replaced && (yield* prepareRemoval(volume, replaced, 'rename', path))
  if (doomed !== undefined) volume.state.addOrphan()

  const content: EntryContent = { ...entry.content, name }
  const oldName = entry.content.name
  const source = entry.pair
  const place = replaced
    ? { pair: replaced.pair, id: replaced.pair.entries.indexOf(replaced) }
    : to.placeOf(name)
  const removal: Change[] = replaced ? [{ kind: 'delete', id: place.id }] : []
  const creation: Change = { kind: 'create', id: place.id, entry, content }
  // A reader between the two commits of a move sees the entry in its new place alone.
  const moved = () => {
    from.removed(oldName)
    to.added(name, entry)
  }
  if (place.pair === source) {
    yield* renameWithin(volume, source, entry, removal, creation)
    moved()
  } else {
    yield* renameAcross(volume, source, entry, place.pair, [...removal, creation], moved)
  }
  volume.times.touch(from.owner)
  if (to !== from) volume.times.touch(to.owner)
  if (replaced !== undefined) yield* finishRemoval(volume, replaced, doomed)
}

/** One commit: the reference orders it delete, create, delete. */
function* renameWithin(
  volume: Volume,
  pair: MetadataPair,
  entry: Entry,
  removal: readonly Change[],
  creation: Extract<Change, { kind: 'create' }>,
): Op<void> {
  let id = pair.entries.indexOf(entry)
  if (removal.length > 0 && creation.id < id) id--
  if (creation.id <= id) id++
  // The entry stands twice for a moment; what is deleted last is its old place.
  yield* commit(volume, pair, [...removal, creation, { kind: 'delete', id }])
}

/**
 * Two commits: the entry appears in its new pair while the global state says that it is to vanish
 * from the old one, then it vanishes.
 */
function* renameAcross(
  volume: Volume,
  source: MetadataPair,
  entry: Entry,
  target: MetadataPair,
  changes: readonly Change[],
  moved: () => void,
): Op<void> {
  yield* checkThreaded(volume, source)
  yield* checkThreaded(volume, target)
  const id = source.entries.indexOf(entry)
  // The entry itself goes with its handles; what stays behind for a moment is a shadow of it.
  const shadow = new Entry(entry.content, source, entry)
  source.substitute(id, shadow)
  volume.state.setMove({ pair: source.blocks, id })
  try {
    yield* commit(volume, target, changes)
  } catch (error) {
    if (entry.pair === source) source.substitute(source.entries.indexOf(shadow), entry)
    throw error
  }
  moved()
  if (volume.state.wantedMove === undefined) return
  volume.state.setMove(undefined)
  yield* commit(volume, source, [{ kind: 'delete', id: source.entries.indexOf(shadow) }])
}

/** Gives back the blocks of a file that the tree no longer has; while handles are open they are kept. */
export function* giveBackFile(volume: Volume, entry: Entry): Op<void> {
  const { struct } = entry.content
  if (entry.openHandles === 0) {
    for (const block of entry.retained) volume.giveBackBlock(block)
    entry.retained = []
  }
  if (struct?.kind !== 'ctz' || struct.size === 0) return
  try {
    yield* giveBackBlocks(volume, entry, fileBlocksOf(volume.layout, entry), undefined, 0, 0)
  } catch (error) {
    // A damaged list does not keep its file from being removed: what it held is found by a scan.
    if (!(error instanceof FormatError)) throw error
    volume.allocator.invalidate()
  }
}

/**
 * Gives back those blocks of a file's old version, from an index on, that its new one does not have.
 * While other handles may read them they are kept.
 */
export function* giveBackBlocks(
  volume: Volume,
  entry: Entry,
  before: FileBlocks,
  after: FileBlocks | undefined,
  from: number,
  /** Handles that are known not to need them. */
  ownHandles: number,
): Op<void> {
  if (from > before.lastIndex) return
  const range = { blocks: before, from, to: before.lastIndex }
  if (!isKnown(range)) yield* findBlocks(volume.layout, [range])
  for (let index = from; index <= before.lastIndex; index++) {
    const block = before.get(index) as number
    if (after !== undefined && index <= after.lastIndex && after.get(index) === block) continue
    if (entry.openHandles > ownHandles) entry.retained.push(block)
    else volume.giveBackBlock(block)
  }
}

/**
 * {@link giveBackBlocks} of a version that a handle's own has replaced, by the index from which they
 * differ; where another handle has committed since and it is not known, block by block.
 */
export function* giveBackReplaced(
  volume: Volume,
  entry: Entry,
  before: FileBlocks,
  after: FileBlocks | undefined,
  divergedFrom: number | undefined,
): Op<void> {
  const isKnown = divergedFrom !== undefined
  for (let i = 0; !isKnown && i <= (after?.lastIndex ?? -1); i++) {
    yield* findBlock(volume.layout, after as FileBlocks, i)
  }
  const from = divergedFrom ?? 0
  yield* giveBackBlocks(volume, entry, before, isKnown ? undefined : after, from, 1)
}

/** A new version may have blocks of an older one that another handle's commit gave up. */
export function* takeBackRetained(volume: Volume, entry: Entry, blocks: FileBlocks): Op<void> {
  const kept = new Set<number>()
  for (let index = 0; index <= blocks.lastIndex; index++) {
    kept.add(yield* findBlock(volume.layout, blocks, index))
  }
  entry.retained = entry.retained.filter((block) => !kept.has(block))
}
