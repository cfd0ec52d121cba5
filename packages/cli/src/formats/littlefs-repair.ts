/** Mending a littlefs, in place and into a new image; bringing back what it does not show. */

import type { BlockDevice } from '@caravan/core'
import {
  type DanglingChoice,
  locate,
  planRepair,
  type RepairReport as RepairFound,
  recover,
  repair,
  salvage,
} from '@caravan/littlefs'
import { Option } from 'commander'
import { given } from '../geometry.js'
import type {
  ImageOptions,
  LocatedImage,
  RecoveredFile,
  RepairReport,
  SalvageReport,
} from './format.js'
import { type WriterOptions, writerOf } from './littlefs-options.js'

const CHOICES: readonly DanglingChoice[] = ['keep', 'remove', 'empty']

export const DANGLING_OPTION: Option = new Option(
  '--dangling <choice>',
  'entries whose content cannot be found: keep (default); remove; empty: files become empty, directories are removed',
).choices(CHOICES)

type LittlefsRepairOptions = ImageOptions & WriterOptions & { readonly dangling?: DanglingChoice }

export async function planLittlefsRepair(
  device: BlockDevice,
  options: LittlefsRepairOptions,
): Promise<RepairReport> {
  return reported(await planRepair(device, optionsOf(options)))
}

export async function repairLittlefs(
  device: BlockDevice,
  options: LittlefsRepairOptions,
): Promise<RepairReport> {
  return reported(await repair(device, optionsOf(options)))
}

function reported({ steps, left }: RepairFound): RepairReport {
  return { changes: steps, left }
}

function optionsOf(options: LittlefsRepairOptions) {
  const { blockSize, blockCount, dangling } = options
  const { cacheSize, inlineMax, metadataMax } = writerOf(options)
  return given({ blockSize, blockCount, dangling, cacheSize, inlineMax, metadataMax })
}

export async function salvageLittlefs(
  device: BlockDevice,
  { blockSize, blockCount }: ImageOptions,
): Promise<SalvageReport> {
  const sizes = given({ blockSize, blockCount })
  const { bytes, entryCount, problems } = await salvage(device, sizes)
  const count = entryCount === 1 ? '1 file or directory' : `${entryCount} files and directories`
  return { bytes, summary: count, problems }
}

export async function recoverLittlefs(
  device: BlockDevice,
  { blockSize }: ImageOptions,
): Promise<RecoveredFile[]> {
  const found = await recover(device, given({ blockSize }))
  return found.map((file) => {
    const { pathBytes, why, left, size, sizeLeft, block, revision, offset, ranges } = file
    return {
      path: pathBytes,
      ...{ why, left, size, sizeLeft },
      place: `block ${block}, revision ${revision}`,
      attributes: file.attributes,
      details: { block, revision, offset, ranges },
      content: () => file.content(),
    }
  })
}

export async function locateLittlefs(device: BlockDevice): Promise<LocatedImage[]> {
  return (await locate(device)).map((found) => {
    const { offset, sizeBytes, diskVersion, blockSize, blockCount, isSound, isWhole } = found
    const blocks = `${blockCount} blocks of ${blockSize} bytes`
    return {
      ...{ title: `littlefs ${diskVersion}`, offset, sizeBytes },
      evidence: [...found.evidence, blocks],
      isCertain: isSound && isWhole,
    }
  })
}
