/** A change that is tried on a copy of the image in memory. */

import type { Context } from './context.js'
import type { ImageFormat, ImageOptions, MountedImage } from './formats/format.js'
import { type ChangeOptions, openPart } from './open-image.js'
import { RehearsalDevice } from './rehearsal-device.js'
import { lacks } from './verb.js'

/**
 * Hands over a copy of the image whose changes go nowhere.
 *
 * @throws as `openImage`; UsageError for a format that is not changed in place; what `use` throws.
 */
export async function rehearse(
  context: Context,
  name: string,
  options: ImageOptions & ChangeOptions,
  use: (copy: MountedImage, format: ImageFormat) => Promise<void>,
): Promise<void> {
  const { progSize, eraseValue } = options
  const { device, part, format } = await openPart(name, options, context, false)
  try {
    if (format.unchanging !== undefined) return lacks({ name, format }, 'is not changed in place')
    const copy = new RehearsalDevice(part, { progSize, eraseValue })
    const mounted = await format.open(copy, options, true)
    await use(mounted, format)
    await mounted.unmount()
  } finally {
    await device.close()
  }
}
