/** What the verbs that change sizes and places ask of a format. */

import type { BlockDevice } from '@caravan/core'
import type { Option } from 'commander'
import type { ImageOptions, NewImagePlan } from './format.js'

export type OnMoved = (path: string | undefined, blockCount: number) => void

export interface ShrinkPlan {
  readonly blockCount: number
  readonly smallestBlockCount: number
  readonly usedBlocks: number
  /** 0 where it can be done. */
  readonly missingBlocks: number
  readonly files: readonly { readonly path: string; readonly blocks: number }[]
  readonly pairCount: number
}

/** How files and metadata lie. */
interface Fragmentation {
  readonly fileCount: number
  readonly fragmentedCount: number
  readonly fragmentCount: number
  readonly pairCount: number
  readonly usedBlocks: number
  readonly freeBlocks: number
  readonly freeAtEnd: number
}

export interface DefragReport {
  readonly before: Fragmentation
  readonly after: Fragmentation
  readonly writtenBlocks: number
}

/** How images of a format are cloned. */
export interface Cloning {
  /** Options of the new image. */
  readonly options: readonly Option[]
  /**
   * @param options those of the command, of the new image.
   * @throws as mounting; FormatError where something cannot be read.
   */
  plan(source: BlockDevice, options: ImageOptions): Promise<PlannedClone>
}

/** An image that is to be. */
export interface PlannedClone extends NewImagePlan {
  readonly blockSize: number
  readonly blockCount: number
  readonly progSize?: number | undefined
  readonly eraseValue?: number | undefined
  /** Files and directories, the root not counted. */
  readonly entryCount: number
  /** What `--json` prints of it besides. */
  readonly json: Readonly<Record<string, unknown>>
  /** Makes it, and compares it with its source. */
  makeOn(device: BlockDevice): Promise<void>
}
