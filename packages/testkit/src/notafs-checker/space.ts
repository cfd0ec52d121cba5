/** The free queue, and whether each sector is used or free: none lost, none twice. */

import type { NotafsFinding } from '../notafs-checker.js'
import {
  type Disk,
  type Find,
  type Pointer,
  pointerSize,
  readId,
  readPointer,
  viewOf,
} from './disk.js'
import { follow } from './tree.js'

export function findingOf(findings: NotafsFinding[]): Find {
  return (sector, message) => findings.push({ sector, message: `sector ${sector}: ${message}` })
}

function readQueue(disk: Disk, pointer: Pointer, runs: [number, number][], below: number): void {
  const page = follow(disk, pointer, 'queue')
  if (page === undefined) return
  const view = viewOf(page)
  const height = view.getUint8(0)
  const count = view.getUint16(1, true)
  if (height >= below) {
    disk.find(pointer.id, `a queue node of height ${height} below ${below}`)
    return
  }
  const entry = height === 0 ? disk.idSize + 4 : pointerSize(disk)
  if (count < 1 || count > Math.floor((disk.pageSize - 3) / entry)) {
    disk.find(pointer.id, `a queue node of ${count} entries`)
    return
  }
  for (let i = 0; i < count; i++) {
    const at = 3 + i * entry
    if (height > 0) readQueue(disk, readPointer(disk, view, at), runs, height)
    else runs.push([readId(view, at, disk.idSize), view.getUint32(at + disk.idSize, true)])
  }
}

export function checkSpace(disk: Disk): void {
  const { sectorCount, freeStart, uses, find } = disk
  const runs: [number, number][] = []
  if (disk.queue.id !== 0) readQueue(disk, disk.queue, runs, 256)
  if (freeStart < 13 || freeStart > sectorCount) find(0, `free start ${freeStart}`)
  runs.push([freeStart, sectorCount - freeStart])
  let freeCount = 0
  const free: [number, number][] = []
  for (const [start, length] of runs) {
    if (start < 5 || start + length > sectorCount || (length < 1 && start !== freeStart)) {
      find(start, `a free run of ${length}`)
    } else if (length > 0) free.push([start, length])
  }
  free.sort(([a], [b]) => a - b)
  const used = [...uses.keys()].sort((a, b) => a - b)
  let nextUsed = 0
  /** All before this sector are known to be used or free. */
  let end = 0
  const passUsed = (until: number) => {
    for (; nextUsed < used.length && (used[nextUsed] as number) < until; nextUsed++) {
      const sector = used[nextUsed] as number
      if (sector < end) find(sector, `free, and used as ${uses.get(sector)}`)
      else if (sector > end) find(end, `neither used nor free, up to ${sector - 1}`)
      end = Math.max(end, sector + 1)
    }
  }
  for (const [start, length] of free) {
    passUsed(start)
    if (start > end) find(end, `neither used nor free, up to ${start - 1}`)
    if (start < end) find(start, 'free twice')
    end = Math.max(end, start + length)
    freeCount += length
    passUsed(end)
  }
  passUsed(sectorCount)
  if (end < sectorCount) find(end, `neither used nor free, up to ${sectorCount - 1}`)
  if (disk.freeSectors !== freeCount)
    find(0, `${disk.freeSectors} free sectors said, ${freeCount} are`)
}
