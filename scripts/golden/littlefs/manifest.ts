/** The manifests of golden/littlefs, field by field as its README lists them. */

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { parseTar } from 'nanotar'

export interface ManifestEntry {
  readonly path: string
  readonly type: 'reg' | 'dir' | 'other'
  readonly size: number
  readonly sha256: string | null
  /** `0x74` -> hex. */
  readonly attrs: Readonly<Record<string, string>>
  /** `<op>:LFS_ERR_x`. */
  readonly error?: string
}

interface GlobalState {
  readonly hasmove: boolean
  readonly hasorphans: boolean
  readonly needssuperblock?: boolean
  readonly root?: readonly [number, number]
  readonly moveid?: number
  readonly movepair?: readonly [number, number]
}

/** The same image after mount, make-consistent and unmount on a writable device. */
interface AfterConsistent {
  readonly mkconsistent: string
  readonly expect?: string
  readonly dumpExpect?: string | null
  readonly usedBlocks?: number | null
  readonly entries?: 'same' | readonly ManifestEntry[] | null
}

export interface Manifest {
  readonly name: string
  readonly group: string
  readonly what: string
  /** Name of the member in the archive, for a state after a power loss. */
  readonly img?: string
  readonly blockSize: number
  readonly blockCount: number
  /** 0: taken from the superblock. */
  readonly mountBlockCount: number
  readonly diskVersion: string
  readonly driverDiskVersion: '2.0' | '2.1'
  readonly nameMax: number
  readonly fileMax: number
  readonly attrMax: number
  readonly readSize: number
  readonly progSize: number
  readonly cacheSize: number
  readonly blockCycles: number
  readonly metadataMax: number
  readonly inlineMax: number
  /** `0xff`. */
  readonly eraseValue: string
  readonly usedBlocks: number | null
  /** Not said of a state after a power loss. */
  readonly imageSize?: number
  readonly imageSha256: string
  readonly expect: string
  readonly dumpExpect: string | null
  readonly gstate?: GlobalState
  readonly entries: readonly ManifestEntry[] | null
  readonly afterConsistent?: AfterConsistent | null
}

/** A manifest and the image that it is about. */
export interface Recorded<M = Manifest> {
  readonly manifest: M
  readImage(): Uint8Array
}

/** What every manifest says of its image. */
interface AnyManifest {
  /** Name of the member in the archive, for a state after a power loss. */
  readonly img?: string
}

/** Files of a golden folder that are JSON and no manifest. */
const NOT_MANIFESTS = new Set(['index.json', 'semantics.json'])

/** Every image with its manifest, the states after a power loss last. */
export function readRecorded<M extends AnyManifest = Manifest>(dir: string): Recorded<M>[] {
  const recorded: Recorded<M>[] = []
  for (const name of readdirSync(dir).sort()) {
    if (!name.endsWith('.json') || NOT_MANIFESTS.has(name)) continue
    const image = join(dir, `${name.slice(0, -'.json'.length)}.img.gz`)
    const manifest = JSON.parse(readFileSync(join(dir, name), 'utf8')) as M
    recorded.push({ manifest, readImage: () => gunzip(image) })
  }
  return [...recorded, ...readPowerLoss<M>(join(dir, 'powerloss'))]
}

function readPowerLoss<M extends AnyManifest>(dir: string): Recorded<M>[] {
  const recorded: Recorded<M>[] = []
  for (const name of listed(dir)) {
    if (!name.endsWith('.json')) continue
    const archive = join(dir, `${name.slice(0, -'.json'.length)}.tar.gz`)
    const manifests = JSON.parse(readFileSync(join(dir, name), 'utf8')) as M[]
    let members: Map<string, Uint8Array> | undefined
    for (const manifest of manifests) {
      recorded.push({
        manifest,
        readImage() {
          members ??= readArchive(archive)
          const image = members.get(manifest.img ?? '')
          if (image === undefined) throw new Error(`${archive} has no member ${manifest.img}`)
          return image
        },
      })
    }
  }
  return recorded
}

function readArchive(path: string): Map<string, Uint8Array> {
  const members = new Map<string, Uint8Array>()
  for (const { name, data } of parseTar(gunzip(path))) {
    members.set(name.replace(/^\.\//, ''), data ?? new Uint8Array(0))
  }
  return members
}

function gunzip(path: string): Uint8Array {
  // A copy of its own: what zlib returns may be a part of a shared pool.
  return new Uint8Array(gunzipSync(readFileSync(path)))
}

/** What a folder holds, sorted; nothing where it is not there. */
export function listed(dir: string): string[] {
  try {
    return readdirSync(dir).sort()
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return []
    throw error
  }
}
