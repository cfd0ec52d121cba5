/** Operations carried out on a real filesystem, by its synchronous calls or its promises. */

import { DONE, type OpenMode, type Operation, type Outcome } from './operation.js'
import { contentOf } from './random.js'

type Origin = 'start' | 'current' | 'end'

export interface HandleUnderTest {
  readonly size: number
  readonly position: number
  seek(offset: number, origin: Origin): number
  read(target: Uint8Array): Promise<number>
  write(data: Uint8Array): Promise<number>
  truncate(size: number): Promise<void>
  sync(): Promise<void>
  close(): Promise<void>
  readSync(target: Uint8Array): number
  writeSync(data: Uint8Array): number
  truncateSync(size: number): void
  syncSync(): void
  closeSync(): void
}

export interface FilesystemUnderTest<Handle extends HandleUnderTest = HandleUnderTest> {
  writeFile(path: string, data: Uint8Array): Promise<void>
  appendFile(path: string, data: Uint8Array): Promise<void>
  truncate(path: string, size: number): Promise<void>
  mkdir(path: string): Promise<void>
  remove(path: string): Promise<void>
  rm(path: string, options: { recursive: boolean }): Promise<void>
  rename(from: string, to: string): Promise<void>
  setAttribute(path: string, type: number, value: Uint8Array): Promise<void>
  removeAttribute(path: string, type: number): Promise<void>
  open(path: string, mode: OpenMode): Promise<Handle>
  gc(): Promise<void>
  makeConsistent(): Promise<void>
  writeFileSync(path: string, data: Uint8Array): void
  appendFileSync(path: string, data: Uint8Array): void
  truncateSync(path: string, size: number): void
  mkdirSync(path: string): void
  removeSync(path: string): void
  rmSync(path: string, options: { recursive: boolean }): void
  renameSync(from: string, to: string): void
  setAttributeSync(path: string, type: number, value: Uint8Array): void
  removeAttributeSync(path: string, type: number): void
  openSync(path: string, mode: OpenMode): Handle
  gcSync(): void
  makeConsistentSync(): void
}

/**
 * Carries out an operation at once. Only errors that `codeOf` knows are outcomes; others are thrown.
 *
 * `remount` only forgets the handles: mounting again is for the caller.
 */
export function performSync(
  fs: FilesystemUnderTest,
  handles: Map<number, HandleUnderTest>,
  operation: Operation,
  codeOf: (error: unknown) => string | undefined,
): Outcome {
  try {
    return doSync(fs, handles, operation)
  } catch (error) {
    const code = codeOf(error)
    if (code === undefined) throw error
    return { error: code }
  }
}

/** The same by the promise forms; operations may be started before others have ended. */
export async function perform(
  fs: FilesystemUnderTest,
  handles: Map<number, HandleUnderTest>,
  operation: Operation,
  codeOf: (error: unknown) => string | undefined,
): Promise<Outcome> {
  try {
    return await doAsync(fs, handles, operation)
  } catch (error) {
    const code = codeOf(error)
    if (code === undefined) throw error
    return { error: code }
  }
}

function doSync(
  fs: FilesystemUnderTest,
  handles: Map<number, HandleUnderTest>,
  operation: Operation,
): Outcome {
  switch (operation.do) {
    case 'writeFile':
    case 'appendFile':
      fs[`${operation.do}Sync`](operation.path, bytesOf(operation))
      return DONE
    case 'truncateFile':
      fs.truncateSync(operation.path, operation.size)
      return DONE
    case 'mkdir':
    case 'remove':
      fs[`${operation.do}Sync`](operation.path)
      return DONE
    case 'removeTree':
      fs.rmSync(operation.path, { recursive: true })
      return DONE
    case 'rename':
      fs.renameSync(operation.path, operation.to)
      return DONE
    case 'setAttribute':
      fs.setAttributeSync(operation.path, operation.type, bytesOf(operation))
      return DONE
    case 'removeAttribute':
      fs.removeAttributeSync(operation.path, operation.type)
      return DONE
    case 'gc':
    case 'makeConsistent':
      fs[`${operation.do}Sync`]()
      return DONE
    case 'remount':
      handles.clear()
      return DONE
    case 'open': {
      const handle = fs.openSync(operation.path, operation.mode)
      handles.set(operation.slot, handle)
      return stateOf(handle)
    }
    default: {
      const handle = handles.get(operation.slot)
      if (handle === undefined) return DONE
      switch (operation.do) {
        case 'read': {
          const target = new Uint8Array(operation.size)
          const count = handle.readSync(target)
          return { bytes: target.subarray(0, count), ...stateOf(handle) }
        }
        case 'write':
          handle.writeSync(bytesOf(operation))
          return stateOf(handle)
        case 'seek':
          handle.seek(operation.offset, operation.origin)
          return stateOf(handle)
        case 'truncate':
          handle.truncateSync(operation.size)
          return stateOf(handle)
        case 'sync':
          handle.syncSync()
          return stateOf(handle)
        case 'close':
          handles.delete(operation.slot)
          handle.closeSync()
          return DONE
      }
    }
  }
}

async function doAsync(
  fs: FilesystemUnderTest,
  handles: Map<number, HandleUnderTest>,
  operation: Operation,
): Promise<Outcome> {
  switch (operation.do) {
    case 'writeFile':
    case 'appendFile':
      await fs[operation.do](operation.path, bytesOf(operation))
      return DONE
    case 'truncateFile':
      await fs.truncate(operation.path, operation.size)
      return DONE
    case 'mkdir':
    case 'remove':
      await fs[operation.do](operation.path)
      return DONE
    case 'removeTree':
      await fs.rm(operation.path, { recursive: true })
      return DONE
    case 'rename':
      await fs.rename(operation.path, operation.to)
      return DONE
    case 'setAttribute':
      await fs.setAttribute(operation.path, operation.type, bytesOf(operation))
      return DONE
    case 'removeAttribute':
      await fs.removeAttribute(operation.path, operation.type)
      return DONE
    case 'gc':
    case 'makeConsistent':
      await fs[operation.do]()
      return DONE
    case 'remount':
      handles.clear()
      return DONE
    case 'open': {
      const handle = await fs.open(operation.path, operation.mode)
      handles.set(operation.slot, handle)
      return stateOf(handle)
    }
    default: {
      const handle = handles.get(operation.slot)
      if (handle === undefined) return DONE
      switch (operation.do) {
        case 'read': {
          const target = new Uint8Array(operation.size)
          const count = await handle.read(target)
          return { bytes: target.subarray(0, count), ...stateOf(handle) }
        }
        case 'write':
          await handle.write(bytesOf(operation))
          return stateOf(handle)
        case 'seek':
          handle.seek(operation.offset, operation.origin)
          return stateOf(handle)
        case 'truncate':
          await handle.truncate(operation.size)
          return stateOf(handle)
        case 'sync':
          await handle.sync()
          return stateOf(handle)
        case 'close':
          handles.delete(operation.slot)
          await handle.close()
          return DONE
      }
    }
  }
}

function bytesOf(operation: Extract<Operation, { content: unknown }>): Uint8Array {
  return contentOf(operation.content.seed, operation.content.size)
}

function stateOf(handle: HandleUnderTest): Outcome {
  return { size: handle.size, position: handle.position }
}
