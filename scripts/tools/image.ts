/** An image that a tool has made, beside what the C library says of the recorded one. */

import { MemoryDevice } from '@caravan/device'
import { check, LittleFS } from '@caravan/littlefs'
import { sha256 } from '../golden/images.js'
import type { ImageEntryRecord, ImageRecord } from './cases.js'
import type { ExpectedImage } from './expectation.js'

/** The first difference; `undefined` where there is none. */
export async function imageDifference(
  { record, sizeBytes, comparesRoot }: ExpectedImage,
  image: Buffer,
): Promise<string | undefined> {
  if (record.errors !== undefined) return `the recorded image cannot be mounted: ${record.errors}`
  if (image.length !== sizeBytes)
    return `the image has ${image.length} bytes, expected ${sizeBytes}`
  const { blockSize } = record
  const device = new MemoryDevice(wholeImage(image, record), { blockSize })
  const report = await check(device, { blockSize })
  // Whoever takes such limits, they are to be the recorded ones: compared below.
  const findings = report.findings.filter(({ code }) => code !== 'UNSUPPORTED_LIMIT')
  if (findings.length > 0) return `the image is not sound: ${JSON.stringify(findings[0])}`
  const fs = await LittleFS.mount(device, { blockSize, nameMax: 1022, readOnly: true })
  const info = fs.info()
  const stat = {
    disk_version: info.diskVersion,
    block_size: info.blockSize,
    block_count: info.blockCount,
    name_max: info.nameMax,
    file_max: info.fileMax,
    attr_max: info.attrMax,
  }
  for (const [name, value] of Object.entries(stat)) {
    const wanted = record.stat?.[name]
    if (wanted !== value) return `the image's ${name} is ${value}, expected ${wanted}`
  }
  const entries = new Map<string, ImageEntryRecord>()
  for await (const walked of fs.walk()) {
    const isFile = walked.type === 'file'
    const path = Buffer.from(walked.pathBytes).toString('latin1')
    entries.set(path, {
      path,
      type: isFile ? 'reg' : 'dir',
      size: walked.size,
      sha256: isFile ? sha256(await fs.readEntry(walked)) : null,
      attrs: attributesOf(walked.attributes),
    })
  }
  return entriesDifference(entries, record.entries ?? [], comparesRoot)
}

/** In whole blocks; one that was made short on purpose with the erased blocks that it lacks. */
function wholeImage(image: Buffer, { blockSize, imageSize, stat }: ImageRecord): Uint8Array {
  const blockCount = Math.max(Math.floor(imageSize / blockSize), Number(stat?.block_count ?? 0))
  const whole = new Uint8Array(blockCount * blockSize).fill(0xff)
  whole.set(image.subarray(0, whole.length))
  return whole
}

function attributesOf(attributes: ReadonlyMap<number, Uint8Array>): Record<string, string> {
  return Object.fromEntries(
    Array.from(attributes, ([type, bytes]) => [
      `0x${type.toString(16).padStart(2, '0')}`,
      Buffer.from(bytes).toString('hex'),
    ]),
  )
}

function entriesDifference(
  entries: ReadonlyMap<string, ImageEntryRecord>,
  recorded: readonly ImageEntryRecord[],
  comparesRoot: boolean,
): string | undefined {
  const left = new Set(entries.keys())
  for (const wanted of recorded) {
    const { pathHex } = wanted
    const bytes = pathHex === undefined ? Buffer.from(wanted.path) : Buffer.from(pathHex, 'hex')
    const path = bytes.toString('latin1')
    const entry = entries.get(path)
    if (entry === undefined) return `${wanted.path} is not in the image`
    left.delete(path)
    const skipsTimes = wanted.path === '/' && !comparesRoot
    const shown = (each: ImageEntryRecord) =>
      JSON.stringify([
        each.type,
        each.size,
        each.sha256,
        skipsTimes ? Object.keys(each.attrs).sort() : Object.entries(each.attrs).sort(),
      ])
    if (shown(entry) !== shown(wanted)) {
      return `${wanted.path} is ${shown(entry)}, expected ${shown(wanted)}`
    }
  }
  const [extra] = left
  return extra === undefined ? undefined : `${extra} is in the image, and is not expected`
}
