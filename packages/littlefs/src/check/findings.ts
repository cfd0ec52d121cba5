/**
 * Findings: what a check may say, by code. docs/findings.md has a section on each.
 *
 * Consequence and remedy belong to the code; what was found is said where it is found.
 */

import type { Finding, Severity } from '@caravan/core'

/** A finding of a littlefs, with all that is to be said of it. */
export interface LittlefsFinding extends Finding {
  readonly code: FindingCode
  readonly consequence: string
  readonly remedy: string
}

/** What a code means, whatever it was found in. */
export interface Meaning {
  readonly severity: Severity
  readonly consequence: string
  readonly remedy: string
}

const NEW_IMAGE = 'Copy what can be read to a new image.'
const NEXT_WRITE = 'Nothing: the next write, by a device or by `caravan`, puts it right.'
const LOSES_FILE = 'The file cannot be read, or holds what is not its own.'

const error = (consequence: string, remedy: string): Meaning => ({
  severity: 'error',
  consequence,
  remedy,
})
const warning = (consequence: string, remedy: string): Meaning => ({
  severity: 'warning',
  consequence,
  remedy,
})

const MEANINGS = {
  // The image and its superblock
  CHAMELON_VOLUME: error(
    'Read as littlefs it would show a part of what it holds, and changed it would lose the rest.',
    'Read it with `caravan kv`; make a littlefs image of it with `caravan convert`.',
  ),
  SUPERBLOCK_MISSING: error(
    'No device mounts it.',
    'Check the offset and the block size. Where they are right the beginning of the image is lost.',
  ),
  SUPERBLOCK_DAMAGED: error('No device mounts it.', NEW_IMAGE),
  SUPERBLOCK_HALF_LOST: warning(
    'It mounts, with no second copy of the superblock left: the next damage to it is final.',
    'Let a device write to it, or copy it to a new image.',
  ),
  SUPERBLOCK_MISPLACED: error(
    'Drivers take another entry for the root, and files before it are not shown.',
    NEW_IMAGE,
  ),
  UNSUPPORTED_VERSION: error(
    'Drivers of littlefs 2 refuse it, and what follows cannot be judged.',
    'Read it with the version that wrote it. Where that was 2.0 or 2.1, its superblock is damaged.',
  ),
  WRONG_GEOMETRY: error(
    'A device with another geometry than the superblock says refuses it.',
    'Give the block size and count that the device has; where they are right the superblock is damaged.',
  ),
  UNSUPPORTED_LIMIT: warning(
    'A driver that was built with a lower limit refuses to mount it; most have 255, 2147483647 and 1022.',
    'Build the driver with this limit, or copy the files to an image with a lower one.',
  ),
  IMAGE_TRUNCATED: error(
    'What lies in the missing blocks is lost; a device of this size refuses the image.',
    'Read the whole flash again. Else copy what can be read to a new image.',
  ),
  BLOCK_UNREADABLE: error('What the block holds is lost.', NEW_IMAGE),

  // Metadata pairs and their logs
  PAIR_OUT_OF_RANGE: error('What begins at that pair cannot be reached.', NEW_IMAGE),
  PAIR_LOST: error(
    'What the pair held is lost. Where it is on the list of pairs no device mounts the image.',
    NEW_IMAGE,
  ),
  NEWER_HALF_LOST: warning(
    'An older state is in force. A power cut while the block was written leaves this too, and then nothing is lost.',
    'Look at the files of this directory: `caravan log` shows what each half holds.',
  ),
  REVISIONS_EQUAL: warning(
    'Which half is in force depends on the order in which the pair is named.',
    'Let a device write to this directory, or copy the image to a new one.',
  ),
  TORN_COMMIT: warning(
    'The change that it held is not there. A power cut leaves this, and then it was never done; damage does too, and then later changes of this block are lost with it.',
    'Look at the files of this directory. The next write to it puts the log right.',
  ),
  STALE_DAMAGE: {
    severity: 'note',
    consequence: 'None: a newer half is in force.',
    remedy: 'Nothing.',
  },
  COMMIT_OVERFULL: warning(
    'The pair can neither be compacted nor split: writing to it may end with "no space left".',
    'Remove an entry of this directory, or copy the image to a new one.',
  ),
  FORWARD_CRC_MISMATCH: warning(
    'A commit was begun behind the last one and did not end, as a power cut leaves it.',
    NEXT_WRITE,
  ),
  FORWARD_CRC_MALFORMED: error(
    'A driver cannot tell whether it may append to this log.',
    'Copy the image to a new one: its writer is at fault, or the log was changed by hand.',
  ),
  FORWARD_CRC_UNEXPECTED: warning(
    'Drivers of version 2.0 do not know the tag.',
    'Nothing for drivers of 2.1. Else copy the image to a new one of version 2.0.',
  ),
  UNKNOWN_TAG: error('Drivers ignore what it says, or stop at it.', NEW_IMAGE),
  MALFORMED_TAG: error('Drivers read another thing out of it than was meant.', NEW_IMAGE),
  ID_OUT_OF_RANGE: error('Entries of this directory may be lost or mixed up.', NEW_IMAGE),
  TOO_MANY_IDS: error('Drivers cannot add to this directory.', NEW_IMAGE),

  // Entries
  NAME_MISSING: error('The entry is not shown: what it held cannot be reached.', NEW_IMAGE),
  NAME_TWICE: error(
    'An entry was renamed in a way that no writer does: another is overwritten.',
    NEW_IMAGE,
  ),
  NAME_LATE: warning('Drivers may lose what stood before the name.', NEW_IMAGE),
  NAME_TOO_LONG: error(
    'Drivers cut the name in listings and do not find it whole.',
    'Copy it under another name, or to an image with a larger limit.',
  ),
  NAME_INVALID: error(
    'No path leads to it: it can be listed and not opened.',
    '`caravan extract` reads it; store it under another name.',
  ),
  NAME_OUT_OF_ORDER: error(
    'Drivers do not find it: a lookup ends at the first greater name.',
    NEW_IMAGE,
  ),
  NAME_DUPLICATE: error(
    'A path leads to one of the two only.',
    '`caravan extract` shows both; store one under another name.',
  ),
  UNKNOWN_ENTRY_TYPE: error(
    'Drivers list it and cannot open it.',
    'Remove it, or copy the rest to a new image.',
  ),
  STRUCT_MISSING: error('The entry has no content and is not shown.', NEW_IMAGE),
  WRONG_STRUCT: error('The entry cannot be opened.', NEW_IMAGE),
  INLINE_TOO_LARGE: warning(
    'A device whose cache is smaller reads the file and cannot rewrite it.',
    'Write the file anew with the cache size of the device (--cache-size).',
  ),
  ATTRIBUTE_TOO_LARGE: warning('Drivers cut the attribute at the limit.', 'Set it anew, shorter.'),
  FILE_TOO_LARGE: error('Drivers take its size for an error.', NEW_IMAGE),

  // Data
  IMPOSSIBLE_SIZE: error(LOSES_FILE, NEW_IMAGE),
  FILE_BLOCK_OUT_OF_RANGE: error(LOSES_FILE, NEW_IMAGE),
  WRONG_POINTER: error(
    'The file reads differently from where one begins, or not at all.',
    NEW_IMAGE,
  ),
  BLOCK_USED_TWICE: error(
    'At least one of the two does not hold what it should, and a write to one destroys the other.',
    NEW_IMAGE,
  ),

  // The list of pairs and the tree
  TAIL_CYCLE: error('No device mounts it.', NEW_IMAGE),
  WRONG_TAIL_KIND: error('A directory is taken for the continuation of another.', NEW_IMAGE),
  DIRECTORY_SHARED: error(
    'Two paths lead to the same entries, or a directory into itself: a change under one changes the other.',
    NEW_IMAGE,
  ),
  NOT_THREADED: error(
    'Drivers take the blocks of this directory, and of all in it, for free: the next writes destroy it.',
    `Do not let a device write to it. ${NEW_IMAGE}`,
  ),
  HALF_ORPHAN: warning(
    'A pair was moving when the power went: tree and list name different blocks of it.',
    NEXT_WRITE,
  ),
  HALF_ORPHAN_UNANNOUNCED: error(
    'Tree and list name different blocks of a pair, and no driver will look for it.',
    NEW_IMAGE,
  ),
  ORPHAN: warning(
    'A directory was being made or removed when the power went. It is not shown, and takes space.',
    NEXT_WRITE,
  ),
  ORPHAN_UNANNOUNCED: error(
    'A directory that no path leads to: damage took its entry, and it takes space for ever.',
    'Look into it with `caravan dump`; copy the image to a new one to gain the space.',
  ),

  // Global state
  MALFORMED_STATE: error('Drivers may stop when they write, or remove another entry.', NEW_IMAGE),
  ORPHANS_ANNOUNCED: warning(
    'The next writer looks through the whole tree for directories that are half made.',
    NEXT_WRITE,
  ),
  MOVE_PENDING: warning(
    'A rename was between its two steps when the power went. The new name shows; the old one is hidden.',
    NEXT_WRITE,
  ),
  MOVE_TARGET_MISSING: error(
    'The C library deletes whatever entry it then finds by that number.',
    `Do not let a device write to it. ${NEW_IMAGE}`,
  ),

  // What a device would make of it, where one is named
  DEVICE_REFUSES_VERSION: error(
    'The device does not mount it; many format it then, and all is lost.',
    'Take it down with `caravan upgrade --disk-version 2.0`, or make a new image with `caravan create --profile`. Where the device takes littlefs 1 no image of littlefs 2 will do.',
  ),
  DEVICE_REFUSES_BLOCK_SIZE: error(
    'The device does not mount it; many format it then, and all is lost.',
    'Make a new image with `caravan create --profile`.',
  ),
  DEVICE_REFUSES_LIMIT: error(
    'The device does not mount it; many format it then, and all is lost.',
    'Make a new image with `caravan create --profile`, or build the driver with that limit.',
  ),
  DEVICE_RAISES_VERSION: {
    severity: 'note',
    consequence: 'The first write of the device raises the version: older drivers refuse it then.',
    remedy: 'Nothing. `caravan upgrade --disk-version 2.0` takes it back.',
  },
} as const satisfies Readonly<Record<string, Meaning>>

export type FindingCode = keyof typeof MEANINGS

/** Every code with what it means, in the order of the documentation. */
export const FINDING_MEANINGS: Readonly<Record<FindingCode, Meaning>> = MEANINGS

/** Where something was found. */
export interface Place {
  readonly block?: number
  readonly path?: string
}

export type Report = (code: FindingCode, what: string, place?: Place) => void

export function finding(code: FindingCode, what: string, place?: Place): LittlefsFinding {
  return findingOf(FINDING_MEANINGS[code], code, what, place)
}

/** What was found, told by what its code means. */
export function findingOf<Code extends string>(
  { severity, consequence, remedy }: Meaning,
  code: Code,
  what: string,
  { block, path }: Place = {},
) {
  return {
    severity,
    code,
    ...(block === undefined ? {} : { block }),
    ...(path === undefined ? {} : { path }),
    what,
    consequence,
    remedy,
  }
}
