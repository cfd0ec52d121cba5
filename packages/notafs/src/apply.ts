/**
 * Apply: makes the changes of an overlay in the base, all at once, in memory.
 *
 * 1. What it did can be undone, until the next change.
 * 2. The order of a directory's entries in the payload says nothing: what is put back is put anywhere
 *    in its directory.
 */

import { FsError, type Op } from '@caravan/core'
import { flush } from './commit.js'
import { runsOf } from './free-space.js'
import { countDirty, type RopeNode } from './rope.js'
import type { SharedFile } from './shared-file.js'
import { type Directory, type FileValue, type Overlay, Slot, type Value } from './tree.js'
import type { Volume } from './volume.js'

/** What a transaction has made. */
interface Change {
  readonly overlay: Overlay
  /** Sectors that it no longer uses. */
  readonly freed: readonly number[]
  /** Nodes that it no longer uses; some of them may be on the device by now. */
  readonly left: readonly RopeNode[]
  /** Sectors that it has written ahead. */
  readonly fresh: ReadonlySet<number>
}

export interface CommitOptions {
  /** A change that gives back space may take what is kept for such. */
  readonly usesReserve?: boolean
}

/**
 * Commits a change: it is in the base, and with it on the device unless commits are grouped.
 *
 * @throws FsError `ENOSPC`, having changed nothing; `EIO` with its cause.
 */
export function* commitChange(
  volume: Volume,
  change: Change,
  { usesReserve = false }: CommitOptions = {},
): Op<void> {
  let freed: readonly number[]
  for (let attempt = 0; ; attempt++) {
    const undo = apply(volume, change)
    volume.payload.settle()
    freed = freedBy(change)
    if (volume.hasRoom(runCount(freed), usesReserve)) break
    undo()
    if (attempt === 2 || change.fresh.size > 0 || !canAge(volume)) {
      throw new FsError('ENOSPC', { hint: 'the disk is full: remove something' })
    }
    // What the last generations gave back can be taken once another one is durable.
    yield* flush(volume, true)
  }
  const { pending } = volume
  for (const id of change.fresh) pending.fresh.add(id)
  for (const id of freed) {
    // Somebody may be reading what an earlier change of this commit wrote ahead.
    if (pending.fresh.delete(id) && !volume.isPinned) volume.space.restore([id])
    else pending.freed.push(id)
  }
  if (++pending.changeCount >= volume.options.commitEvery) yield* flush(volume)
}

/** The sectors that a change leaves, as things stand. */
function freedBy({ freed, left }: Change): readonly number[] {
  const stored = left.filter((node) => node.isStored)
  return stored.length === 0 ? freed : [...freed, ...stored.map((node) => node.id)]
}

function runCount(ids: readonly number[]): number {
  return ids.length < 64 ? ids.length : runsOf(ids, 0).length
}

/** True where another commit makes more space usable, and there is room for it. */
function canAge(volume: Volume): boolean {
  const { space, reuseLimit } = volume
  const isPinned = reuseLimit < volume.generation - 1
  if (isPinned) return volume.pending.changeCount > 0 && volume.hasRoom(0, true)
  const waits = space.freeCount > space.availableCount(reuseLimit)
  return (waits || volume.pending.changeCount > 0) && volume.hasRoom(0, true)
}

function apply(volume: Volume, { overlay }: Change): () => void {
  return new Application(volume).apply(overlay)
}

class Application {
  private readonly detached: { directory: Directory; slot: Slot }[] = []
  private readonly added: { directory: Directory; slot: Slot }[] = []
  private readonly replaced: { slot: Slot; value: Value }[] = []
  private readonly pendingBefore: { slot: Slot; count: number | undefined }[] = []
  private readonly movedOpens: { file: SharedFile; from: Slot; to: Slot | undefined }[] = []

  constructor(private readonly volume: Volume) {}

  apply(overlay: Overlay): () => void {
    this.remember(overlay)
    for (const [directory, names] of overlay.changes) {
      for (const [name, value] of names) {
        const slot = directory.slots.get(name)
        if (slot !== undefined && !isSamePlace(slot.value, value)) this.detach(directory, slot)
      }
    }
    for (const [directory, names] of overlay.changes) {
      for (const [name, value] of names) {
        if (value === undefined) continue
        const slot = directory.slots.get(name)
        if (slot === undefined) this.add(directory, new Slot(name, value))
        else if (slot.value !== value) this.replace(slot, value)
      }
    }
    this.place()
    this.countPending()
    this.moveOpenFiles()
    return () => this.undo()
  }

  /** Open snapshots go on seeing what was. */
  private remember(overlay: Overlay): void {
    const snapshot = this.volume.newestSnapshot
    if (snapshot === undefined) return
    for (const [directory, names] of overlay.changes) {
      for (const name of names.keys()) {
        if (snapshot.has(directory, name)) continue
        snapshot.put(directory, name, directory.slots.get(name)?.value)
      }
    }
  }

  private detach(directory: Directory, slot: Slot): void {
    this.volume.payload.remove(tokensOf(slot))
    directory.slots.delete(slot.name)
    directory.sorted = undefined
    this.detached.push({ directory, slot })
    this.touchHeader(directory)
  }

  private add(directory: Directory, slot: Slot): void {
    directory.slots.set(slot.name, slot)
    directory.sorted = undefined
    slot.parent = directory
    if (slot.value.kind === 'directory') slot.value.directory.header = slot
    this.added.push({ directory, slot })
    this.touchHeader(directory)
  }

  private replace(slot: Slot, value: Value): void {
    this.replaced.push({ slot, value: slot.value })
    slot.value = value
    this.volume.payload.changed(slot)
  }

  /** What is to be written is what is in the tree now: not what was made and removed again. */
  private countPending(): void {
    if (this.volume.pending.files.size > 0) {
      for (const { slot } of this.detached) {
        for (const inside of tokensOf(slot)) {
          if (inside.chunk === undefined) this.setPending(inside, undefined)
        }
      }
    }
    for (const { slot } of [...this.added, ...this.replaced]) {
      this.setPending(slot, slot.chunk === undefined ? undefined : slot.value)
    }
  }

  /** How many entries a directory has stands in its own token. */
  private touchHeader({ header }: Directory): void {
    if (header !== undefined) this.volume.payload.changed(header)
  }

  private setPending(slot: Slot, value: Value | undefined): void {
    const { pending } = this.volume
    const before = pending.files.get(slot)
    const count = value?.kind === 'file' ? countDirty(value.rope) : 0
    if (count === 0 && before === undefined) return
    this.pendingBefore.push({ slot, count: before })
    this.setCount(slot, count === 0 ? undefined : count)
  }

  private setCount(slot: Slot, count: number | undefined): void {
    const { pending } = this.volume
    pending.pageCount += (count ?? 0) - (pending.files.get(slot) ?? 0)
    if (count === undefined) pending.files.delete(slot)
    else pending.files.set(slot, count)
  }

  /** Gives new entries their places, all of a directory at once. */
  private place(): void {
    const byDirectory = new Map<Directory, Slot[]>()
    for (const { directory, slot } of this.added) {
      if (!directory.isInTree) continue
      let slots = byDirectory.get(directory)
      if (slots === undefined) {
        slots = []
        byDirectory.set(directory, slots)
      }
      slots.push(slot)
    }
    for (const [directory, slots] of byDirectory) {
      const tokens: Slot[] = []
      // The last name first, as the original writes them.
      for (const slot of slots.reverse()) tokens.push(...tokensOf(slot))
      this.volume.payload.insertAfter(directory.header as Slot, tokens)
    }
  }

  /** Whoever has a file open goes with it where it is moved, and keeps it where it is removed. */
  private moveOpenFiles(): void {
    const { openFiles } = this.volume
    if (openFiles.size === 0) return
    const gone = new Set(this.detached.flatMap(({ slot }) => tokensOf(slot)))
    const moved = new Set([...gone].map((slot) => slot.value))
    for (const { slot, value } of this.replaced) {
      // Another file has come to this name; a new content of the same file is not one.
      if (moved.has(slot.value) && openFiles.has(slot)) this.moveOpen(slot, undefined, value)
    }
    for (const slot of gone) {
      // What is below a directory that was moved has the same slots as before.
      if (slot.chunk !== undefined || !openFiles.has(slot)) continue
      const to = [...this.added, ...this.replaced].find((each) => each.slot.value === slot.value)
      this.moveOpen(slot, to?.slot, slot.value)
    }
  }

  private moveOpen(from: Slot, to: Slot | undefined, value: Value): void {
    const { openFiles } = this.volume
    const file = openFiles.get(from) as SharedFile
    openFiles.delete(from)
    this.movedOpens.push({ file, from, to })
    if (to === undefined) file.detach(value as FileValue)
    else {
      openFiles.set(to, file)
      file.moveTo(to)
    }
  }

  private undo(): void {
    const { payload, openFiles } = this.volume
    for (const { file, from, to } of this.movedOpens.reverse()) {
      if (to !== undefined) openFiles.delete(to)
      openFiles.set(from, file)
      file.moveTo(from)
    }
    for (const { directory, slot } of this.added.reverse()) {
      if (slot.chunk !== undefined) payload.remove(tokensOf(slot))
      directory.slots.delete(slot.name)
      directory.sorted = undefined
    }
    for (const { slot, value } of this.replaced.reverse()) {
      slot.value = value
      payload.changed(slot)
    }
    for (const { directory, slot } of this.detached) {
      directory.slots.set(slot.name, slot)
      directory.sorted = undefined
      if (slot.value.kind === 'directory') slot.value.directory.header = slot
    }
    for (const { directory, slot } of this.detached) {
      if (directory.isInTree && slot.chunk === undefined) {
        payload.insertAfter(directory.header as Slot, tokensOf(slot))
      }
    }
    for (const { slot, count } of this.pendingBefore.reverse()) this.setCount(slot, count)
    payload.settle()
  }
}

/** True where a value only changes what stands in its token. */
function isSamePlace(old: Value, value: Value | undefined): boolean {
  if (value === undefined) return false
  if (old.kind === 'file') return value.kind === 'file'
  return value.kind === 'directory' && value.directory === old.directory
}

/** A slot and all below it, a directory before what is in it. */
function tokensOf(slot: Slot): Slot[] {
  if (slot.value.kind === 'file') return [slot]
  const tokens: Slot[] = []
  const pending = [slot]
  for (let each = pending.pop(); each !== undefined; each = pending.pop()) {
    tokens.push(each)
    if (each.value.kind === 'directory') pending.push(...each.value.directory.slots.values())
  }
  return tokens
}
