/** Sizes and numbers as people write and read them. */

import { UsageError } from './errors.js'

const UNITS = ['', 'K', 'M', 'G', 'T'] as const

/**
 * Reads a size in bytes: `4096`, `0x1000`, `64K`, `1.5M`, `1MiB`. Units are powers of 1024.
 *
 * @throws UsageError for anything else, and for a part of a byte.
 */
export function parseSize(text: string): number {
  const match = /^(?:(0x[0-9a-f]+)|(\d+(?:\.\d+)?)(?:([kmgt])(?:i?b)?|b)?)$/i.exec(text.trim())
  if (match === null) {
    throw new UsageError(`'${text}' is no size. Write bytes (4096, 0x1000) or a unit: 64K, 1M, 2G.`)
  }
  const [, hexadecimal, decimal, unit] = match
  const size =
    hexadecimal === undefined
      ? Number(decimal) * 1024 ** UNITS.indexOf((unit?.toUpperCase() ?? '') as 'K')
      : Number(hexadecimal)
  if (!Number.isSafeInteger(size)) {
    throw new UsageError(`'${text}' is no whole number of bytes below 2^53.`)
  }
  return size
}

/**
 * Reads a whole number: `80`, `0x50`.
 *
 * @throws UsageError for anything else.
 */
export function parseCount(text: string): number {
  const value = /^(0x[0-9a-f]+|\d+)$/i.test(text.trim()) ? Number(text) : Number.NaN
  if (!Number.isSafeInteger(value)) {
    throw new UsageError(`'${text}' is no whole number. Write it as 80 or 0x50.`)
  }
  return value
}

/** A size for a person, three digits or so: `512 B`, `1.5 KiB`, `320 KiB`. */
export function formatSize(sizeBytes: number): string {
  let value = sizeBytes
  let unit = 0
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024
    unit++
  }
  if (unit === 0) return `${sizeBytes} B`
  const digits = Number.isInteger(value) || value >= 100 ? 0 : 1
  return `${value.toFixed(digits)} ${UNITS[unit]}iB`
}

/** The same with its bytes: `512 bytes`, `320 KiB (327680 bytes)`. */
export function sizeInWords(sizeBytes: number): string {
  return sizeBytes < 1024 ? `${sizeBytes} bytes` : `${formatSize(sizeBytes)} (${sizeBytes} bytes)`
}

/** `1 file`, `2 files`, `1 directory`, `2 directories`. */
export function formatCount(count: number, one: string): string {
  if (count === 1) return `1 ${one}`
  return `${count} ${one.endsWith('y') ? `${one.slice(0, -1)}ies` : `${one}s`}`
}

/** A part of a whole: `0.4%`, `12%`, `22.5%`; never `0%` for something, nor `100%` for less than all. */
export function formatShare(part: number, whole: number): string {
  if (whole === 0) return '0%'
  const percent = (100 * part) / whole
  if (part > 0 && percent < 0.1) return '<0.1%'
  if (part < whole && percent > 99.9) return '>99.9%'
  return `${Number(percent.toFixed(1))}%`
}
