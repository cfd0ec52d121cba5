/** The time of a value: the attribute that holds it, as the key-value contract has it. */

import { Timestamp } from '@caravan/core'
import { type Attribute, withAttribute } from '../format/metadata-log.js'
import {
  encodeTimes,
  type TimeDialect,
  timeAttributeType,
  timesAmong,
} from '../format/time-attribute.js'

/** How a store writes times, in the names of the mount's dialects; `'none'` writes none. */
export type KeyValueTimes = Exclude<TimeDialect, 'nuttx'> | 'none'

/** The attributes with the time set; as they are where nothing is to be written. */
export function withTime(
  attributes: readonly Attribute[],
  dialect: KeyValueTimes,
  time: Timestamp,
): readonly Attribute[] {
  if (dialect === 'none') return attributes
  return withAttribute(attributes, timeAttributeType(dialect), encodeTime(dialect, time))
}

/** Of a timestamp what a dialect can hold. */
export function encodeTime(dialect: TimeDialect, time: Timestamp): Uint8Array {
  return encodeTimes(dialect, { mtimeNs: time.toNs(), mtimePs: time.picoseconds % 1000n })
}

/** `undefined` where there is none, or none that can be. */
export function timeOf(attributes: readonly Attribute[]): Timestamp | undefined {
  const times = timesAmong(attributes)
  if (times === undefined) return undefined
  const { days, picoseconds } = Timestamp.fromNs(times.mtimeNs)
  return new Timestamp(days, picoseconds + (times.mtimePs ?? 0n))
}
