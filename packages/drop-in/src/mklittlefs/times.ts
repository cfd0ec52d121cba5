/** Times: attribute `t` when a file was changed, `c` when it was made, here both the same. */

const CHANGE_ATTRIBUTE = 0x74
const CREATION_ATTRIBUTE = 0x63

const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat']
const MONTHS = 'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split(' ')

/** How far from 1970 a `Date` reaches, in seconds. */
const DATE_RANGE_SECONDS = 8_640_000_000_000n

/** Whole seconds since 1970, as both attributes of an entry. */
export function timeAttributes(seconds: number): ReadonlyMap<number, Uint8Array> {
  const bytes = new Uint8Array(8)
  new DataView(bytes.buffer).setBigInt64(0, BigInt(Math.floor(seconds)), true)
  return new Map([
    [CREATION_ATTRIBUTE, bytes],
    [CHANGE_ATTRIBUTE, bytes],
  ])
}

/**
 * The time that attribute `t` says, of whatever length; `undefined` where there is none, or none that
 * can be a date.
 */
export function changeTime(attributes: ReadonlyMap<number, Uint8Array>): Date | undefined {
  const value = attributes.get(CHANGE_ATTRIBUTE)
  if (value === undefined) return undefined
  const bytes = new Uint8Array(8)
  bytes.set(value.subarray(0, 8))
  const seconds = new DataView(bytes.buffer).getBigInt64(0, true)
  const isDate = seconds <= DATE_RANGE_SECONDS && seconds >= -DATE_RANGE_SECONDS
  return isDate ? new Date(Number(seconds) * 1000) : undefined
}

/** `Sun Sep 13 12:26:40 2020`, in UTC: C's asctime(). */
export function formatTime(time: Date): string {
  const day = String(time.getUTCDate()).padStart(2)
  const clock = [time.getUTCHours(), time.getUTCMinutes(), time.getUTCSeconds()]
    .map((part) => String(part).padStart(2, '0'))
    .join(':')
  return `${DAYS[time.getUTCDay()]} ${MONTHS[time.getUTCMonth()]} ${day} ${clock} ${time.getUTCFullYear()}`
}
