/** Mounting: finds the newest generation that is whole. Nothing is written. */

import { FormatError, type Geometry, MisuseError, type Op, type Span } from '@caravan/core'
import type { FreeRun } from './format/free-queue-node.js'
import {
  decodeHeader,
  decodeLayout,
  HEADER_FIELDS_BYTES,
  type Header,
  isNotafs,
} from './format/header.js'
import { type Layout, ROOT_COUNT } from './format/layout.js'
import { type Generation, type Generations, readGenerations } from './generations.js'
import { isDamage, verifyNewest } from './lockstep.js'
import { Pages } from './pages.js'
import { Volume } from './volume.js'

export interface MountOptions {
  /** Refuses every change. Default: as the device. */
  readonly readOnly?: boolean
  /**
   * The generation to show, read-only, where it is not the newest: `log` lists those that there are.
   */
  readonly generation?: number
  /** Changes that are made durable together. Default 1: each is durable when it is answered. */
  readonly commitEvery?: number
  /** Memory for pages that were read, in bytes. Default 16 MiB. */
  readonly cacheBytes?: number
  /** What a transaction keeps in memory before its pages go to the device ahead of it. Default 8 MiB. */
  readonly transactionBytes?: number
  /**
   * Erases sectors before they are written: for flash, where the page must be an erase block. Disks,
   * files and memory take any write. Default false.
   */
  readonly erases?: boolean
}

const CACHE_BYTES = 16 * 1024 * 1024
const TRANSACTION_BYTES = 8 * 1024 * 1024

/**
 * The layout that a device's header announces.
 *
 * @param geometry in blocks of any size.
 * @throws FormatError `NOT_NOTAFS`, `BIG_ENDIAN`, `BAD_HEADER`, `UNSUPPORTED_CHECKSUM`, `WRONG_GEOMETRY`.
 */
export function* readLayout(geometry: Geometry): Op<Layout> {
  const head = yield* readHead(geometry)
  return decodeLayout(head, geometry.blockSize * geometry.blockCount)
}

/** True where a device begins as a notafs does. */
export function* probeNotafs(geometry: Geometry): Op<boolean> {
  return isNotafs(yield* readHead(geometry))
}

function* readHead({ blockSize, blockCount, readSize }: Geometry): Op<Uint8Array> {
  const wanted = Math.min(HEADER_FIELDS_BYTES, blockSize * blockCount)
  const length = Math.ceil(wanted / readSize) * readSize
  const bytes = new Uint8Array(length)
  const spans: Span[] = []
  for (let at = 0; at < length; at += blockSize) {
    spans.push({ block: at / blockSize, offset: 0, bytes: bytes.subarray(at, at + blockSize) })
  }
  yield { kind: 'read', spans }
  return bytes.length >= HEADER_FIELDS_BYTES ? bytes : new Uint8Array(HEADER_FIELDS_BYTES)
}

/** @throws FormatError `BAD_CHECKSUM`. */
export function* readHeader(layout: Layout): Op<Header> {
  const page = new Uint8Array(layout.pageBytes)
  yield { kind: 'read', spans: [{ block: 0, offset: 0, bytes: page }] }
  return decodeHeader(page, layout)
}

/**
 * Mounts what a device, in blocks of a page, holds.
 *
 * @throws FormatError `NO_GENERATION` where none is whole; MisuseError `INVALID_ARGUMENT`.
 */
export function* mountVolume(layout: Layout, readOnly: boolean, options: MountOptions): Op<Volume> {
  checkOptions(options)
  const header = yield* readHeader(layout)
  const found = yield* readGenerations(header)
  const isOld = options.generation !== undefined
  const { generation, protectedRuns } = isOld
    ? { generation: pick(found, options.generation as number), protectedRuns: [] }
    : yield* newestWhole(layout, found)
  return new Volume(
    header,
    {
      commitEvery: options.commitEvery ?? 1,
      cacheBytes: options.cacheBytes ?? CACHE_BYTES,
      transactionBytes: options.transactionBytes ?? TRANSACTION_BYTES,
      erases: options.erases ?? false,
      readOnly: readOnly || isOld,
    },
    found,
    generation,
    protectedRuns,
  )
}

function checkOptions({
  commitEvery = 1,
  cacheBytes = 0,
  transactionBytes = 0,
}: MountOptions): void {
  const isCount = (value: number) => Number.isSafeInteger(value) && value >= 0
  if (isCount(commitEvery) && commitEvery > 0 && isCount(cacheBytes) && isCount(transactionBytes))
    return
  throw new MisuseError(
    'INVALID_ARGUMENT',
    `commitEvery ${commitEvery}, cacheBytes ${cacheBytes}, transactionBytes ${transactionBytes}: give whole numbers, and at least 1 for commitEvery.`,
  )
}

function pick({ all }: Generations, wanted: number): Generation {
  const generation = all.find(({ leaf }) => leaf.generation === wanted)
  if (generation !== undefined) return generation
  const there = all.map(({ leaf }) => leaf.generation)
  throw new FormatError(
    'NO_GENERATION',
    `Generation ${wanted} is not there: ${there.length === 0 ? 'none is' : `those from ${Math.min(...there)} to ${Math.max(...there)} may be`}. caravan log lists them.`,
    { structure: 'generation leaf' },
  )
}

interface Newest {
  readonly generation: Generation
  readonly protectedRuns: readonly FreeRun[]
}

function* newestWhole(layout: Layout, { all, roots }: Generations): Op<Newest> {
  let firstFailure: unknown
  for (const [i, generation] of all.entries()) {
    const before = all
      .slice(i + 1)
      .find((each) => each.leaf.generation < generation.leaf.generation)
    try {
      // Pages are not kept: what was damaged once must not be remembered as read.
      const pages = new Pages(layout, 0)
      const protectedRuns = yield* verifyNewest(pages, generation.leaf, before?.leaf)
      return { generation, protectedRuns }
    } catch (error) {
      if (!isDamage(error)) throw error
      firstFailure ??= error
    }
  }
  const damagedRoots = roots.filter((root) => root === undefined).length
  throw new FormatError(
    'NO_GENERATION',
    `No generation of this disk is whole: ${all.length} leaves were found${firstFailure instanceof Error ? `, and the newest fails with: ${firstFailure.message}` : ''}.${damagedRoots > 0 ? ` ${damagedRoots} of its ${ROOT_COUNT} roots ${damagedRoots === 1 ? 'is' : 'are'} damaged: caravan repair searches the disk for what was under it.` : ''}`,
    { structure: 'generation leaf', cause: firstFailure },
  )
}
