/**
 * The recorded images of golden/littlefs and how to check them, for the tests of the checker.
 */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { checkLittlefs } from '../littlefs-checker.js'
import type { FindingCode, LittlefsCheckOptions } from './finding.js'
import type { LittlefsTreeNode } from './tree.js'

/** The fields of golden/littlefs/README.md that are compared here. */
interface ManifestEntry {
  readonly path: string
  readonly type: 'reg' | 'dir' | 'other'
  readonly size: number
  readonly sha256: string | null
  readonly attrs: Readonly<Record<string, string>>
}
export interface Manifest {
  readonly name: string
  readonly img: string
  readonly group: string
  readonly blockSize: number
  readonly blockCount: number
  readonly mountBlockCount: number
  readonly progSize: number
  readonly cacheSize: number
  readonly metadataMax: number
  readonly inlineMax: number
  readonly eraseValue: string
  readonly attrMax: number
  readonly expect: string
  readonly gstate: { readonly hasmove: boolean; readonly hasorphans: boolean } | null
  readonly entries: readonly ManifestEntry[] | null
  readonly afterConsistent?: { readonly entries: 'same' | readonly ManifestEntry[] }
}

export const golden = new URL('../../../../golden/littlefs/', import.meta.url)

export function manifestOf(name: string): Manifest {
  return JSON.parse(readFileSync(new URL(`${name}.json`, golden), 'utf8'))
}

export function imageOf(name: string): Uint8Array {
  return new Uint8Array(gunzipSync(readFileSync(new URL(`${name}.img.gz`, golden))))
}

export function optionsFor(manifest: Manifest): LittlefsCheckOptions {
  const { blockSize, cacheSize, attrMax, inlineMax, metadataMax } = manifest
  const eighth = Math.floor((metadataMax || blockSize) / 8)
  return {
    blockSize,
    blockCount: manifest.mountBlockCount || manifest.blockCount,
    progSize: manifest.progSize,
    eraseValue: Number(manifest.eraseValue),
    inlineMax: inlineMax === 0 ? Math.min(cacheSize, attrMax, eighth) : Math.max(inlineMax, 0),
  }
}

export function codes(image: Uint8Array, options: LittlefsCheckOptions): FindingCode[] {
  return [...new Set(checkLittlefs(image, options).map((finding) => finding.code))]
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}

/** One line an entry, so that a difference shows which entry differs, and how. */
export function linesOfTree(tree: ReadonlyMap<string, LittlefsTreeNode>): string[] {
  return [...tree]
    .map(([path, { type, content, attributes }]) => {
      const sha256 = content && createHash('sha256').update(content).digest('hex')
      const attrs = [...attributes].map(([key, value]) => `${key}=${hex(value)}`).sort()
      return [path, type, content?.length ?? 0, sha256 ?? '-', ...attrs].join(' ')
    })
    .sort()
}

export function linesOfManifest(entries: readonly ManifestEntry[]): string[] {
  const types = { reg: 'file', dir: 'directory', other: 'other' }
  return entries
    .map(({ path, type, size, sha256, attrs }) => {
      const latin1 = Buffer.from(path, 'utf8').toString('latin1')
      const values = Object.entries(attrs)
        .map(([key, value]) => `${Number(key)}=${value}`)
        .sort()
      return [latin1, types[type], size, sha256 ?? '-', ...values].join(' ')
    })
    .sort()
}
