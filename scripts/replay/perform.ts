/** Does recorded operations on our engine, and gives their results as the recordings hold them. */

import { createHash } from 'node:crypto'
import { type BlockDevice, FsError } from '@caravan/core'
import type { FormatOptions, MountOptions } from '@caravan/littlefs'
import type { Mode } from '../golden/littlefs/mode.js'
import { format, type Handle, mountVolume, type Volume } from './adapter.js'
import { generateBytes } from './bytes.js'
import type { Operation } from './language.js'

/** What an operation gives; `undefined` where it gives nothing. */
export type Result = string | string[] | Readonly<Record<string, string | number>> | undefined

const TYPES = { file: 'reg', directory: 'dir', other: 'other' } as const

/** A device, the filesystem on it while it is mounted, and the handles that are open. */
export class Performer {
  private mounted: Volume | undefined
  private readonly handles = new Map<number, Handle>()

  constructor(
    private readonly mode: Mode,
    private readonly device: BlockDevice,
    private readonly formatOptions: FormatOptions,
    private readonly mountOptions: MountOptions,
  ) {}

  get volume(): Volume {
    if (this.mounted === undefined) throw new Error('the recording uses an unmounted filesystem')
    return this.mounted
  }

  /** @throws What the engine throws. */
  async perform(operation: Operation): Promise<Result> {
    switch (operation.kind) {
      case 'format':
        await format(this.mode, this.device, this.formatOptions)
        return undefined
      case 'mount':
        this.mounted = await mountVolume(this.mode, this.device, this.mountOptions)
        return undefined
      case 'unmount':
        await this.unmount()
        return undefined
      case 'gc':
        return void (await this.volume.gc())
      case 'mkconsistent':
        return void (await this.volume.makeConsistent())
      case 'grow':
        return void (await this.volume.grow(operation.blockCount))
      case 'open':
      case 'hwrite':
      case 'hread':
      case 'hseek':
      case 'htruncate':
      case 'hsync':
      case 'hsize':
      case 'hclose':
        return this.performOnHandle(operation)
      default:
        return this.performOnPath(operation)
    }
  }

  /** Handles that are still open are dropped, as the reference does. */
  private async unmount(): Promise<void> {
    await this.volume.unmount()
    this.handles.clear()
    this.mounted = undefined
  }

  private async performOnPath(operation: Extract<Operation, { path: string }>): Promise<Result> {
    const { volume } = this
    const { path } = operation
    switch (operation.kind) {
      case 'mkdir':
        return void (await volume.mkdir(path))
      case 'remove':
        return void (await volume.remove(path))
      case 'rename':
        return void (await volume.rename(path, operation.to))
      case 'setattr':
        return void (await volume.setAttribute(path, operation.type, operation.bytes))
      case 'rmattr':
        return void (await volume.removeAttribute(path, operation.type))
      case 'getattr':
        return Buffer.from(await volume.getAttribute(path, operation.type)).toString('hex')
      case 'statpath': {
        const { type, size } = await volume.stat(path)
        return { name: lastName(path), type: TYPES[type], size: type === 'directory' ? 0 : size }
      }
      case 'lsorder':
        return ['.', '..', ...(await volume.readdir(path))]
      case 'write':
        return this.writeFile(path, 'wct', generateBytes(operation.seed, operation.size))
      case 'writehex':
        return this.writeFile(path, 'wct', operation.bytes)
      case 'append':
        return this.writeFile(path, 'wca', generateBytes(operation.seed, operation.size))
      case 'writeat': {
        const bytes = generateBytes(operation.seed, operation.size)
        return this.withFile(path, 'wc', async (handle) => {
          const refused = await seekAsFarAsItGoes(handle, operation.offset)
          await handle.write(bytes)
          if (refused !== undefined) throw refused
          return undefined
        })
      }
      case 'truncate':
        return this.withFile(
          path,
          'w',
          async (handle) => void (await handle.truncate(operation.size)),
        )
      case 'read':
        return this.withFile(path, 'r', async (handle) => {
          await seekAsFarAsItGoes(handle, operation.offset)
          return readResult(await handle.read(operation.size))
        })
      default:
        throw new Error(`${operation.kind} is no operation on a path`)
    }
  }

  private async performOnHandle(
    operation: Extract<Operation, { handle: number }>,
  ): Promise<Result> {
    if (operation.kind === 'open') {
      const handle = await this.volume.open(operation.path, operation.flags)
      this.handles.set(operation.handle, handle)
      return undefined
    }
    const handle = this.handles.get(operation.handle)
    if (handle === undefined)
      throw new Error(`the recording uses handle ${operation.handle} unopened`)
    switch (operation.kind) {
      case 'hwrite':
        return void (await handle.write(generateBytes(operation.seed, operation.size)))
      case 'hread':
        return readResult(await handle.read(operation.size))
      case 'hseek':
        return { pos: await handle.seek(operation.offset, operation.whence) }
      case 'htruncate':
        return void (await handle.truncate(operation.size))
      case 'hsync':
        return void (await handle.sync())
      case 'hsize':
        return { size: await handle.size() }
      case 'hclose':
        // Gone even where closing fails.
        this.handles.delete(operation.handle)
        return void (await handle.close())
    }
  }

  private writeFile(path: string, flags: string, bytes: Uint8Array): Promise<Result> {
    return this.withFile(path, flags, async (handle) => void (await handle.write(bytes)))
  }

  /** Opens, does, closes; the first failure is the result. */
  private async withFile(
    path: string,
    flags: string,
    use: (handle: Handle) => Promise<Result>,
  ): Promise<Result> {
    const handle = await this.volume.open(path, flags)
    let result: Result
    try {
      result = await use(handle)
    } catch (error) {
      await handle.close().catch(() => {})
      throw error
    }
    await handle.close()
    return result
  }
}

function readResult(bytes: Uint8Array): Result {
  return { n: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') }
}

/** The name a path ends in, `.` and `..` resolved as text; `/` for the root. */
export function lastName(path: string): string {
  const names: string[] = []
  for (const name of path.split('/')) {
    if (name === '..') names.pop()
    else if (name !== '' && name !== '.') names.push(name)
  }
  return names.at(-1) ?? '/'
}

/**
 * The recorder went on after a seek beyond the largest file, from the beginning, and told of it only
 * where what came next did not fail.
 */
async function seekAsFarAsItGoes(handle: Handle, offset: number): Promise<FsError | undefined> {
  try {
    await handle.seek(offset, 'set')
    return undefined
  } catch (error) {
    if (error instanceof FsError && error.code === 'EINVAL') return error
    throw error
  }
}
