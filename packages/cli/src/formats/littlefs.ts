/** littlefs, and as a key-value store also chamelon's dialect of it. */

import { createHash } from 'node:crypto'
import { isLittlefs3 } from '@caravan/container'
import type { BlockDevice, Finding, Severity } from '@caravan/core'
import {
  type BlockUse as BlockUseFound,
  ChamelonVolume,
  check,
  type DeviceProfile,
  LittleFS,
  LittleFS1,
  timedEntry,
} from '@caravan/littlefs'
import { UsageError } from '../errors.js'
import { given } from '../geometry.js'
import { modificationTime } from '../modification-time.js'
import { enginePath } from '../paths.js'
import { CONFIG_OPTION, PROFILE_OPTION, profileOf } from '../profiles.js'
import { formatCount } from '../sizes.js'
import { typeAt } from '../targets.js'
import { AT_OPTION } from './at-option.js'
import type {
  AttributeCalls,
  BlockLook,
  BlockMapCalls,
  BlockUse,
  CheckReport,
  DiskVersionCalls,
  ImageFormat,
  ImageOptions,
  MountedImage,
  NewEntry,
  OpenStore,
} from './format.js'
import { littlefsCloning } from './littlefs-cloning.js'
import { describeLittlefs } from './littlefs-description.js'
import { dumpLittlefs, logLittlefs } from './littlefs-inspection.js'
import { judgeImage, refuseUnmountable } from './littlefs-judgement.js'
import { keepsNoTimes, LITTLEFS_HOLDS, littlefsEntry, littlefsMaking } from './littlefs-making.js'
import {
  deviceWriter,
  LITTLEFS_WRITER_OPTIONS,
  NAME_MAX,
  type WriterOptions,
  writerOf,
} from './littlefs-options.js'
import {
  DANGLING_OPTION,
  locateLittlefs,
  planLittlefsRepair,
  recoverLittlefs,
  repairLittlefs,
  salvageLittlefs,
} from './littlefs-repair.js'
import { LittlefsTree } from './littlefs-tree.js'
import { readBytes } from './read-bytes.js'
import type { DefragReport, OnMoved, ShrinkPlan } from './sizes-calls.js'

/** Where the magic of the first superblock stands, in bytes. SPEC.md, "Metadata blocks". */
const MAGIC_OFFSET = 8
const MAGIC = 'littlefs'

const hash = () => createHash('sha256')

export const littlefs: ImageFormat = {
  name: 'littlefs',
  title: 'littlefs 2.0 and 2.1',
  versions: '2.0, 2.1: read, written',
  mark: 'littlefs superblock',
  advice: '--block-size sets the size of its blocks',
  openOptions: [AT_OPTION],
  judgingOptions: [PROFILE_OPTION, CONFIG_OPTION],
  writerOptions: LITTLEFS_WRITER_OPTIONS,
  writerDefaults: deviceWriter,
  logsPaths: true,
  log: logLittlefs,
  dump: dumpLittlefs,
  planRepair: planLittlefsRepair,
  repair: repairLittlefs,
  salvage: salvageLittlefs,
  recover: recoverLittlefs,
  locate: locateLittlefs,
  repairOptions: [DANGLING_OPTION],
  making: littlefsMaking,
  cloning: littlefsCloning,

  async recognise(device) {
    const head = await readBytes(device, 0, MAGIC_OFFSET + MAGIC.length)
    // Version 3 has its magic at the same place.
    if (isLittlefs3(head)) return false
    const magic = Buffer.from(head.subarray(MAGIC_OFFSET)).toString()
    // A migration that was cut short leaves it beside a littlefs 1 that is whole.
    return magic === MAGIC && !(await LittleFS1.recognises(device, false))
  },

  search: (device) => LittleFS.recognises(device),

  async check(device, options): Promise<CheckReport> {
    const { blockSize, blockCount } = options
    const judged = await judgeImage(device, options)
    const { findings, ...counts } = await check(device, given({ blockSize, blockCount }))
    const { pairCount, directoryCount, fileCount } = counts
    const summary = [
      formatCount(pairCount, 'metadata pair'),
      formatCount(directoryCount, 'directory'),
      formatCount(fileCount, 'file'),
    ]
    return { findings: bySeverity([...judged, ...findings]), summary: summary.join(', ') }
  },

  async open(part, options: LittlefsOptions, writable) {
    const device = writable ? profileOf(options) : undefined
    return new LittlefsImage(await mount(part, options, writable), device)
  },

  async openStore(device, options: LittlefsOptions, writable): Promise<OpenStore> {
    const sizes = given({ blockSize: options.blockSize })
    if (await ChamelonVolume.recognises(device, sizes)) {
      const store = await ChamelonVolume.mount(device, { ...sizes, hash })
      return { store, unmount: async () => {} }
    }
    const fs = await mount(device, options, writable)
    return { store: fs.keyValue({ hash }), unmount: () => fs.unmount() }
  },
}

interface LittlefsOptions extends ImageOptions, WriterOptions {
  readonly at?: string
}

async function mount(
  device: BlockDevice,
  options: LittlefsOptions,
  writable: boolean,
): Promise<LittleFS> {
  const { at, blockSize, blockCount } = options
  if (at !== undefined && writable) {
    throw new UsageError('--at shows an older state, which stays as it is. Leave it out to write.')
  }
  const fs = await LittleFS.mount(device, {
    readOnly: !writable,
    nameMax: NAME_MAX,
    ...(writable ? writerOf(options) : {}),
    ...given({ blockSize, blockCount, at: at === undefined ? undefined : asState(at) }),
    ...(writable ? given({ times: profileOf(options)?.times }) : {}),
  })
  if (writable) refuseUnmountable(fs.info(), options)
  return fs
}

/** @throws UsageError. */
function asState(at: string): number {
  const number = Number(at)
  if (Number.isSafeInteger(number) && number >= 1) return number
  throw new UsageError(`--at ${at}: the states of a littlefs go by number. caravan log lists them.`)
}

const SEVERITIES: readonly Severity[] = ['error', 'warning', 'note']

function bySeverity(findings: readonly Finding[]): Finding[] {
  return SEVERITIES.flatMap((each) => findings.filter(({ severity }) => severity === each))
}

const LOOKS: Readonly<Record<string, BlockLook>> = {
  active: { mark: '◆', ascii: 'M', colour: 'yellow', name: 'metadata, in force' },
  other: { mark: '◇', ascii: 'm', colour: 'magenta', name: 'metadata, other half' },
  data: { mark: '█', ascii: '#', colour: 'cyan', name: 'data', shaded: true },
}

class LittlefsImage implements MountedImage {
  readonly tree: LittlefsTree
  readonly holds = LITTLEFS_HOLDS
  readonly blockSize: number
  readonly blockCount: number
  readonly attributes: AttributeCalls
  readonly blockMap: BlockMapCalls
  readonly diskVersionCalls: DiskVersionCalls

  constructor(
    readonly fs: LittleFS,
    /** That the image is changed for. */
    private readonly device: DeviceProfile | undefined,
  ) {
    const { blockSize, blockCount } = fs.info()
    this.tree = new LittlefsTree(fs)
    this.blockSize = blockSize
    this.blockCount = blockCount
    this.attributes = {
      all: (path) => fs.getAttributes(enginePath(path)),
      get: (path, type) => fs.getAttribute(enginePath(path), type),
      set: (path, type, value) => fs.setAttribute(enginePath(path), type, value),
      remove: (path, type) => fs.removeAttribute(enginePath(path), type),
    }
    this.diskVersionCalls = {
      version: () => fs.info().diskVersion,
      change: (version) => fs.setDiskVersion(version),
    }
    this.blockMap = {
      looks: LOOKS,
      uses: async () => (await fs.blockUse()).map(blockUse),
    }
  }

  describe(options: ImageOptions) {
    return describeLittlefs(this.fs, options)
  }

  space() {
    return this.fs.df()
  }

  store() {
    return this.fs.keyValue({ hash })
  }

  addTree(entries: Iterable<NewEntry> | AsyncIterable<NewEntry>): Promise<void> {
    return this.fs.addTree(this.withOwnAttributes(entries))
  }

  /** A time is one attribute; the others of what is there already stay. */
  private async *withOwnAttributes(entries: Iterable<NewEntry> | AsyncIterable<NewEntry>) {
    for await (const entry of entries) {
      const image = littlefsEntry(entry)
      const { mtime, attributes, path } = image
      if (mtime !== undefined) this.checkTimes()
      const isChange = mtime !== undefined && attributes === undefined
      if (!isChange || (await typeAt(this.fs, entry.path)) === undefined) yield image
      else yield { ...image, attributes: await this.fs.getAttributes(path) }
    }
  }

  /** In the dialect of the image; where it has none in that which ESP-IDF and Arduino read. */
  async setModified(path: Uint8Array, seconds: number): Promise<void> {
    this.checkTimes()
    const { fs } = this
    const at = enginePath(path)
    await fs.utimes(at, seconds, seconds)
    const attributes = await fs.getAttributes(at)
    if (modificationTime(attributes)?.getTime() === seconds * 1000) return
    const timed = timedEntry({ path: at, mtime: seconds, attributes })
    for (const [type, value] of timed.attributes ?? []) {
      if (attributes.get(type) !== value) await fs.setAttribute(at, type, value)
    }
  }

  /** @throws UsageError for a device that would read no times. */
  private checkTimes(): void {
    if (this.device?.times === 'none') throw keepsNoTimes(this.device.title)
  }

  grow(blockCount: number): Promise<void> {
    return this.fs.grow(blockCount)
  }

  planShrink(blockCount?: number): Promise<ShrinkPlan> {
    return this.fs.planShrink(blockCount)
  }

  async shrink(blockCount: number, onMoved: OnMoved): Promise<void> {
    await this.fs.shrink(blockCount, { onMoved })
  }

  defrag(onMoved: OnMoved): Promise<DefragReport> {
    return this.fs.defrag({ onMoved })
  }

  unmount(): Promise<void> {
    return this.fs.unmount()
  }
}

function blockUse({ block, kind, active, path }: BlockUseFound): BlockUse {
  const look = kind === 'data' ? 'data' : active ? 'active' : 'other'
  return { block, look, path, json: { kind, ...(kind === 'metadata' ? { active } : {}) } }
}
