/**
 * An independent checker for notafs disks, written from the description of the format alone: it shares
 * no code with the engine.
 *
 * It takes the newest generation whose leaf is right, reads everything under it, and says every rule
 * that the disk breaks. `strict` also asks for what a clean unmount leaves: all roots whole.
 */

import { type NotafsSource, readNotafsDisk } from './notafs-checker/disk.js'
import { checkSpace, findingOf } from './notafs-checker/space.js'
import { readNotafsTreeOf } from './notafs-checker/tree.js'

export interface NotafsFinding {
  readonly sector: number
  readonly message: string
}

/** A name of the tree: bytes as a byte string, files with their content. */
export interface NotafsTreeNode {
  /** From the top, with slashes between. */
  readonly path: string
  /** `undefined` for a directory. */
  readonly content: Uint8Array | undefined
  /** Seconds since 1970. */
  readonly mtime: number
}

export interface NotafsDiskState {
  readonly generation: number
  readonly nodes: readonly NotafsTreeNode[]
  readonly findings: readonly NotafsFinding[]
}

/** @param image all bytes of the disk, or what reads them. */
export function checkNotafs(image: Uint8Array | NotafsSource): NotafsDiskState {
  const findings: NotafsFinding[] = []
  const find = findingOf(findings)
  const source: NotafsSource =
    image instanceof Uint8Array
      ? {
          sizeBytes: image.length,
          read: (at, length) => image.subarray(at, at + length),
        }
      : image
  const disk = readNotafsDisk(source, find)
  if (disk === undefined) return { generation: 0, nodes: [], findings }
  const nodes = readNotafsTreeOf(disk)
  checkSpace(disk)
  return { generation: disk.generation, nodes, findings }
}
