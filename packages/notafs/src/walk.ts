/**
 * Walk: all pages that a generation reaches, each held against its checksum, and what is free.
 *
 * What is wrong becomes a finding and is not followed; nothing is thrown for it.
 */

import {
  byteStringToText,
  type CaravanError,
  DeviceError,
  FormatError,
  type Op,
  type Span,
} from '@caravan/core'
import { PayloadReader } from './format/directory-payload.js'
import { decodeFreeQueueNode, type FreeRun } from './format/free-queue-node.js'
import { HEIGHT_MAX, type Layout, type Pointer, ROOT_COUNT } from './format/layout.js'
import { decodeRopeBranch, ropeHeight, ropeLeafContent, ropeNodeBytes } from './format/rope-node.js'
import { type Generation, sectorOf } from './generations.js'
import { joinLeaves } from './lockstep.js'
import { compareSpace, gapsBetween, type SpaceProblem } from './space-check.js'

/** What a page is used for. */
export type PageKind = 'header' | 'root' | 'slot' | 'leaf' | 'directory' | 'queue' | 'data'

export interface PageUse {
  readonly page: number
  readonly kind: PageKind
  /** Of a file's page, from the root. */
  readonly path?: string
}

/**
 * - `DAMAGED`: the page does not hold what its pointer says, or cannot be read;
 * - `MALFORMED`: it does, and cannot be what it claims to be;
 * - `WRONG_KEY`: a node of the directory says of one below another size than that has; the original
 *   reads by it;
 * - `DAMAGED_ROOT`: a root sector is damaged; the original does not open such a disk;
 * - `INTERRUPTED`: a newer generation is there and not whole;
 * - `USED_TWICE`: two pointers lead to one page;
 * - `FREE_AND_USED`: a page that is used is in the free space;
 * - `FREE_TWICE`: a sector is twice in the free space;
 * - `LOST`: sectors that are neither used nor free.
 */
export type CheckCode =
  | 'DAMAGED'
  | 'MALFORMED'
  | 'WRONG_KEY'
  | 'DAMAGED_ROOT'
  | 'INTERRUPTED'
  | 'USED_TWICE'
  | 'FREE_AND_USED'
  | 'FREE_TWICE'
  | 'LOST'

export interface CheckFinding {
  readonly code: CheckCode
  readonly page: number
  /** The file that it concerns, if it is one. */
  readonly path?: string
  /** What was found, expected, and what to do. */
  readonly message: string
}

/** Pages read in one request. */
const BATCH_PAGES = 256

interface Open {
  readonly pointer: Pointer
  readonly below: number
}

/** A node of a rope. */
interface OpenRope extends Open {
  /** Where it is in the order of the rope: by the places of the branches above it. */
  readonly place: string
  /** What the key above says of it; nothing says it of the top. */
  readonly bytes: number | undefined
}

export class GenerationWalk {
  readonly uses: PageUse[] = []
  readonly findings: CheckFinding[] = []
  readonly freeRuns: FreeRun[] = []
  fileCount = 0
  private readonly kinds: Map<number, PageUse> = new Map()

  constructor(
    private readonly layout: Layout,
    private readonly generation: Generation,
  ) {}

  /** Reads everything. */
  *run(): Op<void> {
    const { layout, generation } = this
    const { leaf, root, slot } = generation
    this.use(0, 'header')
    for (let i = 1; i <= ROOT_COUNT; i++) this.use(i, 'root')
    this.use(sectorOf(generation), 'leaf')
    for (const sector of root.slots.slice(slot + 1)) this.use(sector, 'slot')
    const files = yield* this.walkPayload(leaf.payload)
    for (const { path, pointer } of files) yield* this.walkRope(pointer, 'data', path)
    this.fileCount = files.length
    yield* this.walkQueue(leaf.freeQueue)
    this.freeRuns.push({ start: leaf.freeStart, length: layout.pageCount - leaf.freeStart })
  }

  /** Compares what is used with what is free. */
  checkFreeSpace(): void {
    const { layout, kinds, freeRuns } = this
    const used = [...kinds.keys()].sort((a, b) => a - b)
    for (const { code, run } of compareSpace(layout.pageCount, used, freeRuns)) {
      const use = code === 'FREE_AND_USED' ? (kinds.get(run.start) as PageUse) : undefined
      this.find(code, run.start, use?.path, spaceMessage(code, run, use))
    }
  }

  /** Sectors that nothing uses, as runs. */
  unusedRuns(): FreeRun[] {
    const used = [...this.kinds.keys()].map((start) => ({ start, length: 1 }))
    return gapsBetween(this.layout.pageCount, used)
  }

  private *walkPayload(pointer: Pointer): Op<{ path: string; pointer: Pointer }[]> {
    if (pointer.id === 0) return []
    const leaves = yield* this.walkRope(pointer, 'directory')
    if (leaves === undefined) return []
    const files: { path: string; pointer: Pointer }[] = []
    const names: string[] = []
    const reader = new PayloadReader(joinLeaves(leaves), this.layout)
    try {
      reader.walk({
        top: () => names.push(''),
        directory: (_start, name) =>
          names.push(`${names[names.length - 1] ?? ''}/${byteStringToText(name)}`),
        file: (_start, name, _mtime, to) => {
          files.push({
            path: `${names[names.length - 1] ?? ''}/${byteStringToText(name)}`,
            pointer: to,
          })
        },
        end: () => {
          names.pop()
        },
      })
    } catch (error) {
      this.tell(error, pointer.id, undefined)
    }
    return files
  }

  /** @returns the content of the leaves of a directory payload; `undefined` where it is not whole. */
  private *walkRope(
    top: Pointer,
    kind: 'directory' | 'data',
    path?: string,
  ): Op<Uint8Array[] | undefined> {
    const { layout } = this
    const leaves: { place: string; bytes: Uint8Array }[] = []
    let isWhole = true
    let level: OpenRope[] = [{ pointer: top, below: HEIGHT_MAX + 1, place: '', bytes: undefined }]
    while (level.length > 0) {
      const fresh = level.filter(({ pointer }) => this.use(pointer.id, kind, path))
      if (fresh.length < level.length) isWhole = false
      const next: typeof level = []
      for (let at = 0; at < fresh.length; at += BATCH_PAGES) {
        const part = fresh.slice(at, at + BATCH_PAGES)
        const pages = yield* this.read(
          part.map(({ pointer }) => pointer),
          path,
        )
        part.forEach(({ pointer, below, place, bytes: expected }, i) => {
          const page = pages[i]
          if (page === undefined) {
            isWhole = false
            return
          }
          try {
            const height = ropeHeight(page)
            if (height >= below) throw tooHigh(pointer.id, height)
            const size = ropeNodeBytes(page, layout, pointer.id)
            if (size !== (expected ?? size)) this.findWrongKey(pointer.id, size, expected, path)
            if (height === 0) {
              const bytes = ropeLeafContent(page, layout, pointer.id)
              if (kind === 'directory') leaves.push({ place, bytes })
              return
            }
            const { children, keys } = decodeRopeBranch(page, layout, pointer.id)
            children.forEach((child, index) => {
              const inside = kind === 'directory' ? place + String.fromCharCode(index) : ''
              const bytes = (keys[index] as number) - (keys[index - 1] ?? 0)
              next.push({ pointer: child, below: height, place: inside, bytes })
            })
          } catch (error) {
            isWhole = false
            this.tell(error, pointer.id, path)
          }
        })
      }
      level = next
    }
    if (!isWhole) return undefined
    leaves.sort((a, b) => (a.place < b.place ? -1 : 1))
    return leaves.map(({ bytes }) => bytes)
  }

  private *walkQueue(top: Pointer): Op<void> {
    if (top.id === 0) return
    let level: Open[] = [{ pointer: top, below: HEIGHT_MAX + 1 }]
    while (level.length > 0) {
      const fresh = level.filter(({ pointer }) => this.use(pointer.id, 'queue'))
      const pages = yield* this.read(fresh.map(({ pointer }) => pointer))
      const next: Open[] = []
      fresh.forEach(({ pointer, below }, i) => {
        const page = pages[i]
        if (page === undefined) return
        try {
          const node = decodeFreeQueueNode(page, this.layout, pointer.id)
          if (node.height >= below) throw tooHigh(pointer.id, node.height)
          if ('runs' in node) this.freeRuns.push(...node.runs)
          else for (const child of node.children) next.push({ pointer: child, below: node.height })
        } catch (error) {
          this.tell(error, pointer.id, undefined)
        }
      })
      level = next
    }
  }

  /** Takes note of a page. @returns false where it was seen before. */
  private use(page: number, kind: PageKind, path?: string): boolean {
    const before = this.kinds.get(page)
    const use: PageUse = { page, kind, ...(path === undefined ? {} : { path }) }
    if (before !== undefined) {
      this.find(
        'USED_TWICE',
        page,
        path ?? before.path,
        `Sector ${page} is used twice: as ${describe(before)} and as ${describe(use)}.`,
      )
      return false
    }
    this.kinds.set(page, use)
    this.uses.push(use)
    return true
  }

  private *read(pointers: readonly Pointer[], path?: string): Op<(Uint8Array | undefined)[]> {
    const { layout } = this
    const spans: Span[] = pointers.map(({ id }) => ({
      block: id,
      offset: 0,
      bytes: new Uint8Array(layout.pageBytes),
    }))
    const unread = new Set<number>()
    try {
      if (spans.length > 0) yield { kind: 'read', spans }
    } catch (error) {
      if (!(error instanceof DeviceError)) throw error
      // One by one, to tell which.
      for (const [i, span] of spans.entries()) {
        try {
          yield { kind: 'read', spans: [span] }
        } catch (failed) {
          unread.add(i)
          this.tell(failed, span.block, path)
        }
      }
    }
    return pointers.map(({ id, checksum }, i) => {
      if (unread.has(i)) return undefined
      const { bytes } = spans[i] as Span
      if (layout.checksum(bytes) === checksum) return bytes
      this.find(
        'DAMAGED',
        id,
        path,
        `Sector ${id} does not hold what its pointer says${path === undefined ? '' : `: the file '${path}' is damaged`}. caravan repair goes back to a generation that is whole, if there is one.`,
      )
      return undefined
    })
  }

  /** The directory is read leaf by leaf, a file by its keys. */
  private findWrongKey(
    page: number,
    size: number,
    expected: number | undefined,
    path: string | undefined,
  ): void {
    const found = `Sector ${page} holds ${size} bytes of its rope, and the node above says ${expected}`
    if (path !== undefined) {
      this.find('MALFORMED', page, path, `${found}: the file '${path}' cannot be read right.`)
      return
    }
    this.find(
      'WRONG_KEY',
      page,
      undefined,
      `${found}. Nothing is lost by it here, but the original does not open the disk: the next change, or caravan repair, writes the directory anew.`,
    )
  }

  private tell(error: unknown, page: number, path: string | undefined): void {
    if (!(error instanceof FormatError || error instanceof DeviceError)) throw error
    const code = error instanceof FormatError ? 'MALFORMED' : 'DAMAGED'
    this.find(code, page, path, (error as CaravanError).message)
  }

  private find(code: CheckCode, page: number, path: string | undefined, message: string): void {
    this.findings.push({ code, page, ...(path === undefined ? {} : { path }), message })
  }
}

function spaceMessage(
  code: SpaceProblem['code'],
  { start, length }: FreeRun,
  use: PageUse | undefined,
): string {
  const [which, are, stand] =
    length === 1
      ? [`Sector ${start}`, 'is', 'stands']
      : [`Sectors ${start} to ${start + length - 1}`, 'are', 'stand']
  if (use !== undefined) {
    return `${which} is used (${describe(use)}) and in the free space: it may be overwritten. caravan repair puts the free space right.`
  }
  return code === 'LOST'
    ? `${which} ${are} neither used nor free. caravan repair gives back what is lost.`
    : `${which} ${stand} twice in the free space, to be given out twice. caravan repair puts the free space right.`
}

function describe({ kind, path }: PageUse): string {
  return path === undefined ? kind : `${kind} of '${path}'`
}

function tooHigh(id: number, height: number): FormatError {
  return new FormatError(
    'BAD_ROPE',
    `The node in sector ${id} says height ${height}, and is below one that is no higher.`,
    {
      structure: 'page',
      block: id,
    },
  )
}
