/**
 * The story: a commit that began a new root was cut when all of it was there but the root; it was
 * seen not to have happened. The next commit was cut when nothing of it was there but its root, whose
 * first slot is the same sector: the change that had not happened was back.
 */

import { NotaFS } from '@caravan/notafs'
import { CrashDevice, copyOfState, type Recording } from '@caravan/testkit'
import { expect, test } from 'vitest'

const PAGE = { blockSize: 512, blockCount: 128, readSize: 1, progSize: 512 }

test.each([false, true])('a leaf left behind is no generation, erasing: %s', (erases) => {
  const isRoot = (sector: number) => sector >= 1 && sector <= 4
  const device = new CrashDevice({ ...PAGE, strict: false })
  NotaFS.formatSync(device, { pageSize: 512, erases })
  let rootsWritten = 0
  for (let i = 0; i < 20; i++) {
    const first = deviceOf(device.state)
    const recording = changeOf(first, NotaFS.mountSync(first, { erases }), 'not')
    const begun = recording.requests.flatMap((request) =>
      request.kind === 'prog' ? request.spans.filter(({ block }) => isRoot(block)) : [],
    )
    if (begun.length > 0) {
      rootsWritten++
      const cut = deviceOf(recording.before)
      applied(cut, recording, (sector) => !isRoot(sector))
      const second = NotaFS.mountSync(cut, { erases })
      expect(second.keyValue().existsSync('not')).toBeUndefined()
      const next = changeOf(cut, second, 'next')
      const lastSync = next.requests.slice(0, -1).findLastIndex(({ kind }) => kind === 'sync')
      const again = deviceOf(next.before)
      applied(again, { ...next, requests: next.requests.slice(0, lastSync + 1) }, () => true)
      applied(again, { ...next, requests: next.requests.slice(lastSync + 1) }, isRoot)
      const third = NotaFS.mountSync(again, { erases })
      expect(third.keyValue().existsSync('not')).toBeUndefined()
      expect(third.keyValue().existsSync('next')).toBeUndefined()
    }
    NotaFS.mountSync(device, { erases }).keyValue().setSync('kept', `${i}`)
  }
  expect(rootsWritten).toBeGreaterThan(1)
})

function deviceOf(state: Recording['before']): CrashDevice {
  return new CrashDevice({ ...PAGE, strict: false, state: copyOfState(state) })
}

function changeOf(device: CrashDevice, fs: NotaFS, key: string): Recording {
  device.startRecording()
  fs.keyValue().setSync(key, 'x'.repeat(600))
  return device.stopRecording()
}

/** What of a recording's writes reaches a device. */
function applied(
  device: CrashDevice,
  { requests }: Recording,
  reaches: (sector: number) => boolean,
): void {
  for (const request of requests) {
    if (request.kind !== 'prog') continue
    for (const { block, bytes } of request.spans) {
      if (reaches(block)) device.bytes.set(bytes, block * PAGE.blockSize)
    }
  }
}
