/**
 * One change through a face, cut at every request: what a new mount shows must be as before it or as
 * after it; where it goes in steps, each path for itself.
 */

import { LittleFS, type LittleFSOptions } from '@caravan/littlefs'
import {
  CrashDevice,
  checkLittlefs,
  cutsInOrder,
  cutsOutOfOrder,
  type Random,
} from '@caravan/testkit'
import type { Place } from './crash-kinds.js'
import { Broken, type CrashCounts, isStrict } from './crash-run.js'
import { checkOptions, mountOptions } from './model-run.js'

/** Of the device, beyond the filesystem: for it to grow into. */
export const SPARE_BLOCKS = 2

/** What a face shows, by paths; the parts of it that must hang together are one string. */
export type Seen = ReadonlyMap<string, string>

export interface FaceInUse {
  prepare(): void
  look(): Seen
  /** A change and its undoing, as ordinary use after a power cut. */
  use(): void
}

export interface FaceChange<Face extends FaceInUse> {
  readonly name: string
  readonly change: (face: Face) => void
  /** What is done before it, and not cut. */
  readonly first?: (face: Face) => void
  /** It changes the disk version: logs from before need no forward CRC. */
  readonly changesVersion?: boolean
  /** It goes in steps, and each path is as before or as after it. Default: all at once. */
  readonly inSteps?: boolean
}

/**
 * @param mount gives the face; the day is that of the times it writes.
 * @returns what is wrong with the first bad state, or undefined.
 */
export function cutChange<Face extends FaceInUse>(
  mount: (device: CrashDevice, options: LittleFSOptions, day: number) => Face,
  { change, first, inSteps = false, changesVersion = false }: FaceChange<Face>,
  { setup }: Place,
  random: Random,
  counts: CrashCounts,
): string | undefined {
  const device = new CrashDevice(setup)
  const options = mountOptions(setup)
  const blockCount = setup.blockCount - SPARE_BLOCKS
  LittleFS.formatSync(device, { ...options, blockCount, diskVersion: setup.diskVersion })
  mount(device, options, 1).prepare()
  const writer = mount(device, options, 2)
  first?.(writer)
  const before = writer.look()
  device.startRecording()
  change(writer)
  const recording = device.stopRecording()
  const after = mount(device, { ...options, readOnly: true }, 3).look()
  if (isSame(before, after)) return 'the change changed nothing'

  const cutOptions = { geometry: setup, eraseValue: setup.eraseValue, random }
  for (const cuts of [cutsInOrder, cutsOutOfOrder]) {
    for (const cut of cuts(recording, cutOptions)) {
      counts.states++
      if (cuts === cutsOutOfOrder) counts.subsets++
      const isDone = cut.answered === recording.requests.length
      try {
        const strict = isStrict(setup, cut)
        const reborn = new CrashDevice({ ...setup, strict, state: cut.state })
        const seen = mount(reborn, { ...options, readOnly: true }, 3).look()
        const isFine = isDone
          ? isSame(seen, after)
          : inSteps
            ? isBetween(seen, before, after)
            : isSame(seen, before) || isSame(seen, after)
        if (!isFine) throw new Broken(`neither old nor new:\n${[...seen].join('\n')}`)
        mount(reborn, options, 4).use()
        const later = mount(reborn, { ...options, readOnly: true }, 5).look()
        if (!isSame(later, seen)) throw new Broken('ordinary use has changed something else')
        const findings = checkLittlefs(reborn.bytes, {
          ...checkOptions(setup),
          allowTornCommits: true,
          ...(changesVersion ? { allowMissingForwardCrc: true } : {}),
        }).filter(({ code }) => code !== 'gstate-orphans')
        if (findings.length > 0) throw new Broken(findings.map((each) => each.message).join('; '))
      } catch (error) {
        return `${cut.label}: ${error instanceof Broken ? error.message : (error as Error).stack}`
      }
    }
  }
  return undefined
}

function isSame(a: Seen, b: Seen): boolean {
  return a.size === b.size && [...a].every(([path, what]) => b.get(path) === what)
}

/** True where each path is as before or as after. */
function isBetween(seen: Seen, before: Seen, after: Seen): boolean {
  const paths = new Set([...seen.keys(), ...before.keys(), ...after.keys()])
  return [...paths].every((path) => {
    const what = seen.get(path)
    return what === before.get(path) || what === after.get(path)
  })
}
