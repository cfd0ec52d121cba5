/** Opens the image that a command line names as a key-value store. */

import type { KeyValueStore } from '@caravan/core'
import type { Context } from './context.js'
import type { ImageFormat, ImageOptions, OpenStore } from './formats/format.js'
import { type ChangeOptions, openPart } from './open-image.js'
import { failOn } from './verb.js'

/** Opens a store, hands it over, closes it. What goes wrong is told on standard error. */
export async function withStore(
  context: Context,
  name: string,
  options: ImageOptions & ChangeOptions,
  use: (store: KeyValueStore) => Promise<void>,
  writable = false,
): Promise<void> {
  try {
    const { device, part, format } = await openPart(name, options, context, writable)
    try {
      const { store, unmount } = await openStore(format, part, options, writable)
      await use(store)
      await unmount()
      await context.out.flush()
    } finally {
      await device.close()
    }
  } catch (error) {
    await failOn(context, name, error)
  }
}

async function openStore(
  format: ImageFormat,
  ...how: Parameters<ImageFormat['open']>
): Promise<OpenStore> {
  if (format.openStore !== undefined) return format.openStore(...how)
  const mounted = await format.open(...how)
  return { store: mounted.store(), unmount: () => mounted.unmount() }
}
