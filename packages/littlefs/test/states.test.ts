/**
 * The story: a pair of metadata that had moved was written again before the list of pairs led to its
 * new place. States in which an operation did so, each as it was before it (gzip, base64).
 */

import { gunzipSync } from 'node:zlib'
import { ReferenceFS } from '@caravan/littlefs'
import {
  CrashDevice,
  checkLittlefs,
  cutsInOrder,
  cutsOutOfOrder,
  type Operation,
  performSync,
  Random,
} from '@caravan/testkit'
import { describe, expect, it } from 'vitest'
import { checkOptions, codeOf, mountOptions, type Setup, treeOf } from './model-run.js'
import told from './states.json' with { type: 'json' }

interface ToldState {
  readonly story: string
  readonly setup: Setup
  readonly operation: Operation
  readonly image: string
}

const states = told as unknown as readonly ToldState[]

describe('states in which an operation once went wrong', () => {
  it.each(states)('$story', ({ setup, operation, image }) => {
    const deviceOf = (bytes: Uint8Array) => {
      const { progSize } = setup
      const erased = new Uint8Array(bytes.length / progSize)
      return new CrashDevice({ ...setup, strict: false, state: { bytes, erased } })
    }
    const mount = (device: CrashDevice, readOnly = false) =>
      ReferenceFS.mountSync(device, { ...mountOptions(setup), readOnly })
    const device = deviceOf(new Uint8Array(gunzipSync(Buffer.from(image, 'base64'))))
    const before = treeOf(mount(device, true))
    const fs = mount(device)
    device.startRecording()
    expect(performSync(fs, new Map(), operation, codeOf).error).toBeUndefined()
    const recording = device.stopRecording()
    const fresh = mount(device, true)
    expect(fs.dfSync().usedBlocks).toBe(fresh.dfSync().usedBlocks)
    const after = treeOf(fresh)
    const random = new Random(1)
    const options = { geometry: setup, eraseValue: setup.eraseValue, random, thorough: true }
    let cuts = 0
    for (const makeCuts of [cutsInOrder, cutsOutOfOrder]) {
      for (const { state, label } of makeCuts(recording, options)) {
        cuts++
        const seen = treeOf(mount(deviceOf(state.bytes), true))
        expect([before, after], label).toContainEqual(seen)
        const findings = checkLittlefs(state.bytes, {
          ...checkOptions(setup),
          allowTornCommits: true,
          allowOrphans: true,
          allowPendingMove: true,
        })
        const codes = findings.map(({ code }) => code)
        expect(codes, label).not.toContain('block-used-twice')
      }
    }
    expect(cuts).toBeGreaterThan(20)
  })
})
