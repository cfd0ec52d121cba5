/** How the command makes a littlefs. */

import type { BlockDevice } from '@caravan/core'
import {
  buildImage,
  type EntryTimes,
  type ImageEntry,
  type ImagePlan,
  LittleFS,
  planImage,
  timedEntry,
} from '@caravan/littlefs'
import { UsageError } from '../errors.js'
import { given } from '../geometry.js'
import { enginePath } from '../paths.js'
import type { Holdings, Making, NewEntry, NewImage, NewImagePlan } from './format.js'
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

export function keepsNoTimes(deviceTitle: string): UsageError {
  return new UsageError(`${deviceTitle} keeps no times. Leave out --mtime.`)
}

class NewLittlefs implements NewImage {
  readonly title: string
  readonly blockSize: number
  readonly blockCount: number | undefined
  readonly progSize: number | undefined
  readonly eraseValue: number | undefined
  /** As it was measured last. */
  private packing: ImagePlan['packing'] | undefined

  constructor(private readonly layout: Layout) {
    const device = layout.deviceTitle === undefined ? '' : ` for ${layout.deviceTitle}`
    this.title = `littlefs ${layout.diskVersion ?? '2.1'}${device}`
    this.blockSize = layout.blockSize
    this.blockCount = layout.blockCount
    this.progSize = layout.progSize
    this.eraseValue = layout.eraseValue
  }

  /** @throws UsageError for times that the device would not read. */
  async measure(entries: readonly NewEntry[]): Promise<NewImagePlan> {
    const { times, deviceTitle = 'The device' } = this.layout
    if (times === 'none' && entries.some(({ mtime }) => mtime !== undefined)) {
      throw keepsNoTimes(deviceTitle)
    }
    const plan = await planImage(entries.map(littlefsEntry), this.layout)
    this.packing = plan.packing
    const { metadataBlocks, metadataBytes, dataBlocks, dataBytes } = plan
    const parts = [
      { name: 'metadata', blocks: metadataBlocks, bytes: metadataBytes },
      { name: 'data', blocks: dataBlocks, bytes: dataBytes },
    ]
    return { ...plan, parts }
  }

  async makeOn(
    device: BlockDevice,
    blockCount: number,
    entries: Iterable<NewEntry> | AsyncIterable<NewEntry>,
  ): Promise<void> {
    const layout = this.layoutWith(blockCount)
    await LittleFS.format(device, layout)
    const fs = await LittleFS.mount(device, { ...layout, blockCycles: -1 })
    await fs.addTree(timedEntries(entries, this.layout))
    await fs.unmount()
  }

  make(blockCount: number, entries: Iterable<NewEntry>): Promise<Uint8Array> {
    return buildImage(littlefsEntries(entries), this.layoutWith(blockCount))
  }

  private layoutWith(blockCount: number) {
    return { ...this.layout, blockCount, ...given({ packing: this.packing }) }
  }
}

/** With times as the device has them: a filesystem that is empty has no dialect to go by. */
async function* timedEntries(
  entries: Iterable<NewEntry> | AsyncIterable<NewEntry>,
  times: EntryTimes,
) {
  for await (const entry of entries) yield timedEntry(littlefsEntry(entry), times)
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
