/**
 * Findings in a littlefs 1, by code: those of littlefs 2 where they mean the same, and its own.
 * docs/findings.md has them all.
 */

import type { Finding } from '@caravan/core'
import {
  FINDING_MEANINGS,
  type FindingCode,
  findingOf,
  type Meaning,
  type Place,
} from '../../check/findings.js'

const NEW_IMAGE = 'Copy what can be read to a littlefs 2: `caravan migrate IMAGE NEW`.'
const NEXT_WRITE = 'Nothing: the first write of a device puts it right, and so does a migration.'

/** What a code means here, where that is not what it means in a littlefs 2. */
const MEANINGS = {
  OLD_SUPERBLOCK_TYPE: {
    severity: 'error',
    consequence:
      'Library v1.0 wrote it; the first write of a later one takes the root for a directory that was removed, and loses all of it.',
    remedy: `Do not let a device write to it. ${NEW_IMAGE}`,
  },
  TAIL_CYCLE: {
    severity: 'error',
    consequence: 'It can be read; a device that writes follows the list for ever.',
    remedy: NEW_IMAGE,
  },
  LIST_BROKEN: {
    severity: 'error',
    consequence: 'It can be read as far as no rename was interrupted; no device can write to it.',
    remedy: NEW_IMAGE,
  },
  NEWER_HALF_LOST: {
    severity: 'warning',
    consequence:
      'An older state is in force. A power cut while the block was written leaves this, and then nothing is lost.',
    remedy: 'Look at the files of this directory. The next write to it puts it right.',
  },
  SUPERBLOCK_HALF_LOST: {
    severity: 'warning',
    consequence: 'It mounts, with no second copy of the superblock left.',
    remedy: NEW_IMAGE,
  },
  ENTRY_OVERRUN: {
    severity: 'error',
    consequence:
      'This entry and those behind it in the block are lost; a device reads on beyond the end.',
    remedy: NEW_IMAGE,
  },
  UNKNOWN_ENTRY_TYPE: {
    severity: 'warning',
    consequence: 'It is not shown, and its blocks stay in use.',
    remedy: NEW_IMAGE,
  },
  NOT_THREADED: {
    severity: 'error',
    consequence: 'Devices take the blocks of this directory for free: the next writes destroy it.',
    remedy: `Do not let a device write to it. ${NEW_IMAGE}`,
  },
  HALF_ORPHAN: {
    severity: 'warning',
    consequence:
      'A pair was moving when the power went: tree and list name different blocks of it.',
    remedy: NEXT_WRITE,
  },
  ORPHAN: {
    severity: 'warning',
    consequence:
      'A directory that no path leads to takes space: a power cut leaves one, and the libraries of Adafruit leave many where they remove directories that are not empty.',
    remedy: 'Nothing: each first write after a mount gives one back, a migration all of them.',
  },
  MOVE_PENDING: {
    severity: 'warning',
    consequence:
      'A rename was between its steps when the power went, and the old name is hidden. Of an empty file the library cannot tell: it hides it while another one is there.',
    remedy: NEXT_WRITE,
  },
  MOVE_BEGUN: {
    severity: 'note',
    consequence: 'None: a rename failed, or was cut short before anything had changed.',
    remedy: 'Nothing.',
  },
} as const satisfies Readonly<Record<string, Meaning>>

export type Version1Code = keyof typeof MEANINGS

/** What is said of a littlefs 1 alone, or differently, for the documentation. */
export const VERSION1_MEANINGS: Readonly<Record<Version1Code, Meaning>> = MEANINGS

export interface Version1Finding extends Finding {
  readonly code: FindingCode | Version1Code
  readonly consequence: string
  readonly remedy: string
}

export type Version1Report = (code: FindingCode | Version1Code, what: string, place?: Place) => void

const ALL_MEANINGS: Readonly<Record<FindingCode | Version1Code, Meaning>> = {
  ...FINDING_MEANINGS,
  ...MEANINGS,
}

export function version1Finding(
  code: FindingCode | Version1Code,
  what: string,
  place?: Place,
): Version1Finding {
  return findingOf(ALL_MEANINGS[code], code, what, place)
}
