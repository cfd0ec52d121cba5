/**
 * The cases where the reference errs and ours is right: the table of golden/littlefs/README.md,
 * each by name, and no others.
 */

import { FormatError, FsError } from '@caravan/core'
import { describe } from '../report.js'
import { entryDifference, treeDifference } from './compare.js'
import { isTypedError } from './errors.js'
import type { Manifest, ManifestEntry } from './manifest.js'
import type { ObservedEntry } from './observe.js'

export interface Exemption {
  /** What the case is judged by instead, for the report. */
  readonly rule: string
  readonly applies: (manifest: Manifest) => boolean
  /** Mounting: instead of comparing with `expect`. `error` is what it threw, if it did. */
  readonly mount?: (error: unknown) => string | undefined
  /** Reading: instead of comparing with `entries`. `undamaged` is the tree without the damage. */
  readonly tree?: (
    manifest: Manifest,
    seen: readonly ObservedEntry[],
    undamaged: readonly ManifestEntry[] | undefined,
  ) => string | undefined
  /** The tree to see after make-consistent, instead of `afterConsistent.entries`. */
  readonly treeAfter?: (manifest: Manifest) => readonly ManifestEntry[] | null
  /** Make-consistent itself: instead of comparing with `mkconsistent`. */
  readonly makeConsistent?: (error: unknown) => string | undefined
}

/** `corrupt*-NAME` in the README stands for these two. */
const damaged = (...names: string[]) => {
  const whole = new Set(names.flatMap((name) => [`corrupt-${name}`, `corrupt2-${name}`]))
  return (manifest: Manifest) => whole.has(manifest.name)
}

const refusedByAnyError = (error: unknown) => {
  if (isTypedError(error)) return undefined
  return error === undefined
    ? 'expected to be refused, but it mounts'
    : `expected a FormatError, FsError or DeviceError, got ${describe(error)}`
}

const movePending = damaged('gstate-move-pending')

export const EXEMPTIONS: readonly Exemption[] = [
  {
    rule: 'a pending move is hidden exactly: already read-only the tree of afterConsistent',
    applies: (manifest) =>
      (manifest.group === 'powerloss' || movePending(manifest)) &&
      Array.isArray(manifest.afterConsistent?.entries),
    tree: (manifest, seen) =>
      treeDifference(manifest.afterConsistent?.entries as ManifestEntry[], seen),
  },
  {
    rule: 'an impossible move removes nothing: entries before and after',
    applies: damaged('gstate-move-bad-id'),
    treeAfter: (manifest) => manifest.entries,
  },
  {
    rule: "a name no path can spell: the manifest's answer, or the whole name with its content",
    applies: damaged('name-max-4', 'name-with-slash', 'name-with-nul'),
    tree: (manifest, seen, undamaged) =>
      treeDifference(manifest.entries ?? [], seen) &&
      wholeNamesDifference(manifest.entries ?? [], seen, undamaged),
  },
  {
    rule: 'no superblock entry: refused with any error',
    applies: damaged('magic-both-crc-repaired'),
    mount: refusedByAnyError,
  },
  {
    rule: 'garbage in the move tag: make-consistent answers FormatError',
    applies: damaged('gstate-garbage'),
    makeConsistent: (error) =>
      error instanceof FormatError ? undefined : `expected a FormatError, got ${describe(error)}`,
  },
  {
    rule: 'a directory that holds itself: the loop is found and reported',
    applies: damaged('dir-pointer-to-root'),
    tree: (_, seen) => loopDifference(seen),
    treeAfter: () => null,
  },
  {
    rule: 'an image of no bytes: any error',
    applies: (manifest) => manifest.name === 'corrupt-zero-length',
    mount: refusedByAnyError,
  },
  {
    // Any DeviceError is what LFS_ERR_IO means in every case; the row says so of this one.
    rule: 'a truncated image: entries as recorded, any DeviceError beyond its end',
    applies: damaged('truncated-half'),
  },
  {
    rule: "two entries of one name: the manifest's answer, or each with its own content",
    applies: damaged('name-duplicate'),
    tree: (manifest, seen, undamaged) =>
      treeDifference(manifest.entries ?? [], seen) &&
      ownContentDifference(manifest.entries ?? [], seen, undamaged),
  },
]

/** Every entry as recorded, or, where the reference cut or misread its name, as it was before. */
function wholeNamesDifference(
  expected: readonly ManifestEntry[],
  seen: readonly ObservedEntry[],
  undamaged: readonly ManifestEntry[] | undefined,
): string | undefined {
  if (undamaged === undefined) return 'the set has no undamaged image to compare the content with'
  if (seen.length !== expected.length) {
    return `expected ${expected.length} entries, got ${seen.length}`
  }
  const unreadable = expected.filter((entry) => entry.error !== undefined)
  const readable = new Map(expected.map((entry) => [entry.path, entry]))
  const contents = undamaged.filter(
    (entry) => !expected.some(({ path, error }) => path === entry.path && error === undefined),
  )
  for (const entry of seen) {
    const recorded = readable.get(entry.path)
    if (recorded !== undefined && recorded.error === undefined) {
      const difference = entryDifference(recorded, entry)
      if (difference !== undefined) return difference
      continue
    }
    const cut = unreadable.some(({ path }) => entry.path.startsWith(path))
    const was = contents.some((content) => {
      return entryDifference({ ...content, path: entry.path }, entry) === undefined
    })
    if (!cut || !was) return `entry ${JSON.stringify(entry.path)} is not the whole entry`
  }
  return undefined
}

function loopDifference(seen: readonly ObservedEntry[]): string | undefined {
  const failures = seen.flatMap(({ failed }) => (failed === undefined ? [] : [failed.error]))
  if (failures.length === 0) return 'expected the loop to be reported, but no entry has an error'
  const other = failures.find((error) => !(error instanceof FormatError))
  return other === undefined ? undefined : `expected only FormatErrors, got ${describe(other)}`
}

/** The tree as it was before one directory was given the name of another. */
function ownContentDifference(
  expected: readonly ManifestEntry[],
  seen: readonly ObservedEntry[],
  undamaged: readonly ManifestEntry[] | undefined,
): string | undefined {
  if (undamaged === undefined) return 'the set has no undamaged image to compare the content with'
  const paths = expected.map(({ path }) => path)
  const twice = paths.find((path, i) => paths.indexOf(path) !== i)
  const renamed = undamaged.find(({ path }) => !paths.includes(path) && depth(path) === 1)
  if (twice === undefined || renamed === undefined) return treeDifference(expected, seen)
  const tree = undamaged.map((entry) => {
    const inside = entry.path === renamed.path || entry.path.startsWith(`${renamed.path}/`)
    return inside ? { ...entry, path: twice + entry.path.slice(renamed.path.length) } : entry
  })
  tree.sort((a, b) => Buffer.compare(Buffer.from(a.path), Buffer.from(b.path)))
  // A path leads to one of the two only: what stands under the other is listed, not found.
  const found = seen.map((entry, i) => {
    const hidden = entry.failed?.error instanceof FsError && entry.path.startsWith(`${twice}/`)
    const { failed: _, ...readable } = entry
    return hidden ? { ...readable, sha256: tree[i]?.sha256 ?? null } : entry
  })
  return treeDifference(tree, found)
}

function depth(path: string): number {
  return path.split('/').length - 1
}
