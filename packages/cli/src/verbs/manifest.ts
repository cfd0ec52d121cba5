/**
 * `caravan manifest`: every entry with size, hash and attributes, as JSON; to compare images, and
 * what other programs read from them (golden/littlefs/README.md).
 */

import { createHash } from 'node:crypto'
import { CaravanError } from '@caravan/core'
import type { Command } from 'commander'
import type { Context } from '../context.js'
import {
  attributesJson,
  kindJson,
  pathJson,
  UNREACHABLE_NAME,
  type WalkedEntry,
  walkEntries,
} from '../entries.js'
import { checkInterrupted } from '../errors.js'
import type { EntryType, ImageOptions, ImageTree } from '../formats/format.js'
import { compareBytes } from '../names.js'
import type { Image } from '../open-image.js'
import { failOn, imageVerb, withHelp, withImage } from '../verb.js'

/** One element of a manifest. */
interface ManifestEntry extends ReturnType<typeof kindJson> {
  path: string
  /** The path's bytes, where they are not UTF-8. */
  pathHex?: string
  type: 'reg' | 'dir' | 'link' | 'submodule' | 'other'
  /** Bytes; 0 for directories. */
  size: number
  /** `null` for directories, submodules and for what cannot be read; of a link that of its target. */
  sha256: string | null
  attrs?: Record<string, string>
  /** `OPERATION:CODE`; the operation is `dir_open`, `dir_read`, `getattr`, `open` or `read`. */
  error?: string
}

export function addManifest(program: Command, context: Context): void {
  const command = imageVerb(program, context, 'manifest', 'print every entry with its hash')
    .description(
      'Prints a JSON array with an element for every file and directory, sorted by path: type, size, SHA-256 of the content, attributes; and, where something cannot be read, the error.',
    )
    .argument('<image>', 'the image, or - for standard input')
    .action((name: string, options: ImageOptions) =>
      withImage(context, name, options, (image) => manifest(context, image)),
    )
  withHelp(command, [
    'caravan manifest flash.img',
    'diff <(caravan manifest old.img) <(caravan manifest new.img)',
  ])
}

async function manifest(context: Context, image: Image): Promise<void> {
  const { out, signal } = context
  const entries: WalkedEntry[] = []
  for await (const entry of walkEntries(image.tree, ROOT)) {
    checkInterrupted(signal)
    entries.push(entry)
  }
  entries.sort((a, b) => compareBytes(a.path, b.path))
  await out.line('[')
  for (const [index, entry] of entries.entries()) {
    checkInterrupted(signal)
    const { described, error } = await describeEntry(image, entry)
    await out.line(`${JSON.stringify(described)}${index < entries.length - 1 ? ',' : ''}`)
    if (error !== undefined) await failOn(context, image.name, error, entry.path)
  }
  await out.line(']')
}

const ROOT = Uint8Array.of(0x2f)

const TYPES: Record<EntryType, ManifestEntry['type']> = {
  file: 'reg',
  directory: 'dir',
  symlink: 'link',
  submodule: 'submodule',
  other: 'other',
}

async function describeEntry(
  { tree }: Image,
  entry: WalkedEntry,
): Promise<{ described: ManifestEntry; error: CaravanError | undefined }> {
  const { path, size, attributes } = entry
  const described: ManifestEntry = {
    ...pathJson(path),
    type: TYPES[entry.type],
    size,
    sha256: null,
    ...kindJson(entry),
    ...(attributes === undefined ? {} : { attrs: attributesJson(attributes) }),
  }
  const { operation, error } = await findError(tree, entry, described)
  if (error !== undefined) {
    // A program that asks for this path is told that nothing is there, and so is who reads this.
    const code = error.code === UNREACHABLE_NAME ? 'ENOENT' : error.code
    described.error = `${operation}:${code}`
  }
  return { described, error }
}

/** Fills in the hash; answers with what failed. */
async function findError(
  tree: ImageTree,
  { type, error, walked, target }: WalkedEntry,
  described: ManifestEntry,
): Promise<{ operation?: string; error?: CaravanError }> {
  if (error !== undefined && error.code !== UNREACHABLE_NAME) {
    return { operation: type === 'directory' ? 'dir_open' : 'getattr', error }
  }
  if (target !== undefined) described.sha256 = createHash('sha256').update(target).digest('hex')
  else if (type !== 'directory' && type !== 'submodule') {
    const hash = createHash('sha256')
    try {
      for await (const piece of tree.read(walked)) hash.update(piece)
    } catch (caught) {
      if (!(caught instanceof CaravanError)) throw caught
      return { operation: type === 'file' ? 'read' : 'open', error: caught }
    }
    described.sha256 = hash.digest('hex')
  }
  // It can be read here, but not by a program that asks for its path.
  if (error !== undefined) return { operation: 'getattr', error }
  return {}
}
