/** Images with any entries in them, right or wrong, written without git. */

import { createHash } from 'node:crypto'
import { crc32, deflateSync } from 'node:zlib'
import { encodeHeader, paddingBehind } from '../src/format/image-header.js'
import type { ObjectKind } from '../src/format/pack-entry.js'
import { encodeIndex } from '../src/format/pack-index.js'

const KIND_CODES: Record<ObjectKind, number> = { commit: 1, tree: 2, blob: 3, tag: 4 }

export interface EntrySpec {
  readonly kind?: ObjectKind
  /** Of a base the content, of a delta its instructions. */
  readonly content: Uint8Array
  /** The entry, by its number, that an ofs-delta stands on. */
  readonly base?: number
  /** The id that a ref-delta stands on. */
  readonly baseId?: string
  /** What the header says instead of the size of the content. */
  readonly claimedSize?: number
  /** The object's id, for the IDX; of a base it is known. */
  readonly id?: string
}

export function objectId(kind: ObjectKind, content: Uint8Array): string {
  return createHash('sha1').update(`${kind} ${content.length}\0`).update(content).digest('hex')
}

export function treeContent(
  entries: readonly (readonly [mode: string, name: string, id: string])[],
) {
  return Buffer.concat(
    entries.map(([mode, name, id]) =>
      Buffer.concat([Buffer.from(`${mode} ${name}\0`, 'latin1'), Buffer.from(id, 'hex')]),
    ),
  )
}

export function commitContent(tree: string, parents: readonly string[] = []): Buffer {
  const by = 'A U Thor <a@example.org> 1700000000 +0100'
  const lines = [
    `tree ${tree}`,
    ...parents.map((id) => `parent ${id}`),
    `author ${by}`,
    `committer ${by}`,
  ]
  return Buffer.from(`${lines.join('\n')}\n\nmessage\n`)
}

function sizeBytes(code: number, size: number): number[] {
  const bytes = [(code << 4) | (size % 16)]
  let rest = Math.floor(size / 16)
  while (rest > 0) {
    bytes[bytes.length - 1] = (bytes.at(-1) as number) | 0x80
    bytes.push(rest % 128)
    rest = Math.floor(rest / 128)
  }
  return bytes
}

function distanceBytes(distance: number): number[] {
  const bytes = [distance % 128]
  for (let rest = Math.floor(distance / 128); rest > 0; rest = Math.floor(rest / 128)) {
    rest--
    bytes.unshift((rest % 128) | 0x80)
  }
  return bytes
}

/** Sizes in a delta. */
export function varint(value: number): number[] {
  const bytes: number[] = []
  let rest = value
  do {
    bytes.push((rest % 128) | (rest >= 128 ? 0x80 : 0))
    rest = Math.floor(rest / 128)
  } while (rest > 0)
  return bytes
}

/** A delta that copies all of its base but for what it puts before it. */
export function prefixDelta(baseSize: number, prefix: Uint8Array): Uint8Array {
  const head = [...varint(baseSize), ...varint(baseSize + prefix.length)]
  const inserts: number[] = []
  for (let at = 0; at < prefix.length; at += 127) {
    const part = prefix.subarray(at, at + 127)
    inserts.push(part.length, ...part)
  }
  const copies: number[] = []
  for (let at = 0; at < baseSize; at += 0xff_ffff) {
    const size = Math.min(0xff_ffff, baseSize - at)
    const offsets = [at & 255, (at >>> 8) & 255, (at >>> 16) & 255, (at >>> 24) & 255]
    const sizes = [size & 255, (size >>> 8) & 255, (size >>> 16) & 255]
    copies.push(0xff, ...offsets, ...sizes)
  }
  return Uint8Array.from([...head, ...inserts, ...copies])
}

export interface WrittenImage {
  readonly bytes: Uint8Array
  /** Of every entry, within the PACK. */
  readonly offsets: readonly number[]
  readonly packEnd: number
}

export interface ImageSpec {
  readonly commit: string
  readonly entries: readonly EntrySpec[]
  readonly objectCount?: number
  readonly blockSize?: number
  /** Write offsets into the table of large ones. */
  readonly largeOffsets?: boolean
}

export function writeImage({
  commit,
  entries,
  objectCount,
  blockSize = 512,
}: ImageSpec): WrittenImage {
  const pieces: Buffer[] = []
  const head = Buffer.alloc(12)
  head.write('PACK')
  head.writeUInt32BE(2, 4)
  head.writeUInt32BE(objectCount ?? entries.length, 8)
  pieces.push(head)
  let at = head.length
  const offsets: number[] = []
  const crcs: number[] = []
  for (const { kind, content, base, baseId, claimedSize } of entries) {
    offsets.push(at)
    const code = kind === undefined ? (base === undefined ? 7 : 6) : KIND_CODES[kind]
    const piece = Buffer.concat([
      Buffer.from(sizeBytes(code, claimedSize ?? content.length)),
      Buffer.from(base === undefined ? [] : distanceBytes(at - (offsets[base] as number))),
      Buffer.from(baseId ?? '', 'hex'),
      deflateSync(content),
    ])
    crcs.push(crc32(piece))
    pieces.push(piece)
    at += piece.length
  }
  const body = Buffer.concat(pieces)
  const packHash = createHash('sha1').update(body).digest()
  const pack = Buffer.concat([body, packHash])
  const ids = entries.map(
    ({ kind, content, id }) => id ?? (kind ? objectId(kind, content) : '00'.repeat(20)),
  )
  const order = ids
    .map((_, i) => i)
    .sort((a, b) => ((ids[a] as string) < (ids[b] as string) ? -1 : 1))
  const index = encodeIndex(
    {
      ids: Buffer.from(order.map((i) => ids[i]).join(''), 'hex'),
      crcs: Uint32Array.from(order, (i) => crcs[i] as number),
      offsets: Float64Array.from(order, (i) => offsets[i] as number),
      packHash,
    },
    20,
  )
  index.set(createHash('sha1').update(index.subarray(0, -20)).digest(), index.length - 20)
  const packEnd = 28 + pack.length
  const indexOffset = packEnd + paddingBehind(packEnd, blockSize)
  const end = indexOffset + index.length
  const bytes = new Uint8Array(end + paddingBehind(end, blockSize))
  bytes.set(encodeHeader({ commit: Buffer.from(commit, 'hex'), indexOffset, idSize: 20 }))
  bytes.set(pack, 28)
  bytes.set(index, indexOffset)
  return { bytes, offsets, packEnd }
}

/** An image of these files, one level deep, with more entries behind them. */
export function imageOf(
  files: readonly (readonly [mode: string, name: string, content: Uint8Array])[],
  more: readonly EntrySpec[] = [],
): WrittenImage {
  const blobs = files.map(([, , content]) => ({ kind: 'blob' as const, content }))
  const tree = treeContent(
    files.map(([mode, name, content]) => [mode, name, objectId('blob', content)]),
  )
  const commit = commitContent(objectId('tree', tree))
  const entries: EntrySpec[] = [
    { kind: 'commit', content: commit },
    { kind: 'tree', content: tree },
    ...blobs,
    ...more,
  ]
  return writeImage({ commit: objectId('commit', commit), entries })
}
