/**
 * A tree in memory, to be built as an image in one go where it fits. Of more than could ever fit nothing
 * is kept.
 */

import type { ImageEntry } from '@caravan/littlefs'
import { type ImagePath, namesOf, type TargetTree } from './target-tree.js'
import { timeAttributes } from './times.js'

interface Node {
  seconds: number | undefined
  /** Of a file. */
  content: Uint8Array
  /** Of a directory. */
  readonly children: Map<string, Node> | undefined
}

const NOTHING = new Uint8Array(0)

export class PlannedTree implements TargetTree {
  private readonly root: Node = directoryNode()
  private current: Node | undefined
  /** Of all files. */
  sizeBytes = 0
  directoryCount = 0

  /** @param limitBytes of the image that is to hold it. */
  constructor(private readonly limitBytes: number) {}

  /** True where the files alone are larger than the image. */
  get isOverfull(): boolean {
    return this.sizeBytes > this.limitBytes
  }

  makeDirectory(path: ImagePath): void {
    const place = this.placeOf(path)
    if (place !== undefined && !place.parent.has(place.name)) {
      place.parent.set(place.name, directoryNode())
      this.directoryCount++
    }
  }

  setTime(path: ImagePath, seconds: number): void {
    const node = this.find(namesOf(path))
    if (node !== undefined) node.seconds = seconds
  }

  open(path: ImagePath): boolean {
    const place = this.placeOf(path)
    if (place === undefined) return false
    const there = place.parent.get(place.name)
    if (there?.children !== undefined) return false
    if (there !== undefined) this.sizeBytes -= there.content.length
    this.current = there ?? { seconds: undefined, content: NOTHING, children: undefined }
    this.current.content = NOTHING
    place.parent.set(place.name, this.current)
    return true
  }

  write(content: Uint8Array, sizeBytes: number): number {
    this.sizeBytes += sizeBytes
    if (this.current !== undefined && !this.isOverfull) this.current.content = content
    return 0
  }

  close(): void {
    this.current = undefined
  }

  /** A directory before what is in it. */
  *entries(): Generator<ImageEntry, void, void> {
    yield* entriesBelow(this.root, '')
  }

  private find(names: readonly string[] | undefined): Node | undefined {
    let node = names === undefined ? undefined : this.root
    for (const name of names ?? []) node = node?.children?.get(name)
    return node
  }

  private placeOf(path: ImagePath): { parent: Map<string, Node>; name: string } | undefined {
    const names = namesOf(path)
    const name = names?.pop()
    const parent = this.find(names)?.children
    return name === undefined || parent === undefined ? undefined : { parent, name }
  }
}

function directoryNode(): Node {
  return { seconds: undefined, content: NOTHING, children: new Map() }
}

function* entriesBelow(
  { seconds, content, children }: Node,
  path: string,
): Generator<ImageEntry, void, void> {
  const attributes = seconds === undefined ? {} : { attributes: timeAttributes(seconds) }
  const place = { path: new Uint8Array(Buffer.from(path === '' ? '/' : path, 'latin1')) }
  if (children === undefined) {
    yield { ...place, ...attributes, data: content }
    return
  }
  yield { ...place, ...attributes, type: 'directory' }
  for (const [name, child] of children) yield* entriesBelow(child, `${path}/${name}`)
}
