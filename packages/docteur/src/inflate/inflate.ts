/** Inflating whole objects: in plain JavaScript, or by what a platform does faster. */

import { Inflater } from './inflater.js'

/** A zlib stream, inflated. */
export interface Inflated {
  readonly bytes: Uint8Array
  /** Bytes of the input that the stream took; others may follow them. */
  readonly inputBytes: number
}

/**
 * Inflates the zlib stream that `input` begins with, whose content has `sizeBytes`.
 *
 * @returns `undefined` where the input ends before the stream; a sentence on what is wrong where it
 *   is damaged or has another size.
 */
export type Inflate = (input: Uint8Array, sizeBytes: number) => Inflated | string | undefined

const inflater = new Inflater()

/** {@link Inflate} in plain JavaScript. */
export const inflate: Inflate = (input, sizeBytes) => {
  const bytes = new Uint8Array(sizeBytes)
  inflater.reset()
  switch (inflater.run(input, 0, input.length, bytes, 0, sizeBytes)) {
    case 'needs input':
      return undefined
    case 'needs room':
      return `it holds more than the ${sizeBytes} bytes that its header tells`
    case 'damaged':
      return inflater.damage
    case 'done':
      if (inflater.outputEnd === sizeBytes) return { bytes, inputBytes: inflater.inputEnd }
      return `it holds ${inflater.outputEnd} bytes, and its header tells ${sizeBytes}`
  }
}
