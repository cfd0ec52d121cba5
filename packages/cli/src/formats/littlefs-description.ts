/** What `caravan info` tells of a littlefs. */

import { CaravanError } from '@caravan/core'
import type { FilesystemInfo, LittleFS, Space } from '@caravan/littlefs'
import { formatShare, formatSize, sizeInWords } from '../sizes.js'
import type { Description, ImageOptions } from './format.js'

/** The shape in which `--json` prints it; what is known of the image itself comes behind. */
interface LittlefsJson {
  format: 'littlefs'
  diskVersion: string
  blockSize: number
  /** `'found'` in the image, or `'given'` on the command line. */
  blockSizeFrom: 'found' | 'given'
  blockCount: number
  nameMax: number
  fileMax: number
  attrMax: number
  rootPair: readonly [number, number]
  revision: number
  /** `null` where damage keeps it from being counted. */
  usedBlocks: number | null
  freeBlocks: number | null
  hasOrphans: boolean
  pendingMove: { id: number; pair: readonly [number, number] } | null
  needsSuperblock: boolean
}

export async function describeLittlefs(fs: LittleFS, options: ImageOptions): Promise<Description> {
  const facts = fs.info()
  const given = options.blockSize !== undefined
  const { value: space, problems } = await caught(() => fs.df())
  const sizeBytes = facts.blockSize * facts.blockCount
  const rows = [
    ['size', sizeInWords(sizeBytes)],
    ['blocks', `${facts.blockCount} of ${facts.blockSize} bytes ${blockSizeOrigin(given)}`],
    ['used', space === undefined ? 'cannot be counted: damaged' : useInWords(space)],
    ['limits', limitsInWords(facts)],
    ['root', `metadata pair ${pairInWords(facts.rootPair)}, revision ${facts.revision}`],
    ['state', stateInWords(facts)],
  ] as const
  const json: LittlefsJson = littlefsJson(facts, space, given)
  return { title: `littlefs ${facts.diskVersion}`, rows, json: { ...json }, sizeBytes, problems }
}

/** Damage further inside keeps something from being counted, not the rest from being shown. */
export async function caught<T>(
  count: () => Promise<T>,
): Promise<{ value: T | undefined; problems: CaravanError[] }> {
  try {
    return { value: await count(), problems: [] }
  } catch (error) {
    if (!(error instanceof CaravanError)) throw error
    return { value: undefined, problems: [error] }
  }
}

function littlefsJson(
  facts: FilesystemInfo,
  space: Space | undefined,
  given: boolean,
): LittlefsJson {
  const { diskVersion, blockSize, blockCount, nameMax, fileMax, attrMax } = facts
  const { rootPair, revision, hasOrphans, pendingMove, needsSuperblock } = facts
  return {
    format: 'littlefs',
    diskVersion,
    blockSize,
    blockSizeFrom: given ? 'given' : 'found',
    blockCount,
    ...{ nameMax, fileMax, attrMax, rootPair, revision },
    usedBlocks: space?.usedBlocks ?? null,
    freeBlocks: space?.freeBlocks ?? null,
    hasOrphans,
    pendingMove: pendingMove ?? null,
    needsSuperblock,
  }
}

export function blockSizeOrigin(given: boolean): string {
  return given ? '(block size as given; the superblock says the same)' : '(found in the superblock)'
}

export function useInWords({ blockSize, blockCount, usedBlocks, freeBlocks }: Space): string {
  const share = formatShare(usedBlocks, blockCount)
  return `${usedBlocks} blocks (${share}), free ${formatSize(freeBlocks * blockSize)}`
}

function limitsInWords({ nameMax, fileMax, attrMax }: FilesystemInfo): string {
  return `names ${nameMax} bytes, files ${fileMax} bytes, attributes ${attrMax} bytes`
}

function pairInWords([active, other]: readonly [number, number]): string {
  return `{${active}, ${other}}`
}

function stateInWords({ hasOrphans, pendingMove }: FilesystemInfo): string {
  const found = [
    ...(pendingMove === undefined
      ? []
      : [
          `a rename was interrupted: entry ${pendingMove.id} of pair ${pairInWords(pendingMove.pair)} has moved already and is hidden`,
        ]),
    ...(hasOrphans ? ['a directory may be half removed (orphan)'] : []),
  ]
  if (found.length === 0) return 'clean'
  return `${found.join('; ')}. What is shown is right; the next write tidies up.`
}
