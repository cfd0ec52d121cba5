/** Plan: how many pages a tree takes, before any of it is read. */

import { tokenBytes, topTokenBytes } from './format/directory-payload.js'
import { type ChecksumName, FIRST_FREE_SECTOR, Layout, SLOTS_PER_ROOT } from './format/layout.js'
import { DEFAULT_PAGE_BYTES, PAGE_COUNT_MIN } from './format-volume.js'
import { FILE_BYTES_MAX, NAME_BYTES_MAX } from './stage.js'

export interface PlannedEntry {
  /** Names from the top, as byte strings; all directories above are entries too. */
  readonly names: readonly string[]
  /** Bytes of a file; `undefined` for a directory. */
  readonly size: number | undefined
}

export interface PlanOptions {
  /** Default 4096. */
  readonly pageSize?: number
  /** Default `'ADLER-32'`. */
  readonly checksum?: ChecksumName
}

export interface Plan {
  /** What the format cannot hold. */
  readonly problems: readonly { readonly entry: PlannedEntry; readonly message: string }[]
  /** Pages of a disk on which the rest fits, and can be changed and removed. */
  readonly pagesNeeded: number
}

export function planPages(entries: Iterable<PlannedEntry>, options: PlanOptions = {}): Plan {
  const { pageSize = DEFAULT_PAGE_BYTES, checksum = 'ADLER-32' } = options
  const problems: { entry: PlannedEntry; message: string }[] = []
  const accepted: PlannedEntry[] = []
  const counts = new Map<string, number>()
  for (const entry of entries) {
    const message = problemOf(entry)
    if (message !== undefined) {
      problems.push({ entry, message })
      continue
    }
    accepted.push(entry)
    const above = entry.names.slice(0, -1).join('/')
    counts.set(above, (counts.get(above) ?? 0) + 1)
  }
  let pageCount = PAGE_COUNT_MIN
  for (;;) {
    // How long ids are follows from the number of pages, and that from them.
    const needed = pagesFor(accepted, counts, new Layout(pageSize, pageCount, checksum))
    if (needed <= pageCount) return { problems, pagesNeeded: pageCount }
    pageCount = needed
  }
}

function problemOf({ names, size }: PlannedEntry): string | undefined {
  const name = names[names.length - 1] ?? ''
  if (name.length > NAME_BYTES_MAX) {
    return `its name has ${name.length} bytes, and one may have ${NAME_BYTES_MAX}`
  }
  if (size === undefined || size <= FILE_BYTES_MAX) return undefined
  return `it has ${size} bytes, and a file may have ${FILE_BYTES_MAX}`
}

function pagesFor(
  entries: readonly PlannedEntry[],
  counts: ReadonlyMap<string, number>,
  layout: Layout,
): number {
  let data = 0
  let names = topTokenBytes(counts.get('') ?? 0)
  for (const entry of entries) {
    const { size } = entry
    const name = entry.names[entry.names.length - 1] as string
    if (size !== undefined) data += ropePages(layout, size)
    names += tokenBytes(
      layout,
      name,
      size === undefined ? (counts.get(entry.names.join('/')) ?? 0) : undefined,
    )
  }
  // Tokens are not cut: a leaf may be left with less than a name's room.
  const directory = ropePages(
    layout,
    Math.ceil(names * (layout.ropeLeafBytes / (layout.ropeLeafBytes - 64))),
  )
  const height = Math.ceil(Math.log2(directory + 1) / 4) + 1
  const reserve = 3 * (2 * height + 3 + 4) + SLOTS_PER_ROOT
  const fixed = FIRST_FREE_SECTOR + SLOTS_PER_ROOT + 16
  const used = fixed + data + directory + reserve
  return used + Math.ceil(used / (2 * (layout.queueLeafRuns - 4) - 1))
}

/** Pages of a balanced rope. */
function ropePages(layout: Layout, size: number): number {
  let level = Math.max(1, Math.ceil(size / layout.ropeLeafBytes))
  let pages = level
  while (level > 1) {
    level = Math.ceil(level / layout.ropeBranchChildren)
    pages += level
  }
  return pages
}
