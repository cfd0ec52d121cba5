/** How the command clones a littlefs. */

import type { BlockDevice } from '@caravan/core'
import { type CloneOptions, clone, LittleFS, planClone } from '@caravan/littlefs'
import { UsageError } from '../errors.js'
import { blocksIn, given } from '../geometry.js'
import { profileOf } from '../profiles.js'
import type { ImageOptions } from './format.js'
import {
  type LayoutOptions,
  LITTLEFS_LAYOUT_OPTIONS,
  layoutOf,
  NAME_MAX,
} from './littlefs-options.js'
import type { Cloning, PlannedClone } from './sizes-calls.js'

export const littlefsCloning: Cloning = {
  options: LITTLEFS_LAYOUT_OPTIONS,

  async plan(source: BlockDevice, options: ImageOptions): Promise<PlannedClone> {
    const wanted = await wantedOf(source, options)
    const plan = await planClone(source, wanted)
    const { diskVersion, nameMax, fileMax, attrMax, packing } = plan
    const { compact = false } = options as LayoutOptions
    const blockCount = compact ? Math.max(2, plan.blocksNeeded) : plan.blockCount
    return {
      ...plan,
      blockCount,
      missingBlocks: compact ? 0 : plan.missingBlocks,
      ...given({ progSize: wanted.progSize, eraseValue: wanted.eraseValue }),
      json: { diskVersion, nameMax, fileMax, attrMax, packing },
      makeOn: async (device) => {
        await clone(source, device, { ...wanted, packing, blockCount })
      },
    }
  },
}

/** What the options do not say is as in the source: but a profile says it for its device. */
async function wantedOf(
  source: BlockDevice,
  options: LayoutOptions,
): Promise<CloneOptions & { readonly eraseValue?: number }> {
  const fs = await LittleFS.mount(source, { readOnly: true, nameMax: NAME_MAX })
  const { blockSize: oldSize, blockCount: oldCount } = fs.info()
  await fs.unmount()
  const { blockSize = profileOf(options)?.blockSize ?? oldSize } = options
  const { deviceTitle: _, ...layout } = layoutOf({ ...options, blockSize })
  if (options.compact === true && layout.blockCount !== undefined) {
    throw new UsageError('--compact finds the size itself. Leave out --size and --block-count.')
  }
  // Found by `compact`, or as large as the old one.
  const blockCount =
    layout.blockCount ??
    (options.compact === true
      ? undefined
      : blocksIn(oldSize * oldCount, blockSize, 'The size of the image'))
  return { ...layout, ...given({ blockCount }) }
}
