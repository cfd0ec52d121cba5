/** Unwrap: the image inside gzip, UF2 or Intel HEX, and one within another (`flash.uf2.gz`). */

import { gunzip, isGzip } from './gzip.js'
import { decodeIntelHex, isIntelHex } from './intel-hex.js'
import { type Region, regionsOf } from './segments.js'
import { decodeUf2, isUf2, type Uf2Options } from './uf2.js'

export interface UnwrapOptions extends Uf2Options {
  /** How many bytes it may unpack to. Default 1 GiB. */
  readonly maxBytes?: number
}

export interface Unwrapped {
  /** From the outside in: `['gzip', 'UF2']`. */
  readonly wrappers: readonly string[]
  /** The image: the largest region of memory, where there are several. */
  readonly bytes: Uint8Array
  /** Where in the device's memory it lies; `undefined` where nothing says so. */
  readonly address: number | undefined
  /** The family of boards that it is for, where UF2 says so. */
  readonly family: number | undefined
  /** Other regions, far from it, which are not a part of the image (nRF's UICR). */
  readonly others: readonly Region[]
}

/** How the bytes are wrapped, told by how they begin. */
export function wrapperOf(bytes: Uint8Array): 'gzip' | 'UF2' | 'Intel HEX' | undefined {
  if (isGzip(bytes)) return 'gzip'
  if (isUf2(bytes)) return 'UF2'
  return isIntelHex(bytes) ? 'Intel HEX' : undefined
}

/**
 * The image that the bytes wrap; the bytes themselves where they wrap none.
 *
 * @throws FormatError `BAD_GZIP`, `TOO_LARGE`, `BAD_UF2`, `SEVERAL_FAMILIES`, `BAD_INTEL_HEX`.
 */
export async function unwrap(bytes: Uint8Array, options: UnwrapOptions = {}): Promise<Unwrapped> {
  if (wrapperOf(bytes) !== 'gzip') return unwrapFlash(bytes, options)
  // One layer of gzip: a file that unpacks to itself would never end.
  const inner = unwrapFlash(await gunzip(bytes, options.maxBytes), options)
  return { ...inner, wrappers: ['gzip', ...inner.wrappers] }
}

function unwrapFlash(bytes: Uint8Array, options: UnwrapOptions): Unwrapped {
  const wrapper = wrapperOf(bytes)
  if (wrapper === undefined || wrapper === 'gzip') {
    return { wrappers: [], bytes, address: undefined, family: undefined, others: [] }
  }
  const { segments, family } =
    wrapper === 'UF2'
      ? decodeUf2(bytes, options)
      : { segments: decodeIntelHex(bytes), family: undefined }
  const regions = regionsOf(segments, options.maxBytes).sort(
    (a, b) => b.bytes.length - a.bytes.length,
  )
  const [image, ...others] = regions
  return {
    wrappers: [wrapper],
    bytes: image?.bytes ?? new Uint8Array(0),
    address: image?.address,
    family,
    others,
  }
}
