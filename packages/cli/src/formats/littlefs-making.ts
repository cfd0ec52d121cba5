/** How the command makes a littlefs. */

import type { BlockDevice } from '@caravan/core'
import { buildImage, type ImageEntry, LittleFS, planImage } from '@caravan/littlefs'
import { enginePath } from '../paths.js'
import type { Holdings, Making, NewEntry, NewImage } from './format.js'
import {
  type Layout,
  type LayoutOptions,
  LITTLEFS_LAYOUT_OPTIONS,
  layoutOf,
} from './littlefs-options.js'

export const LITTLEFS_HOLDS: Holdings = { symlinks: false, modes: false, attributes: true }

export const littlefsMaking: Making = {
  options: LITTLEFS_LAYOUT_OPTIONS,
  holds: LITTLEFS_HOLDS,
  plan: (options) => new NewLittlefs(layoutOf(options as LayoutOptions)),
}

class NewLittlefs implements NewImage {
  readonly title: string
  readonly blockSize: number
  readonly blockCount: number | undefined
  readonly progSize: number | undefined
  readonly eraseValue: number | undefined

  constructor(private readonly layout: Layout) {
    this.title = `littlefs ${layout.diskVersion ?? '2.1'}`
    this.blockSize = layout.blockSize
    this.blockCount = layout.blockCount
    this.progSize = layout.progSize
    this.eraseValue = layout.eraseValue
  }

  measure(entries: readonly NewEntry[]) {
    return planImage(entries.map(littlefsEntry), this.layout)
  }

  async makeOn(
    device: BlockDevice,
    blockCount: number,
    entries: Iterable<NewEntry> | AsyncIterable<NewEntry>,
  ): Promise<void> {
    const layout = { ...this.layout, blockCount }
    await LittleFS.format(device, layout)
    const fs = await LittleFS.mount(device, { ...layout, blockCycles: -1 })
    await fs.addTree(littlefsEntries(entries))
    await fs.unmount()
  }

  make(blockCount: number, entries: Iterable<NewEntry>): Promise<Uint8Array> {
    return buildImage(littlefsEntries(entries), { ...this.layout, blockCount })
  }
}

async function* littlefsEntries(entries: Iterable<NewEntry> | AsyncIterable<NewEntry>) {
  for await (const entry of entries) yield littlefsEntry(entry)
}

export function littlefsEntry(entry: NewEntry): ImageEntry {
  const { path, type, size, content, mtime, attributes } = entry
  return {
    path: enginePath(path),
    type: type === 'directory' ? type : 'file',
    ...(content === undefined ? {} : { stream: content, size }),
    ...(mtime === undefined ? {} : { mtime }),
    ...(attributes === undefined ? {} : { attributes }),
  }
}
