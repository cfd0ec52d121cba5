/** Random changes beside a map: remounted now and then, seen by snapshots, judged by the checker. */

import { MemoryDevice } from '@caravan/device'
import { NotaFS, type Snapshot } from '@caravan/notafs'
import { checkNotafs, Random } from '@caravan/testkit'
import { contentsOf, difference, fill, type Model, step } from './changes.js'

/** @returns changes that were made. @throws Error with the seed and what differs. */
export function liveWithModel(seed: number, changes: number): number {
  const random = new Random(seed)
  const about = `seed ${seed}`
  const blockSize = random.pick([512, 512, 768, 4096])
  const blockCount = random.pick([128, 255, 300, 4000])
  const device = new MemoryDevice({ blockSize, blockCount })
  const checksum = random.pick(['ADLER-32', 'NO-CHECK'] as const)
  NotaFS.formatSync(device, { pageSize: blockSize, checksum })
  let clock = 1_700_000_000_000
  const options = {
    now: () => clock++,
    commitEvery: random.pick([1, 1, 5]),
    transactionBytes: random.pick([0, 4096, 1e6]),
    cacheBytes: random.pick([0, 8192, 1e6]),
  }
  let fs = NotaFS.mountSync(device, options)
  let model: Model = new Map()
  if (random.oneIn(3)) model = fill(fs, model, random)
  let snapshots: { readonly snapshot: Snapshot; readonly model: Model }[] = []
  for (let i = 0; i < changes; i++) {
    model = step(fs, model, random, about)
    expectSame(model, contentsOf(fs), about)
    // While one is open nothing is reused: on a small disk not even a removal may find space.
    if (blockCount === 4000 && random.oneIn(10))
      snapshots.push({ snapshot: fs.snapshotSync(), model })
    if (snapshots.length > 0 && random.oneIn(8)) {
      const [chosen] = snapshots.splice(random.int(snapshots.length), 1)
      if (chosen === undefined) continue
      for (const [key, value] of chosen.model) {
        if (key.endsWith('/')) continue
        const found = chosen.snapshot.getSync(key)
        if (Buffer.compare(found, value) !== 0) throw new Error(`${about}: a snapshot's '${key}'`)
      }
      chosen.snapshot.close()
    }
    if (!random.oneIn(10)) continue
    for (const { snapshot } of snapshots) snapshot.close()
    snapshots = []
    fs.unmountSync()
    fs = NotaFS.mountSync(device, options)
    expectSame(model, contentsOf(fs), about)
    const [finding] = [...checkNotafs(device.bytes).findings, ...fs.checkSync()]
    if (finding !== undefined) throw new Error(`${about}: ${finding.message}`)
  }
  return changes
}

function expectSame(model: Model, found: Model, about: string): void {
  const wrong = difference(model, found)
  if (wrong !== undefined) throw new Error(`${about}: ${wrong}`)
}
