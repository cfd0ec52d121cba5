/** The images of golden/littlefs, which the C library wrote, and what it said about them. */

import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { MemoryDevice } from '@caravan/device'

/** The fields of golden/littlefs/README.md that are used here. */
export interface Manifest {
  readonly name: string
  readonly group: string
  readonly blockSize: number
  readonly blockCount: number
  /** What the reference was told on mounting; 0: taken from the superblock. */
  readonly mountBlockCount: number
  /** What mounting answered. */
  readonly expect: string
  readonly diskVersion: '2.0' | '2.1'
  readonly readSize: number
  readonly progSize: number
  readonly cacheSize: number
  readonly eraseValue: string
  readonly nameMax: number
  readonly fileMax: number
  readonly attrMax: number
  readonly usedBlocks: number | null
  readonly entries: readonly ManifestEntry[] | null
}

export interface ManifestEntry {
  readonly path: string
  readonly type: 'reg' | 'dir' | 'other'
  readonly size: number
  readonly sha256: string | null
  readonly attrs: Readonly<Record<string, string>>
}

export const goldenFolder = new URL('../../../golden/littlefs/', import.meta.url)

/** Every case that is one image, in order of names. */
export const goldenNames: readonly string[] = readdirSync(goldenFolder)
  .filter((file) => file.endsWith('.img.gz'))
  .map((file) => file.slice(0, -'.img.gz'.length))

/** Those that the C library wrote and nobody damaged. */
export const cleanNames = goldenNames.filter((name) => !name.startsWith('corrupt'))

export function manifestOf(name: string): Manifest {
  return JSON.parse(readFileSync(new URL(`${name}.json`, goldenFolder), 'utf8'))
}

/** A copy that the caller may write to. */
export function imageOf(name: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(gunzipSync(readFileSync(new URL(`${name}.img.gz`, goldenFolder))))
}

/** The bytes of one block. */
export function blockOf(name: string, block: number): Uint8Array<ArrayBuffer> {
  const { blockSize } = manifestOf(name)
  return imageOf(name).slice(block * blockSize, (block + 1) * blockSize)
}

/** The image as the device that it was written on. */
export function deviceOf(name: string): MemoryDevice {
  const { blockSize, blockCount, readSize, progSize, eraseValue } = manifestOf(name)
  return new MemoryDevice(imageOf(name), {
    blockSize,
    blockCount,
    readSize,
    progSize,
    eraseValue: Number(eraseValue),
  })
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

/** `"de ad"` or `"dead"` as bytes. */
export function hex(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(Buffer.from(text.replaceAll(/\s/g, ''), 'hex'))
}

export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}
