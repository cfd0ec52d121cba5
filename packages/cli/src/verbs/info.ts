/** `caravan info`: what an image is, before anything in it. */

import type { FilesystemInfo, Space } from '@caravan/littlefs'
import type { Command } from 'commander'
import type { Context } from '../context.js'
import type { Image, ImageOptions } from '../open-image.js'
import { formatShare, formatSize } from '../sizes.js'
import { failOn, imageVerb, JSON_OPTION, withHelp, withImage } from '../verb.js'

interface InfoOptions extends ImageOptions {
  readonly json?: boolean
}

/** The shape in which `--json` prints it. */
interface InfoJson {
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
  image: { sizeBytes: number; offsetBytes: number }
}

export function addInfo(program: Command, context: Context): void {
  const command = imageVerb(program, 'info', 'show what the image is')
    .description(
      'Shows format and version, geometry, limits, use and state of the filesystem in an image.',
    )
    .argument('<image>', 'the image, or - for standard input')
    .option(...JSON_OPTION)
    .action((name: string, options: InfoOptions) =>
      withImage(context, name, options, (image) => info(context, image, options)),
    )
  withHelp(command, [
    'caravan info flash.img',
    'caravan info --offset 0x290000 dump.bin   a partition of a whole flash',
    'caravan info --json flash.img             for a program',
  ])
}

async function info(context: Context, image: Image, options: InfoOptions): Promise<void> {
  const facts = image.fs.info()
  const space = await countSpace(context, image)
  const given = options.blockSize !== undefined
  if (options.json === true) {
    const json = infoJson(facts, space, given, image)
    return context.out.line(JSON.stringify(json, undefined, 2))
  }
  const { out, style } = context
  await out.line(style('bold', `littlefs ${facts.diskVersion}`))
  const rows: (readonly [string, string])[] = [
    ['size', sizeInWords(facts.blockSize * facts.blockCount)],
    ['blocks', `${facts.blockCount} of ${facts.blockSize} bytes ${blockSizeOrigin(given)}`],
    ['used', space === undefined ? 'cannot be counted: damaged' : useInWords(space)],
    ['limits', limitsInWords(facts)],
    ['root', `metadata pair ${pairInWords(facts.rootPair)}, revision ${facts.revision}`],
    ['state', stateInWords(facts)],
    ['image', imageInWords(facts, image)],
  ]
  for (const [name, value] of rows) await out.line(`${style('dim', name.padEnd(8))}${value}`)
}

/** Damage further inside keeps the use from being counted, not the rest from being shown. */
async function countSpace(context: Context, { fs, name }: Image): Promise<Space | undefined> {
  try {
    return await fs.df()
  } catch (error) {
    await failOn(context, name, error)
    return undefined
  }
}

function infoJson(
  facts: FilesystemInfo,
  space: Space | undefined,
  given: boolean,
  { sizeBytes, offsetBytes }: Image,
): InfoJson {
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
    image: { sizeBytes, offsetBytes },
  }
}

function sizeInWords(sizeBytes: number): string {
  return sizeBytes < 1024 ? `${sizeBytes} bytes` : `${formatSize(sizeBytes)} (${sizeBytes} bytes)`
}

function blockSizeOrigin(given: boolean): string {
  return given ? '(block size as given; the superblock says the same)' : '(found in the superblock)'
}

function useInWords({ blockSize, blockCount, usedBlocks, freeBlocks }: Space): string {
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

/** How the image and the filesystem in it compare. */
function imageInWords(
  { blockSize, blockCount }: FilesystemInfo,
  { sizeBytes, offsetBytes }: Image,
): string {
  const size = blockSize * blockCount
  const place = offsetBytes === 0 ? '' : `, from byte ${offsetBytes} on`
  const whole = `${sizeInWords(sizeBytes)}${place}`
  if (sizeBytes < size) {
    return `${whole}: cut short, ${size - sizeBytes} bytes of the filesystem are missing`
  }
  if (sizeBytes > size) return `${whole}: ${sizeBytes - size} bytes follow the filesystem`
  return whole
}
