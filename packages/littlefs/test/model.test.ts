import { ReferenceFS } from '@caravan/littlefs'
import {
  CrashDevice,
  checkLittlefs,
  nextTurn,
  type Operation,
  Random,
  seedFromEnvironment,
  shrinkList,
} from '@caravan/testkit'
import { describe, expect, it } from 'vitest'
import { drawSetup, type Failure, runModel, type Setup } from './model-run.js'

/** The failure of the shortest list of operations that still fails in the same way. */
function shrunk(setup: Setup, failure: Failure): Failure {
  const kind = ({ what }: Failure) => what.split('\n')[0]?.replace(/\d+/g, '#').slice(0, 40)
  const operations = shrinkList<Operation>(failure.operations, (shorter) => {
    const again = runModel(setup, shorter)
    return again !== undefined && kind(again) === kind(failure)
  })
  return runModel(setup, operations) ?? failure
}

describe('random operations against a model', () => {
  it('every outcome, the tree, the space and the image itself, on random geometry', {
    timeout: 3_600_000,
  }, async () => {
    const { seed, runs } = seedFromEnvironment(150)
    for (let run = 0; run < runs; run++) {
      await nextTurn()
      const random = new Random(seed + run)
      const setup = drawSetup(random)
      const failure = runModel(setup, { random, count: 70 })
      if (failure === undefined) continue
      const { what, operations } = shrunk(setup, failure)
      const lines = operations.map((operation) => JSON.stringify(operation)).join('\n')
      const replay = `CARAVAN_SEED=${seed + run} CARAVAN_RUNS=1`
      expect.fail(`${replay}: ${what}\n${JSON.stringify(setup)}\n${lines}`)
    }
  })
})

describe('stories', () => {
  const setup: Setup = {
    blockSize: 512,
    blockCount: 64,
    readSize: 16,
    progSize: 16,
    eraseValue: 0xff,
    diskVersion: '2.1',
    blockCycles: -1,
    inlineMax: 64,
    metadataMax: 512,
    nameMax: 255,
    fileMax: 2147483647,
    attrMax: 1022,
  }
  const content = (size: number) => ({ seed: size, size })
  const expectSound = (story: Partial<Setup>, operations: readonly Operation[]) => {
    expect(runModel({ ...setup, ...story }, operations)).toBeUndefined()
  }

  it('files renamed to a directory below and back, while its pairs move (upstream issue #949)', () => {
    // The destination relocates while the source is its predecessor on the list, and what is moved
    // is the source's only entry: the reference drops the source, and then looks for it in vain.
    for (const blockCycles of [1, 2, 5]) {
      const device = new CrashDevice(setup)
      ReferenceFS.formatSync(device, { blockCycles })
      const fs = ReferenceFS.mountSync(device, { blockCycles })
      fs.mkdirSync('/one')
      fs.mkdirSync('/two')
      fs.mkdirSync('/two/deep')
      const bytes = (i: number) => new Uint8Array(9 * i).fill(0x61 + i)
      for (let i = 0; i < 5; i++) fs.writeFileSync(`/one/m${i}`, bytes(i))
      for (let round = 0; round < 40; round++) {
        for (let i = 0; i < 5; i++) {
          fs.renameSync(`/one/m${i}`, `/two/deep/n${i}`)
          expect(fs.readFileSync(`/two/deep/n${i}`)).toEqual(bytes(i))
        }
        expect(fs.readdirSync('/one')).toEqual([])
        for (let i = 0; i < 5; i++) fs.renameSync(`/two/deep/n${i}`, `/one/m${i}`)
        expect(fs.readdirSync('/two/deep')).toEqual([])
        const findings = checkLittlefs(device.bytes, {
          blockSize: 512,
          progSize: 16,
          eraseValue: 0xff,
          allowOrphans: true,
        })
        expect(findings.filter(({ code }) => code !== 'gstate-orphans')).toEqual([])
      }
      const again = ReferenceFS.mountSync(device)
      for (let i = 0; i < 5; i++) expect(again.readFileSync(`/one/m${i}`)).toEqual(bytes(i))
    }
  })

  it('appending to a missing file without space leaves no empty one', () => {
    expectSound({ blockCount: 6 }, [
      { do: 'appendFile', path: '/new', content: content(5000) },
      { do: 'remount' },
    ])
  })

  it('a version that keeps blocks of one that was replaced meanwhile still has them later', () => {
    expectSound({ blockSize: 4096, blockCount: 7, inlineMax: 0, metadataMax: 4096 }, [
      { do: 'writeFile', path: '/a', content: content(12287) },
      { do: 'open', slot: 1, path: '/a', mode: { write: true } },
      { do: 'writeFile', path: '/a', content: content(0) },
      { do: 'write', slot: 1, content: content(1) },
      { do: 'close', slot: 1 },
      { do: 'appendFile', path: '/a', content: content(4096) },
    ])
  })

  it('blocks of a removed file are not reused twice after its handle closes', () => {
    expectSound({ blockSize: 4096, blockCount: 8, metadataMax: 4096 }, [
      { do: 'open', slot: 0, path: '/gone', mode: { write: true, create: true } },
      { do: 'writeFile', path: '/gone', content: content(16000) },
      { do: 'remove', path: '/gone' },
      { do: 'remove', path: '/' },
      { do: 'mkdir', path: '/dir' },
      { do: 'writeFile', path: '/other', content: content(6000) },
      { do: 'close', slot: 0 },
      { do: 'writeFile', path: '/dir/file', content: content(6000) },
    ])
  })

  it('a read that has no space to save what waits loses it, and says so', () => {
    expectSound({ blockSize: 1024, blockCount: 11, inlineMax: 0, metadataMax: 1024 }, [
      { do: 'writeFile', path: '/Z', content: content(12) },
      { do: 'open', slot: 0, path: '/Z', mode: { read: true, write: true, truncate: true } },
      { do: 'writeFile', path: '/dir', content: content(3072) },
      { do: 'writeFile', path: '/Z', content: content(2707) },
      { do: 'write', slot: 0, content: content(2048) },
      { do: 'read', slot: 0, size: 1025 },
      { do: 'sync', slot: 0 },
      { do: 'close', slot: 0 },
    ])
  })

  it('a directory with large attributes can always be emptied and removed', () => {
    const path = '/a/a-name-of-32-bytes-for-a-change-'
    expectSound(
      {
        blockSize: 256,
        blockCount: 181,
        blockCycles: 1,
        metadataMax: 128,
        progSize: 1,
        inlineMax: 16,
      },
      [
        { do: 'mkdir', path: '/a' },
        { do: 'mkdir', path },
        { do: 'writeFile', path: `${path}/dir`, content: content(69) },
        { do: 'setAttribute', path, type: 64, content: content(24) },
        { do: 'setAttribute', path, type: 0, content: content(20) },
        { do: 'mkdir', path: `${path}/sub` },
      ],
    )
  })
})
