/**
 * Golden folders of images that another program wrote: `NAME.json` tells what is in `NAME.img.gz`, or
 * in the file that it names. What the formats have in common: which manifests are of a kind, that the
 * image is the one that was recorded, and that reading leaves it as it was.
 */

import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import type { Timestamp } from '@caravan/core'
import { listed } from './littlefs/manifest.js'
import type { CaseResult, GoldenCase, GoldenShape } from './report.js'

export interface ImageManifest {
  /** Beside the manifest; packed where its name ends in `.gz`. */
  readonly image: string
  readonly bytes: number
  readonly sha256_of_raw_image: string
}

/** A time as manifests tell it. */
export interface RecordedTime {
  readonly mtime_days?: number
  /** Picoseconds of the day; as text, since no double holds them all. */
  readonly mtime_ps?: string
}

/**
 * @param isOfKind whether a manifest is one of this format's, by fields that no other has.
 * @param judge what of an image differs from its manifest.
 */
export function imageShape<Manifest extends ImageManifest>(
  name: string,
  isOfKind: (manifest: Manifest) => boolean,
  judge: (manifest: Manifest, image: Uint8Array) => Promise<string | undefined>,
): GoldenShape {
  const manifestsOf = (dir: string) =>
    listed(dir)
      .filter((file) => file.endsWith('.json'))
      .map((file) => parseManifest(readFileSync(join(dir, file), 'utf8')) as Manifest)
      .filter((manifest) => typeof manifest.sha256_of_raw_image === 'string' && isOfKind(manifest))
  const caseOf = (dir: string, manifest: Manifest): GoldenCase => {
    const caseName = manifest.image.replace(/\.img(\.gz)?$/, '')
    return {
      name: caseName,
      async judge(): Promise<CaseResult> {
        const stored = readFileSync(join(dir, manifest.image))
        const image = new Uint8Array(manifest.image.endsWith('.gz') ? gunzipSync(stored) : stored)
        return { name: caseName, difference: await differenceOf(manifest, image, judge) }
      },
    }
  }
  return {
    name,
    recognises: (dir) => manifestsOf(dir).length > 0,
    cases: (dir) => manifestsOf(dir).map((manifest) => caseOf(dir, manifest)),
  }
}

/** A manifest, its picoseconds as they are written. */
export function parseManifest(text: string): unknown {
  return JSON.parse(text.replace(/"mtime_ps"\s*:\s*(\d+)/g, '"mtime_ps": "$1"'))
}

async function differenceOf<Manifest extends ImageManifest>(
  manifest: Manifest,
  image: Uint8Array,
  judge: (manifest: Manifest, image: Uint8Array) => Promise<string | undefined>,
): Promise<string | undefined> {
  const isRecorded = () =>
    image.length === manifest.bytes && sha256(image) === manifest.sha256_of_raw_image
  if (!isRecorded()) {
    return `the image is not the recorded one: ${image.length} bytes, sha256 ${sha256(image)}`
  }
  return (await judge(manifest, image)) ?? (isRecorded() ? undefined : 'it changed')
}

export function timeDifference(
  { mtime_days: days, mtime_ps: ps = '0' }: RecordedTime,
  time: Timestamp | undefined,
): string | undefined {
  if (days === undefined) return undefined
  if (time?.days === days && time.picoseconds === BigInt(ps)) return undefined
  return `time expected ${days} d ${ps} ps, got ${time?.days} d ${time?.picoseconds} ps`
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}
