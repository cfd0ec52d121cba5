/**
 * Probes mutations from `begin` on, beside the main thread, which stops it where it hangs.
 *
 * Before each mutation its index is put in the shared word, so that the main thread knows which one
 * does not end; after each it goes up, whatever came out.
 */

import { parentPort, workerData } from 'node:worker_threads'
import { type Probed, probe } from './probe.js'
import { readTargets } from './targets.js'

export interface Job {
  readonly dir: string
  readonly seed: number
  readonly begin: number
  readonly end: number
  /** Word 0: the mutation in work. */
  readonly progress: SharedArrayBuffer
}

export interface Answer extends Probed {
  readonly index: number
  readonly milliseconds: number
  /** By which the process's memory grew meanwhile. */
  readonly memoryBytes: number
}

/** Answers go in bundles: a message a mutation would cost as much as the mutation. */
const BUNDLE = 500

const job = workerData as Job
const progress = new Int32Array(job.progress)
const targets = readTargets(job.dir)
let bundle: Answer[] = []
for (let index = job.begin; index < job.end; index++) {
  Atomics.store(progress, 0, index)
  const memory = process.memoryUsage.rss()
  const begin = performance.now()
  const probed = await probe(targets, job.seed, index)
  const milliseconds = performance.now() - begin
  const memoryBytes = process.memoryUsage.rss() - memory
  bundle.push({ ...probed, index, milliseconds, memoryBytes })
  if (bundle.length === BUNDLE || index === job.end - 1) {
    parentPort?.postMessage(bundle)
    bundle = []
  }
}
