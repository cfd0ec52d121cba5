/** Opens the image that a command line names as a key-value store: a littlefs, or a chamelon volume. */

import { createHash } from 'node:crypto'
import type { KeyValueStore } from '@caravan/core'
import { ChamelonVolume, LittleFS } from '@caravan/littlefs'
import type { Context } from './context.js'
import { type ChangeOptions, type ImageOptions, openDevice, partOf } from './open-image.js'
import { failOn } from './verb.js'

/** Longest name that littlefs can write down; an image may allow less. */
const NAME_MAX = 1022

const hash = () => createHash('sha256')

/**
 * Opens a store, hands it over, closes it. What goes wrong is told on standard error.
 *
 * @param change for changing it in place, under its lock.
 */
export async function withStore(
  context: Context,
  name: string,
  options: ImageOptions,
  use: (store: KeyValueStore) => Promise<void>,
  change?: ChangeOptions,
): Promise<void> {
  const { blockSize, blockCount, offset = 0 } = options
  try {
    const device = await openDevice(name, options, context, change)
    try {
      const part = partOf(device, name, offset)
      const sizes = blockSize === undefined ? {} : { blockSize }
      if (await ChamelonVolume.recognises(part, sizes)) {
        await use(await ChamelonVolume.mount(part, { ...sizes, hash }))
      } else {
        const fs = await LittleFS.mount(part, {
          readOnly: change === undefined,
          nameMax: NAME_MAX,
          ...change,
          ...sizes,
          ...(blockCount === undefined ? {} : { blockCount }),
        })
        await use(fs.keyValue({ hash }))
        await fs.unmount()
      }
      await context.out.flush()
    } finally {
      await device.close()
    }
  } catch (error) {
    await failOn(context, name, error)
  }
}
