/** Reading never writes: not on a read-only mount, whatever is asked; not before the first change. */

import { type BlockDevice, CaravanError, DeviceError, type Span } from '@caravan/core'
import { MemoryDevice } from '@caravan/device'
import { describe, expect, it } from 'vitest'
import { ReferenceFS } from '../src/index.js'
import { deviceOf, goldenNames, manifestOf } from './golden-images.js'

/** Refuses to be written to, and remembers that it was asked. */
class WatchedDevice implements BlockDevice {
  readonly readOnly = false
  writeCount = 0

  constructor(private readonly device: BlockDevice) {}

  get geometry() {
    return this.device.geometry
  }
  read(spans: readonly Span[]) {
    return this.device.read(spans)
  }
  prog(): void {
    this.refuse('prog')
  }
  erase(): void {
    this.refuse('erase')
  }
  sync(): void {}
  close(): void {}
  private refuse(request: 'prog' | 'erase'): never {
    this.writeCount++
    throw new DeviceError('READ_ONLY', 'Nobody may write here.', { request })
  }
}

/** Everything that can be read, errors and all. */
function readAll(fs: ReferenceFS): void {
  const attempt = (call: () => unknown) => {
    try {
      call()
    } catch (error) {
      if (!(error instanceof CaravanError)) throw error
    }
  }
  for (const { path, pathBytes } of fs.walkSync()) {
    attempt(() => fs.readFileSync(pathBytes))
    attempt(() => fs.readdirSync(pathBytes, { recursive: true }))
    attempt(() => fs.statSync(path))
    attempt(() => fs.getAttributesSync(pathBytes))
    attempt(() => {
      const handle = fs.openSync(pathBytes)
      handle.readSync(new Uint8Array(700))
      handle.closeSync()
    })
  }
  attempt(() => fs.dfSync())
  attempt(() => fs.blockUseSync())
  attempt(() => fs.info())
}

const CHANGES: readonly ((fs: ReferenceFS) => unknown)[] = [
  (fs) => fs.writeFileSync('/new', 'x'),
  (fs) => fs.writeFileSync('/note', 'x'),
  (fs) => fs.appendFileSync('/note', 'x'),
  (fs) => fs.truncateSync('/note', 0),
  (fs) => fs.mkdirSync('/new'),
  (fs) => fs.mkdirSync('/new/er', { recursive: true }),
  (fs) => fs.removeSync('/note'),
  (fs) => fs.rmSync('/docs', { recursive: true }),
  (fs) => fs.renameSync('/note', '/other'),
  (fs) => fs.setAttributeSync('/note', 1, new Uint8Array(1)),
  (fs) => fs.removeAttributeSync('/note', 0x74),
  (fs) => fs.addTreeSync([{ path: '/new', data: 'x' }]),
  (fs) => fs.makeConsistentSync(),
  (fs) => fs.gcSync(),
  (fs) => fs.growSync(64),
  (fs) => fs.shrinkSync(3),
  (fs) => fs.openSync('/new', { write: true, create: true }),
  (fs) => fs.openSync('/note', { write: true, truncate: true }).closeSync(),
  (fs) => {
    const handle = fs.openSync('/note', { write: true })
    try {
      handle.writeSync(new Uint8Array(1))
    } finally {
      handle.closeSync()
    }
  },
]

describe('a read-only mount', () => {
  it('writes nothing, whatever is read of whatever image: all of them', () => {
    let mounted = 0
    for (const name of goldenNames) {
      const device = deviceOf(name)
      const before = device.bytes.slice()
      const watched = new WatchedDevice(device)
      try {
        const { blockSize } = manifestOf(name)
        readAll(ReferenceFS.mountSync(watched, { readOnly: true, blockSize }))
        mounted++
      } catch (error) {
        expect(error, name).toBeInstanceOf(CaravanError)
      }
      expect(watched.writeCount, name).toBe(0)
      expect(Buffer.compare(device.bytes, before), name).toBe(0)
    }
    expect(mounted).toBeGreaterThan(180)
  })

  it.each(['corrupt-none', 'corrupt-gstate-move-pending', 'diskver-2.0-mounted-by-2.1'])(
    'refuses every change with EROFS, and writes nothing: %s',
    (name) => {
      for (const change of CHANGES) {
        const device = deviceOf(name)
        const before = device.bytes.slice()
        const fs = ReferenceFS.mountSync(device, { readOnly: true })
        if (!fs.readdirSync('/').includes('note')) {
          // Without the file, what is asked of it fails before.
          expect(() => change(fs), String(change)).toThrow(expect.any(CaravanError))
        } else {
          expect(() => change(fs), String(change)).toThrow(
            expect.objectContaining({ name: 'FsError', code: 'EROFS' }),
          )
        }
        expect(Buffer.compare(device.bytes, before), String(change)).toBe(0)
      }
    },
  )

  it('is what a read-only device gets by itself', () => {
    const device = new MemoryDevice(deviceOf('corrupt-none').bytes, { readOnly: true })
    const fs = ReferenceFS.mountSync(device)
    expect(() => fs.writeFileSync('/new', 'x')).toThrow(expect.objectContaining({ code: 'EROFS' }))
    expect(fs.readFileSync('/note')).toHaveLength(13)
  })
})

describe('a writable mount', () => {
  it('writes nothing before the first change: all images', () => {
    for (const name of goldenNames) {
      const watched = new WatchedDevice(deviceOf(name))
      try {
        const fs = ReferenceFS.mountSync(watched, { blockSize: manifestOf(name).blockSize })
        readAll(fs)
        fs.unmountSync()
      } catch (error) {
        expect(error, name).toBeInstanceOf(CaravanError)
      }
      expect(watched.writeCount, name).toBe(0)
    }
  })
})
