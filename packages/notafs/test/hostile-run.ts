/**
 * Hostile bytes: disks that no writer made. Whatever they hold, every call ends in an answer or in an
 * error of ours, in bounded time and memory.
 *
 * Half of the disks carry no checksums, so that a changed field is taken for what it says; of the
 * others every pointer to a changed page, and so up to the leaf, is given the new checksum.
 */

import { CaravanError, isKeyValueError, MisuseError } from '@caravan/core'
import { MemoryDevice } from '@caravan/device'
import { NotaFS } from '@caravan/notafs'
import { contentOf, Random } from '@caravan/testkit'
import { adler32 } from '../src/format/adler32.js'
import { step } from './changes.js'

/** Bytes of a disk, and which pages of it are worth a change. */
interface Disk {
  readonly image: Uint8Array
  readonly pageSize: number
  readonly isChecked: boolean
  readonly pages: readonly number[]
}

const INTERESTING = [0, 1, 2, 3, 4, 0x7f, 0x80, 0xfe, 0xff]

/** How far a damaged disk came. */
export interface HostileOutcome {
  readonly isMounted: boolean
  /** Calls that ended in an error of ours. */
  readonly errorCount: number
}

/**
 * One disk, damaged and then used.
 *
 * @param most so many places are damaged at most
 * @throws Error for anything that is not an error of ours.
 */
export function hostileCase(seed: number, most = 4): HostileOutcome {
  const random = new Random(seed)
  const disk = makeDisk(random)
  for (let i = Math.min(most, 1 + random.int(4)); i > 0; i--) damage(disk, random)
  return use(disk.image, random, seed)
}

function makeDisk(random: Random): Disk {
  const pageSize = random.pick([512, 1024])
  const pageCount = random.pick([128, 255, 300])
  const isChecked = random.oneIn(2)
  const image = new Uint8Array(pageSize * pageCount)
  const device = new MemoryDevice(image, { blockSize: pageSize })
  NotaFS.formatSync(device, { pageSize, checksum: isChecked ? 'ADLER-32' : 'NO-CHECK' })
  let clock = 1_700_000_000_000
  const fs = NotaFS.mountSync(device, { now: () => clock++ })
  let model: ReadonlyMap<string, Uint8Array> = new Map()
  for (let i = random.int(20); i > 0; i--) model = step(fs, model, random, 'hostile')
  fs.keyValue().removeSync('full')
  try {
    fs.keyValue().setSync('large', contentOf(7, random.int(8000)))
  } catch (error) {
    // What the changes before left is worth damaging too.
    if (!isKeyValueError(error, 'NoSpace')) throw error
  }
  const pages = fs.pageUseSync().map(({ page }) => page)
  return { image, pageSize, isChecked, pages }
}

function damage({ image, pageSize, isChecked, pages }: Disk, random: Random): void {
  const page = random.pick(pages)
  const bytes = image.subarray(page * pageSize, (page + 1) * pageSize)
  const before = adler32(bytes)
  const isFixed = random.int(8) > 0
  for (let i = 1 + random.int(3); i > 0; i--) {
    // Fields stand at the beginning; names and pointers of a directory anywhere.
    const at = random.oneIn(3) ? random.int(pageSize) : random.int(64)
    const kind = random.int(4)
    if (kind === 0) bytes[at] = (bytes[at] as number) ^ (1 << random.int(8))
    else if (kind === 1) bytes[at] = random.pick(INTERESTING)
    else if (kind === 2) bytes.fill(random.pick(INTERESTING), at, at + random.int(16))
    else {
      const from = random.pick(pages) * pageSize
      bytes.set(image.slice(from + at, from + at + random.int(64)).subarray(0, pageSize - at), at)
    }
  }
  if (isChecked && isFixed) fixPointers(image, pageSize, page, before, 6)
}

/** Gives every pointer to a page its new checksum, and seals pages of the fixed places anew. */
function fixPointers(
  image: Uint8Array,
  pageSize: number,
  page: number,
  before: number,
  depth: number,
): void {
  const bytes = image.subarray(page * pageSize, (page + 1) * pageSize)
  seal(bytes)
  const after = adler32(bytes)
  if (after === before || depth === 0) return
  const old = Uint8Array.of(before, before >>> 8, before >>> 16, before >>> 24)
  for (let other = 1; other < image.length / pageSize; other++) {
    const holder = image.subarray(other * pageSize, (other + 1) * pageSize)
    const at = Buffer.from(holder.buffer, holder.byteOffset, holder.length).indexOf(old)
    if (at < 1 || (holder[at - 1] !== (page & 0xff) && holder[at - 2] !== (page & 0xff))) continue
    const holderBefore = adler32(holder)
    holder.set([after, after >>> 8, after >>> 16, after >>> 24], at)
    fixPointers(image, pageSize, other, holderBefore, depth - 1)
  }
}

/** Where the last four bytes are in use, they are taken for the page's own checksum. */
function seal(bytes: Uint8Array): void {
  const end = bytes.length - 4
  if (bytes.subarray(end).every((byte) => byte === 0)) return
  bytes.set([1, 0, 0, 0], end)
  const sum = adler32(bytes)
  bytes.set([sum, sum >>> 8, sum >>> 16, sum >>> 24], end)
}

function use(image: Uint8Array, random: Random, seed: number): HostileOutcome {
  let errorCount = 0
  const device = new MemoryDevice(image)
  const attempt = <T>(what: string, run: () => T): T | undefined => {
    try {
      return run()
    } catch (error) {
      const isOurs = error instanceof CaravanError && !(error instanceof MisuseError)
      if (isOurs && error.code !== 'ASSERTION') {
        errorCount++
        return undefined
      }
      throw new Error(`seed ${seed}, ${what}: ${error instanceof Error ? error.stack : error}`)
    }
  }
  attempt('log', () => NotaFS.logSync(device))
  const fs = attempt('mount', () => NotaFS.mountSync(device, { cacheBytes: 1 << 16 }))
  if (fs !== undefined) {
    const kv = fs.keyValue()
    attempt('check', () => fs.checkSync())
    attempt('list', () => fs.readdirSync('/', { recursive: true }))
    for (const [key, kind] of attempt('entries', () => [...kv.entriesSync('/')]) ?? []) {
      if (kind === 'value') attempt(`get ${key}`, () => kv.getSync(key))
    }
    attempt('size', () => kv.sizeSync('/'))
    attempt('lastModified', () => kv.lastModifiedSync('/'))
    attempt('stat', () => fs.statSync('/large'))
    for (let i = 0; i < 4; i++) {
      attempt('set', () =>
        kv.setSync(random.pick(['x', 'd/x', 'large']), contentOf(i, random.int(3000))),
      )
      attempt('setPartial', () => kv.setPartialSync('large', random.int(50_000), 'part'))
      attempt('remove', () => kv.removeSync(random.pick(['a', 'd', 'large', 'full'])))
    }
    attempt('unmount', () => fs.unmountSync())
  }
  attempt('repair', () => NotaFS.repairSync(device))
  attempt('mount again', () => NotaFS.mountSync(device).keyValue().listSync('/'))
  return { isMounted: fs !== undefined, errorCount }
}
