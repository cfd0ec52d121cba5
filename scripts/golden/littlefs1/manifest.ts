/** The manifests of golden/littlefs1, field by field as its README lists them. */

import type { ManifestEntry } from '../littlefs/manifest.js'

export interface Version1Manifest {
  readonly name: string
  readonly group: string
  /** Name of the member in the archive, for a state after a power loss. */
  readonly img?: string
  readonly blockSize: number
  readonly blockCount: number
  readonly readSize: number
  readonly progSize: number
  /** Blocks; in no manifest of another shape. */
  readonly lookahead?: number
  readonly imageSize?: number
  readonly imageSha256: string
  readonly expect: string
  readonly dumpExpect: string | null
  /** `null`: not mounted, or the library never ends. */
  readonly entries: readonly ManifestEntry[] | null
  readonly traverse: { readonly expect: string; readonly usedBlocks: number | null } | null
  readonly state: {
    readonly root: readonly [number, number]
    readonly superblock: number
    readonly superblockRev: number
    readonly pairs: number | null
    readonly moved: number | null
    readonly movedElsewhere: number | null
    readonly orphans: number | null
    readonly desyncs: number | null
  } | null
  readonly migrated?: {
    readonly wanted?: 'same' | 'same or LFS_ERR_NOSPC' | 'error' | 'see what'
  }
  readonly cNotes?: readonly string[]
  readonly judge?: string
  /** It mounts as littlefs 2, and is to be taken for that. */
  readonly isV2?: boolean
  readonly v2?: { readonly entries: readonly ManifestEntry[] | null }
}
