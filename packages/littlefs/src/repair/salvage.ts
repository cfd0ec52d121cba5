/**
 * Salvage: everything that can be read of an image, mounted or not, as entries for a new one.
 *
 * 1. What a mount shows is in it, with content and attributes, under the same path where that can be.
 * 2. A list of pairs that breaks off or runs in circles keeps nothing from being read: the tree alone is
 *    followed. Then no pending move is believed, since a part of the global state is missing.
 * 3. What is left out, or named differently, is said.
 * 4. A directory under several paths is taken under each as long as `sharedMax` lasts: thirty of them, each
 *    with two names for the next, would become a billion.
 */

import { type CaravanError, DeviceError, FormatError, type Op } from '@caravan/core'
import { entrySize, entryType, openDirectory, shownEntries } from '../directory.js'
import { byteStringToBytes, byteStringToText } from '../format/name.js'
import { type Entry, pairKey } from '../metadata-pair.js'
import { readWhole } from '../read.js'
import type { Volume } from '../volume.js'

export interface SalvagedEntry {
  /** Where it goes, from the root, as bytes. */
  readonly path: Uint8Array
  readonly type: 'file' | 'directory'
  /** Bytes; 0 for directories. */
  readonly size: number
  readonly attributes: ReadonlyMap<number, Uint8Array>
  readonly entry: Entry
}

export interface SalvageProblem {
  /** As the image has it. */
  readonly path: string
  /** True where nothing of it is in the new image. */
  readonly isLost: boolean
  /** As a sentence. */
  readonly what: string
}

export interface Salvage {
  readonly entries: readonly SalvagedEntry[]
  readonly problems: readonly SalvageProblem[]
}

interface Step {
  readonly entry: Entry
  /** Byte strings, as the image and as the new one have it. */
  readonly path: string
  readonly target: string
  /** The first pairs of the directories that it lies in. */
  readonly above: readonly number[]
}

/**
 * Reads each file once, to see that it can be.
 *
 * @param sharedMax how many directories are taken again under another path.
 */
export function* salvageTree(volume: Volume, sharedMax: number): Op<Salvage> {
  const entries: SalvagedEntry[] = []
  const problems: SalvageProblem[] = []
  const root = yield* volume.readRoot()
  entries.push(salvaged(root, '/'))
  const pending: Step[] = [{ entry: root, path: '', target: '', above: [] }]
  /** Where each directory goes, by its first pair. */
  const targets = new Map<number, string>()
  let sharedLeft = sharedMax
  for (let step = pending.pop(); step !== undefined; step = pending.pop()) {
    const { path, target, above } = step
    const lose = (error: unknown) => {
      if (!isAboutTheImage(error)) throw error
      problems.push({ path: textOf(path || '/'), isLost: true, what: error.message })
    }
    try {
      const directory = yield* openDirectory(volume, step.entry)
      const key = pairKey(directory.head.blocks)
      if (above.includes(key)) {
        const what = 'The directory leads back to one that it lies in.'
        problems.push({ path: textOf(path), isLost: true, what })
        continue
      }
      const taken = new Set<string>()
      for (const entry of directory.chain.flatMap((pair) => [...shownEntries(volume, pair)])) {
        const { name } = entry.content
        const child = `${path}/${name}`
        const type = entryType(entry)
        if (type === 'other') {
          const what = 'It is neither a file nor a directory.'
          problems.push({ path: textOf(child), isLost: true, what })
          continue
        }
        if (type === 'directory') {
          const known = targets.get(headKeyOf(entry))
          if (known !== undefined && sharedLeft-- <= 0) {
            const what = `It is the directory that is stored as ${textOf(known)}, and no room is left for it twice.`
            problems.push({ path: textOf(child), isLost: true, what })
            continue
          }
        }
        if (type === 'file') {
          try {
            yield* readWhole(volume, entry)
          } catch (error) {
            if (!isAboutTheImage(error)) throw error
            problems.push({ path: textOf(child), isLost: true, what: error.message })
            continue
          }
        }
        const given = freeName(storableName(name), taken)
        taken.add(given)
        const place = `${target}/${given}`
        if (given !== name) {
          const what = `It is stored as ${textOf(place)}: no path leads to its own name.`
          problems.push({ path: textOf(child), isLost: false, what })
        }
        entries.push(salvaged(entry, place))
        if (type === 'directory') {
          if (!targets.has(headKeyOf(entry))) targets.set(headKeyOf(entry), place)
          pending.push({ entry, path: child, target: place, above: [...above, key] })
        }
      }
    } catch (error) {
      lose(error)
    }
  }
  return { entries, problems }
}

/** -1 for a directory that has no pair. */
function headKeyOf({ content: { struct } }: Entry): number {
  return struct?.kind === 'directory' ? pairKey(struct.pair) : -1
}

function salvaged(entry: Entry, path: string): SalvagedEntry {
  const { attributes } = entry.content
  return {
    path: byteStringToBytes(path),
    type: entryType(entry) === 'directory' ? 'directory' : 'file',
    size: entrySize(entry),
    attributes: new Map(attributes.map(({ type, bytes }) => [type, bytes])),
    entry,
  }
}

export function isAboutTheImage(error: unknown): error is CaravanError {
  if (error instanceof FormatError) return true
  return error instanceof DeviceError && ['BAD_BLOCK', 'OUT_OF_RANGE'].includes(error.code)
}

/** A name that a path can lead to: slashes and NULs in percent notation. */
export function storableName(name: string): string {
  if (name === '') return '%'
  if (name === '.' || name === '..') return name.replaceAll('.', '%2E')
  return name.replaceAll('/', '%2F').replaceAll('\0', '%00')
}

export function freeName(name: string, taken: ReadonlySet<string>): string {
  let free = name
  for (let n = 2; taken.has(free); n++) free = `${name}~${n}`
  return free
}

function textOf(path: string): string {
  return byteStringToText(path)
}
