/** Every recording of the reference, replayed in both forms of the API. */

import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { MODES } from './golden/littlefs/mode.js'
import { type Recording, readRecordings, type Step } from './replay/recording.js'
import { replay } from './replay/replay.js'

const golden = (name: string) =>
  fileURLToPath(new URL(`../golden/littlefs/${name}`, import.meta.url))

const recordings = readRecordings(golden('recordings.jsonl.gz'))

describe.each(MODES)('replayed %s', (mode) => {
  it('answers the table of path and handle semantics as the reference does', async () => {
    const [semantics] = readRecordings(golden('semantics.json')) as [Recording]
    expect(semantics.steps.length).toBeGreaterThan(100)
    expect(await replay(semantics, mode)).toBeUndefined()
  })

  it('does in 300 random runs what the reference did, and leaves the same tree', async () => {
    expect(recordings).toHaveLength(300)
    for (const recording of recordings) {
      expect(await replay(recording, mode), recording.name).toBeUndefined()
    }
  })
})

describe('the replay', () => {
  const [first] = recordings as [Recording]

  /** The first recording with one step changed. */
  function altered(change: (step: Step) => Step | undefined): Recording {
    let done = false
    const steps = first.steps.map((step) => {
      const other = done ? undefined : change(step)
      done ||= other !== undefined
      return other ?? step
    })
    expect(done).toBe(true)
    return { ...first, steps }
  }

  it('notices an error that the reference did not have', async () => {
    const recording = altered((step) =>
      step.op.startsWith('write ') && step.error === undefined
        ? { ...step, error: 'LFS_ERR_EXIST' }
        : undefined,
    )
    expect(await replay(recording, 'sync')).toMatchObject({ expected: 'LFS_ERR_EXIST' })
  })

  it('notices another result, and another tree at the end', async () => {
    const recording = altered((step) =>
      step.result !== undefined ? { ...step, result: { n: 12345, sha256: '' } } : undefined,
    )
    expect(await replay(recording, 'sync')).toBeDefined()
    const entries = (first.entries ?? []).slice(0, -1)
    expect(await replay({ ...first, entries }, 'sync')).toMatchObject({ op: 'the final tree' })
  })
})
