/** What an engine is handed of its platform: inflate and hashes, each with a portable default. */

import { type HashFunction, plain, sha256 } from '@caravan/core'
import type { IdSize } from './format/object-id.js'
import type { ObjectKind } from './format/pack-entry.js'
import { type Crc32, crc32 } from './hash/crc32.js'
import { sha1 } from './hash/sha1.js'
import { type Inflate, inflate } from './inflate/inflate.js'

/** What a platform may do faster than plain JavaScript: `nodePlatform` of `@caravan/docteur/node` is Node's. */
export interface Platform {
  readonly inflate?: Inflate
  readonly sha1?: HashFunction
  readonly sha256?: HashFunction
  readonly crc32?: Crc32
}

export interface WholePlatform {
  readonly inflate: Inflate
  readonly crc32: Crc32
  /** The hash of ids of that size. */
  readonly hash: HashFunction
}

export function platformFor(platform: Platform, idSize: IdSize): WholePlatform {
  return {
    inflate: platform.inflate ?? inflate,
    crc32: platform.crc32 ?? crc32,
    hash: idSize === 20 ? (platform.sha1 ?? sha1) : (platform.sha256 ?? sha256),
  }
}

const encoder = new TextEncoder()

/** Begins the hash of an object whose content then follows. */
export function objectHasher(hash: HashFunction, kind: ObjectKind, sizeBytes: number) {
  const hasher = hash()
  hasher.update(encoder.encode(`${kind} ${sizeBytes}\0`))
  return hasher
}

/** The id of an object. */
export function hashObject(hash: HashFunction, kind: ObjectKind, bytes: Uint8Array): Uint8Array {
  const hasher = objectHasher(hash, kind, bytes.length)
  hasher.update(bytes)
  return plain(hasher.digest())
}
