/** The directory payload and the files under it. */

import type { NotafsTreeNode } from '../notafs-checker.js'
import { adler, type Disk, type Pointer, pointerSize, readPointer, viewOf } from './disk.js'

/** Takes note of a page that a pointer leads to. @returns `undefined` where it cannot be followed. */
export function follow(disk: Disk, { id, sum }: Pointer, use: string): Uint8Array | undefined {
  const { uses, find } = disk
  if (id < 5 || id >= disk.sectorCount) {
    find(id, `a pointer outside, for ${use}`)
    return undefined
  }
  const before = uses.get(id)
  if (before !== undefined) {
    find(id, `used as ${before} and as ${use}`)
    return undefined
  }
  uses.set(id, use)
  const page = disk.pageOf(id)
  if (disk.checked && adler(page) !== sum) {
    find(id, `checksum of a page of ${use}`)
    return undefined
  }
  return page
}

interface Rope {
  readonly parts: Uint8Array[]
  readonly size: number
  readonly height: number
}

function readRope(disk: Disk, pointer: Pointer, use: string): Rope {
  const page = follow(disk, pointer, use)
  if (page === undefined) return { parts: [], size: 0, height: 0 }
  const view = viewOf(page)
  const height = view.getUint16(0, true)
  const count = view.getUint16(2, true)
  if (height === 0) {
    if (count > disk.pageSize - 4) disk.find(pointer.id, `a leaf of ${count} bytes`)
    return { parts: [page.subarray(4, 4 + count)], size: count, height }
  }
  const entry = 4 + pointerSize(disk)
  if (count < 1 || count > Math.floor((disk.pageSize - 4) / entry)) {
    disk.find(pointer.id, `a branch of ${count} children`)
    return { parts: [], size: 0, height }
  }
  const parts: Uint8Array[] = []
  let size = 0
  let lastHeight = height - 1
  for (let i = 0; i < count; i++) {
    const at = 4 + i * entry
    const child = readRope(disk, readPointer(disk, view, at + 4), use)
    size += child.size
    if (view.getUint32(at, true) !== size) disk.find(pointer.id, `key ${i} is not ${size}`)
    if (child.height > lastHeight) disk.find(pointer.id, `child ${i} is higher than it may be`)
    lastHeight = child.height
    parts.push(...child.parts)
  }
  return { parts, size, height }
}

function contentOfRope(disk: Disk, pointer: Pointer, use: string): Uint8Array {
  return Uint8Array.from(Buffer.concat(readRope(disk, pointer, use).parts))
}

export function readNotafsTreeOf(disk: Disk): NotafsTreeNode[] {
  if (disk.payload.id === 0) return []
  const bytes = contentOfRope(disk, disk.payload, 'directory')
  const view = viewOf(bytes)
  let at = 0
  const nodes: NotafsTreeNode[] = []
  const varint = (): number => {
    let value = 0
    let shift = 1
    for (;;) {
      const byte = view.getUint8(at++)
      value += (byte & 0x7f) * shift
      if (byte < 128) return value
      shift *= 128
    }
  }
  const directory = (path: string): void => {
    const names = new Set<string>()
    for (let left = varint(); left > 0; left--) {
      const length = varint()
      const name = String.fromCharCode(...bytes.subarray(at, at + length))
      at += length
      if (names.has(name) || name === '' || name.includes('/')) {
        disk.find(disk.payload.id, `the name '${name}' in '${path}'`)
      }
      names.add(name)
      const mtime = view.getFloat64(at, false)
      // Years 0 to 9999: of another the original refuses the disk.
      if (!(mtime >= -62_167_219_200 && mtime < 253_402_300_800)) {
        disk.find(disk.payload.id, `'${name}' has the time ${mtime}`)
      }
      at += 8
      const own = path === '' ? name : `${path}/${name}`
      const tag = view.getUint8(at++)
      if (tag === 0) {
        nodes.push({ path: own, content: undefined, mtime })
        directory(own)
      } else {
        if (tag !== 1) disk.find(disk.payload.id, `'${own}' is of kind ${tag}`)
        const pointer = readPointer(disk, view, at)
        at += pointerSize(disk)
        nodes.push({ path: own, content: contentOfRope(disk, pointer, `'${own}'`), mtime })
      }
    }
  }
  try {
    if (view.getUint8(at++) !== 0) disk.find(disk.payload.id, 'the top is no directory')
    directory('')
    if (at !== bytes.length) disk.find(disk.payload.id, `${bytes.length - at} bytes too many`)
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    disk.find(disk.payload.id, 'the directory ends too early')
  }
  return nodes
}
