/** The fixed places of a disk: header, roots, the newest generation's leaf. */

export type Find = (sector: number, message: string) => void

export interface Pointer {
  readonly id: number
  readonly sum: number
}

/** What is known of a disk, and what each sector is used for. */
export interface Disk {
  /** The bytes of a sector. */
  readonly pageOf: (sector: number) => Uint8Array
  readonly pageSize: number
  readonly sectorCount: number
  readonly idSize: number
  readonly checked: boolean
  readonly generation: number
  readonly freeStart: number
  readonly queue: Pointer
  readonly payload: Pointer
  readonly freeSectors: number
  /** By sector: what it is used for. */
  readonly uses: Map<number, string>
  readonly find: Find
}

/** The bytes of a disk, all in memory or not. */
export interface NotafsSource {
  readonly sizeBytes: number
  read(at: number, length: number): Uint8Array
}

const MAGIC = [0x4e, 0x4f, 0x54, 0x41, 0x46, 0x53, 0, 0]

/** Bytes after which both sums must be cut: they stay below 2^31 till then. */
const ADLER_PIECE = 2048

/** RFC 1950, byte by byte. */
export function adler(bytes: Uint8Array): number {
  let a = 1
  let b = 0
  for (let at = 0; at < bytes.length; ) {
    const end = Math.min(at + ADLER_PIECE, bytes.length)
    for (; at < end; at++) {
      a += bytes[at] as number
      b += a
    }
    a %= 65521
    b %= 65521
  }
  return b * 65536 + a
}

export function viewOf(page: Uint8Array): DataView {
  return new DataView(page.buffer, page.byteOffset, page.length)
}

export function readId(view: DataView, at: number, size: number): number {
  if (size === 1) return view.getUint8(at)
  if (size === 2) return view.getUint16(at, true)
  return size === 4 ? view.getUint32(at, true) : Number(view.getBigUint64(at, true))
}

export function readPointer(
  disk: Pick<Disk, 'idSize' | 'checked'>,
  view: DataView,
  at: number,
): Pointer {
  const id = readId(view, at, disk.idSize)
  return { id, sum: disk.checked ? view.getUint32(at + disk.idSize, true) : 0 }
}

export function pointerSize({ idSize, checked }: Pick<Disk, 'idSize' | 'checked'>): number {
  return idSize + (checked ? 4 : 0)
}

function isSealed(page: Uint8Array, checked: boolean): boolean {
  if (!checked) return true
  const copy = page.slice()
  const view = viewOf(copy)
  const stored = view.getUint32(copy.length - 4, true)
  view.setUint32(copy.length - 4, 1, true)
  return adler(copy) === stored
}

export function readNotafsDisk(source: NotafsSource, find: Find): Disk | undefined {
  const head = source.read(0, 512)
  const image = viewOf(head)
  if (MAGIC.some((byte, i) => head[i] !== byte)) {
    find(0, 'no magic')
    return undefined
  }
  const sectorCount = Number(image.getBigUint64(8, true))
  const pageSize = image.getUint32(16, true)
  if (pageSize < 512 || sectorCount * pageSize > source.sizeBytes) {
    find(0, `${sectorCount} sectors of ${pageSize} bytes on ${source.sizeBytes}`)
    return undefined
  }
  const digits = sectorCount < 2 ? 1 : sectorCount.toString(2).length
  const idSize = digits <= 8 ? 1 : digits <= 16 ? 2 : digits <= 32 ? 4 : 8
  const name = String.fromCharCode(...head.subarray(25, 33))
  const checked = name === 'ADLER-32'
  if (!checked && name !== 'NO-CHECK') find(0, `checksum ${name}`)
  if (image.getUint8(24) !== (checked ? 4 : 0)) find(0, 'size of the checksum')
  if (image.getUint32(20, true) !== 4) find(0, 'number of roots')
  const pageOf = (sector: number) => source.read(sector * pageSize, pageSize)
  const base = { pageOf, pageSize, sectorCount, idSize, checked, find }
  if (!isSealed(pageOf(0), checked)) find(0, 'checksum of the header')
  const uid = image.getBigUint64(33, true)

  const candidates: { generation: number; sector: number; reserved: number[] }[] = []
  for (let sector = 1; sector <= 4; sector++) {
    const page = pageOf(sector)
    if (!isSealed(page, checked)) {
      find(sector, 'checksum of a root')
      continue
    }
    const view = viewOf(page)
    const first = Number(view.getBigUint64(0, true))
    const count = view.getUint16(8, true)
    if (first === 0 && count === 0) continue
    if (first === 0 || count !== 8) {
      find(sector, `a root of ${count} slots from generation ${first}`)
      continue
    }
    const slots = Array.from({ length: count }, (_, i) => readId(view, 10 + i * idSize, idSize))
    if (slots.some((slot) => slot < 5 || slot >= sectorCount)) {
      find(sector, `a slot outside: ${slots}`)
      continue
    }
    slots.forEach((slot, i) => {
      const leafPage = pageOf(slot)
      const leaf = viewOf(leafPage)
      const isLeaf =
        isSealed(leafPage, checked) &&
        leaf.getBigUint64(0, true) === uid &&
        leaf.getBigUint64(8, true) === BigInt(first + i)
      if (isLeaf)
        candidates.push({ generation: first + i, sector: slot, reserved: slots.slice(i + 1) })
    })
  }
  candidates.sort((a, b) => b.generation - a.generation)
  const [newest] = candidates
  if (newest === undefined) {
    find(1, 'no generation')
    return undefined
  }
  const view = viewOf(pageOf(newest.sector))
  const size = pointerSize(base)
  const uses = new Map<number, string>([[0, 'header']])
  for (let sector = 1; sector <= 4; sector++) uses.set(sector, 'root')
  for (const slot of [newest.sector, ...newest.reserved]) {
    if (uses.has(slot)) find(slot, 'a slot that is used already')
    uses.set(slot, 'slot')
  }
  return {
    ...base,
    generation: newest.generation,
    freeStart: readId(view, 16, idSize),
    queue: readPointer(base, view, 16 + idSize),
    freeSectors: Number(view.getBigInt64(16 + idSize + size, true)),
    payload: readPointer(base, view, 16 + idSize + size + 8),
    uses,
  }
}
