/**
 * Versions: every file that any log of an image still names, in pairs that are in use and in blocks to
 * which nothing leads any more; in which directory it was, and why a mount does not show it.
 *
 * Where a log has no place in the tree, the directory entries of all logs are asked for a name: the last
 * one that led to its block is taken.
 */

import type { Op, Span } from '@caravan/core'
import type { Survey } from '../check/check.js'
import type { Crc32 } from '../format/crc32.js'
import { type WalkedLog, walkLog } from '../format/log-walk.js'
import {
  type Attribute,
  decodeEntries,
  type EntryContent,
  isShown,
} from '../format/metadata-log.js'
import { textToByteString } from '../format/name.js'
import { TagType } from '../format/tag.js'
import { isNewerRevision, readWhatCan } from '../metadata-pair.js'

/** One state of a file. */
export interface FileVersion {
  /** A byte string, from the root. */
  readonly path: string
  readonly struct: FileStruct
  readonly attributes: readonly Attribute[]
  /** The log that names it, and where its commit ends there, in bytes. */
  readonly block: number
  readonly revision: number
  readonly end: number
  /**
   * - `shown`: a mount shows exactly this;
   * - `earlier`: a newer version of it is shown;
   * - `removed`: its directory is shown, and holds no such name;
   * - `lost directory`: no path leads to its directory any more.
   */
  readonly state: 'shown' | 'earlier' | 'removed' | 'lost directory'
}

type FileStruct =
  | { readonly kind: 'inline'; readonly bytes: Uint8Array }
  | { readonly kind: 'ctz'; readonly head: number; readonly size: number }

/** A block that holds commits. */
interface LogBlock {
  readonly block: number
  readonly log: WalkedLog
  readonly bytes: Uint8Array
}

interface Versions {
  /** By path, the newest of each path first. */
  readonly versions: readonly FileVersion[]
  /** Blocks that hold commits: no data of a file is left there. */
  readonly logBlocks: ReadonlySet<number>
}

/** Blocks read in one request; bounds what a scan takes in memory. */
const REQUEST_BLOCKS = 64

export function* findVersions(
  survey: Survey,
  blockSize: number,
  heldBlockCount: number,
  crc32: Crc32,
): Op<Versions> {
  const all = yield* readLogs(blockSize, heldBlockCount, crc32)
  // A file may hold what looks like a log: an image in an image.
  const logs = all.filter(({ block }) => survey.uses.get(block)?.kind !== 'data')
  const places = new Places(survey, logs)
  const shown = shownFiles(survey, logs)
  const versions: FileVersion[] = []
  const seen = new Set<string>()
  for (const each of logs) {
    const directory = places.pathOf(each.block)
    const isKnown = places.isShown(each.block)
    const told = new Set<string>()
    // From the newest commit back: what is named by many is told with the last of them.
    for (const { end } of [...each.log.commits].reverse()) {
      for (const entry of decodeEntries(each.bytes.subarray(0, end))) {
        const struct = fileStructOf(entry)
        if (struct === undefined) continue
        const path = `${directory}/${entry.name}`
        // What was not written again stands at the same place of the log.
        const place = struct.kind === 'inline' ? `${struct.bytes.byteOffset}` : keyOf(struct)
        if (told.has(`${path}\n${place}`)) continue
        told.add(`${path}\n${place}`)
        const key = `${path}\n${keyOf(struct)}`
        if (seen.has(key)) continue
        seen.add(key)
        const current = shown.get(path)
        const isShownNow = isKnown && current !== undefined && keyOf(current) === keyOf(struct)
        const state = isShownNow
          ? 'shown'
          : !isKnown
            ? 'lost directory'
            : current === undefined
              ? 'removed'
              : 'earlier'
        const { block, log } = each
        const { attributes } = entry
        versions.push({ path, struct, attributes, block, revision: log.revision, end, state })
      }
    }
  }
  return {
    versions: versions.sort(byPathThenAge),
    logBlocks: new Set(logs.map(({ block }) => block)),
  }
}

function byPathThenAge(a: FileVersion, b: FileVersion): number {
  if (a.path !== b.path) return a.path < b.path ? -1 : 1
  if (a.state !== b.state && (a.state === 'shown' || b.state === 'shown')) {
    return a.state === 'shown' ? -1 : 1
  }
  if (a.revision !== b.revision) return isNewerRevision(a.revision, b.revision) ? -1 : 1
  return b.end - a.end
}

/** All blocks that hold commits, those with the newer revision first. */
function* readLogs(blockSize: number, heldBlockCount: number, crc32: Crc32): Op<LogBlock[]> {
  const logs: LogBlock[] = []
  for (let first = 0; first < heldBlockCount; first += REQUEST_BLOCKS) {
    const count = Math.min(REQUEST_BLOCKS, heldBlockCount - first)
    const spans = Array.from({ length: count }, (_, i): Span => {
      return { block: first + i, offset: 0, bytes: new Uint8Array(blockSize) }
    })
    const readable = yield* readWhatCan(spans)
    spans.forEach(({ block, bytes }, i) => {
      if (readable[i] !== true) return
      const log = walkLog(bytes, crc32)
      if (log.commits.length > 0) logs.push({ block, log, bytes })
    })
  }
  return logs.sort((a, b) => {
    if (a.log.revision === b.log.revision) return a.block - b.block
    return isNewerRevision(a.log.revision, b.log.revision) ? -1 : 1
  })
}

/** The files that a mount shows, as the halves in force hold them. */
function shownFiles(survey: Survey, logs: readonly LogBlock[]): Map<string, FileStruct> {
  const shown = new Map<string, FileStruct>()
  for (const { block, bytes, log } of logs) {
    const use = survey.uses.get(block)
    if (use?.kind !== 'metadata' || !use.inForce || use.path === undefined) continue
    const end = log.commits.at(-1)?.end ?? 0
    for (const entry of decodeEntries(bytes.subarray(0, end))) {
      const struct = fileStructOf(entry)
      if (struct !== undefined) shown.set(`${asPrefix(use.path)}/${entry.name}`, struct)
    }
  }
  return shown
}

function fileStructOf(entry: EntryContent): FileStruct | undefined {
  if (entry.nameType !== TagType.FILE || !isShown(entry)) return undefined
  const { struct } = entry
  return struct?.kind === 'inline' || struct?.kind === 'ctz' ? struct : undefined
}

function keyOf(struct: FileStruct): string {
  return struct.kind === 'ctz' ? `${struct.head},${struct.size}` : struct.bytes.join()
}

function asPrefix(path: string): string {
  return path === '/' ? '' : textToByteString(path)
}

/** Names that a log holds after one of its commits. */
function namesAfter({ bytes, log }: LogBlock, commit: number): Set<string> {
  const entries = decodeEntries(bytes.subarray(0, log.commits.at(commit)?.end ?? 0))
  return new Set(entries.filter(isShown).map(({ name }) => name))
}

function shareNames(active: LogBlock, older: LogBlock): boolean {
  const names = namesAfter(active, 0)
  const before = namesAfter(older, -1)
  return names.size === 0 || before.size === 0 || [...before].some((name) => names.has(name))
}

/** Where the directories of logs are, or were. */
class Places {
  /** The directory entry that led to a block: its name, and the block whose log it stands in. */
  private readonly parents = new Map<number, { readonly name: string; readonly block: number }>()
  /** Of the blocks whose directory a mount shows. */
  private readonly paths = new Map<number, string>()

  constructor(survey: Survey, logs: readonly LogBlock[]) {
    const byBlock = new Map(logs.map((log) => [log.block, log]))
    for (const log of logs) {
      const use = survey.uses.get(log.block)
      if (use?.kind !== 'metadata' || use.path === undefined) continue
      const other = byBlock.get(use.blocks[0] === log.block ? use.blocks[1] : use.blocks[0])
      // The other block of a young pair may still hold what it was before.
      const isOfPair = use.inForce || other === undefined || shareNames(other, log)
      if (isOfPair) this.paths.set(log.block, asPrefix(use.path))
    }
    // The newest logs come first, and in each the newest commit.
    for (const { block, bytes, log } of logs) {
      for (const { end } of [...log.commits].reverse()) {
        for (const { nameType, name, struct } of decodeEntries(bytes.subarray(0, end))) {
          if (nameType !== TagType.DIRECTORY || struct?.kind !== 'directory') continue
          for (const child of struct.pair) {
            if (child !== block && !this.parents.has(child))
              this.parents.set(child, { name, block })
          }
        }
      }
    }
  }

  isShown(block: number): boolean {
    return this.paths.has(block)
  }

  /** A byte string; empty for the root. */
  pathOf(block: number): string {
    let path = ''
    let at = block
    for (let steps = 0; steps < 100; steps++) {
      const known = this.paths.get(at)
      if (known !== undefined) return `${known}${path}`
      const parent = this.parents.get(at)
      if (parent === undefined) break
      path = `/${parent.name}${path}`
      at = parent.block
    }
    return `/lost+found/block-${at}${path}`
  }
}
