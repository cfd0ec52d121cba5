/** The formats that the command knows, and how it tells which one an image has. */

import type { BlockDevice } from '@caravan/core'
import { FormatError } from '@caravan/core'
import { UsageError } from '../errors.js'
import { docteur } from './docteur.js'
import type { ImageFormat } from './format.js'
import { littlefs } from './littlefs.js'
import { littlefs1 } from './littlefs1.js'
import { notafs } from './notafs.js'

/** In the order in which they are tried. */
export const FORMATS: readonly ImageFormat[] = [littlefs, littlefs1, docteur, notafs]

/**
 * The format of an image: the one that is asked for, else the one that is found.
 *
 * @throws FormatError `NOT_RECOGNISED` that says what was looked for; UsageError for a name that is
 *   not in the table; DeviceError.
 */
export async function findFormat(
  formats: readonly ImageFormat[],
  device: BlockDevice,
  name: string | undefined,
): Promise<ImageFormat> {
  if (name !== undefined) return formatNamed(formats, name)
  for (const format of formats) if (await format.recognise(device)) return format
  // Only now, since it may take reading a good part of the image.
  for (const format of formats) if (await format.search?.(device)) return format
  throw new FormatError('NOT_RECOGNISED', notRecognised(formats, []))
}

/** @throws UsageError. */
export function formatNamed(formats: readonly ImageFormat[], name: string): ImageFormat {
  const format = formats.find((each) => each.name === name)
  if (format !== undefined) return format
  const names = formats.map((each) => each.name)
  throw new UsageError(`There is no format '${name}'. The formats are: ${names.join(', ')}.`)
}

/** The sentence for an image of no format; `found` is what is in it instead. */
export function notRecognised(formats: readonly ImageFormat[], found: readonly string[]): string {
  const marks = formats.map(({ mark }) => `no ${mark}`).join(', ')
  const names = formats.map(({ name }) => name).join(' or ')
  const advice = formats.flatMap((format) => (format.advice === undefined ? [] : [format.advice]))
  const instead = found.length === 0 ? '' : ` In it: ${found.join('; ')}.`
  return [
    `${marks} found.${instead} Check that this is an image of ${names}; where it begins further inside (a partition), say so with --offset; --format says which one it is`,
    ...advice,
  ]
    .join('; ')
    .concat('.')
}
