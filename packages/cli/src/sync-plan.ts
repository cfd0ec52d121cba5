/**
 * What makes a tree of an image that of a directory, and the doing of it.
 *
 * 1. Only what differs is written to. What rules keep or leave out is neither replaced nor removed,
 *    and neither is a directory that something of it lies in.
 * 2. Each file is the old or the new one whenever it is cut short: contents change by `addTree`, one
 *    step for as many as there is room for, and removals are steps of their own. A name that is another
 *    type afterwards is removed first.
 * 3. Doing it again from any state in between ends with the same tree.
 */

import { FsError } from '@caravan/core'
import { type ComparedTree, pathKey } from './compared-tree.js'
import type { MountedImage } from './formats/format.js'
import type { HostEntry } from './host-tree.js'
import type { PathRules } from './path-rules.js'
import { enginePath, parentOf } from './paths.js'
import type { Difference } from './tree-comparison.js'

interface SyncRules {
  /** Remove what is only in the image. */
  readonly removes: boolean
  /** What stays as it is where it is there already. */
  readonly kept: PathRules | undefined
  /** What is not looked at in either tree. */
  readonly ignored: PathRules | undefined
}

export interface SyncPlan {
  /** What will be done, and by which of the lists below. */
  readonly differences: readonly Difference[]
  /** What is not the same, and stays. */
  readonly kept: readonly Uint8Array[]
  /** Names that another type of entry takes: removed before anything else. */
  readonly inTheWay: readonly Uint8Array[]
  /** A directory before what is in it. */
  readonly puts: readonly HostEntry[]
  /** Each with all below it. */
  readonly removals: readonly Uint8Array[]
  /** In seconds since 1970. */
  readonly times: readonly { readonly path: Uint8Array; readonly seconds: number }[]
  /** Directories in the image where a file should be, and why they stay. */
  readonly blocked: readonly { readonly path: Uint8Array; readonly reason: string }[]
}

/** @param differences of the image (A) and the directory (B), nothing of either left out. */
export function planSync(
  image: ComparedTree,
  differences: readonly Difference[],
  rules: SyncRules,
): SyncPlan {
  const stays = pathsThatStay(image, rules)
  const plan = {
    differences: [] as Difference[],
    kept: [] as Uint8Array[],
    inTheWay: [] as Uint8Array[],
    puts: [] as HostEntry[],
    removals: [] as Uint8Array[],
    times: [] as { path: Uint8Array; seconds: number }[],
    blocked: [] as { path: Uint8Array; reason: string }[],
  }
  /** What is gone with a directory above it. */
  const gone = new Set<string>()
  /** What is not put, and all below it. */
  const refused = new Set<string>()
  for (const difference of differences) {
    const { path, a, b, aspects } = difference
    const key = pathKey(path)
    const isDirectory = (a ?? b)?.type === 'directory'
    if (rules.ignored?.match(path, isDirectory) === true) continue
    const parent = pathKey(parentOf(path))
    if (a !== undefined && stays.own.has(key)) {
      if (b !== undefined || rules.removes) plan.kept.push(path)
      if (b !== undefined && a.type !== b.type) refused.add(key)
    } else if (b === undefined) {
      const isGone = gone.has(parent)
      if (!isGone && (!rules.removes || stays.all.has(key))) continue
      if (!isGone) plan.removals.push(path)
      gone.add(key)
      plan.differences.push(difference)
    } else if (refused.has(parent)) refused.add(key)
    else if (a !== undefined && a.type !== b.type) {
      const reason = whyBlocked(a.type, stays.all.has(key), rules)
      if (reason !== undefined) {
        plan.blocked.push({ path, reason })
        refused.add(key)
        continue
      }
      plan.inTheWay.push(path)
      gone.add(key)
      addPut(plan, difference, b.host)
    } else if (aspects.some(({ what }) => what !== 'time') || a === undefined) {
      addPut(plan, difference, b.host)
    } else if (b.host?.mtime !== undefined) {
      plan.times.push({ path, seconds: b.host.mtime })
      plan.differences.push(difference)
    }
  }
  return plan
}

function addPut(
  plan: { differences: Difference[]; puts: HostEntry[] },
  difference: Difference,
  host: HostEntry | undefined,
): void {
  if (host === undefined) return
  plan.puts.push(host)
  plan.differences.push(difference)
}

function whyBlocked(type: string, holdsKept: boolean, { removes }: SyncRules): string | undefined {
  if (type !== 'directory') return undefined
  if (holdsKept) return 'a directory in the image, with something in it that is kept'
  if (!removes) return 'a directory in the image; --delete removes it'
  return undefined
}

/** What rules keep or leave out in the image; in `all` also the directories that it lies in. */
function pathsThatStay(
  image: ComparedTree,
  { kept, ignored }: SyncRules,
): { readonly own: ReadonlySet<string>; readonly all: ReadonlySet<string> } {
  const own = new Set<string>()
  const all = new Set<string>()
  for (const { path, type } of image.entries.values()) {
    const isDirectory = type === 'directory'
    const isKept = kept?.match(path, isDirectory) === true
    if (!isKept && ignored?.match(path, isDirectory) !== true) continue
    if (isKept) own.add(pathKey(path))
    for (let at = path; at.length > 1; at = parentOf(at)) all.add(pathKey(at))
  }
  return { own, all }
}

/**
 * How the changes follow on each other: the first, where nothing is removed before what replaces it
 * is there, while there is room for that.
 */
const SYNC_ORDERS = ['put, remove', 'remove, put', 'remove, put one by one'] as const
export type SyncOrder = (typeof SYNC_ORDERS)[number]

/**
 * Does what the plan says.
 *
 * @throws FsError `ENOSPC` where the order takes more room than there is; what reading the files of
 *   this computer throws.
 */
export async function applySync(
  mounted: MountedImage,
  plan: SyncPlan,
  order: SyncOrder,
): Promise<void> {
  const { fs } = mounted
  const remove = async (paths: readonly Uint8Array[]) => {
    for (const path of paths) await fs.rm(enginePath(path), { recursive: true })
  }
  await remove(plan.inTheWay)
  if (order !== 'put, remove') await remove(plan.removals)
  const steps = order === 'remove, put one by one' ? oneByOne(plan) : [plan.puts]
  for (const step of steps) if (step.length > 0) await mounted.addTree?.(step)
  if (order === 'put, remove') await remove(plan.removals)
  for (const { path, seconds } of plan.times) await mounted.setModified?.(path, seconds)
}

/** Directories, then files: those that give room before those that take it. */
function oneByOne({ puts, differences }: SyncPlan): HostEntry[][] {
  const growth = new Map(
    differences.map(({ path, a, b }) => [pathKey(path), (b?.size ?? 0) - (a?.size ?? 0)]),
  )
  const directories = puts.filter(({ type }) => type === 'directory')
  const others = puts
    .filter(({ type }) => type !== 'directory')
    .sort((x, y) => (growth.get(pathKey(x.path)) ?? 0) - (growth.get(pathKey(y.path)) ?? 0))
  return [...directories, ...others].map((entry) => [entry])
}

/** The first order that the rehearsal has room for; `undefined` for none. */
export async function findOrder(
  plan: SyncPlan,
  rehearse: (use: (copy: MountedImage) => Promise<void>) => Promise<void>,
): Promise<SyncOrder | undefined> {
  for (const order of SYNC_ORDERS) {
    try {
      await rehearse((copy) => applySync(copy, plan, order))
      return order
    } catch (error) {
      if (!(error instanceof FsError) || error.code !== 'ENOSPC') throw error
    }
  }
  return undefined
}
