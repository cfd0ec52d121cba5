/**
 * A lane: one worker thread at a time, replaced where a case ends it or does not end.
 */

import { Worker } from 'node:worker_threads'
import { type CampaignFailure, type CampaignReport, SEED_END } from '@caravan/testkit'
import type { Batch, FromWorker, WorkerSetUp } from './worker.js'

/** Without going on to another case for so long, a case is taken for a hang. */
const HANG_MS = 300_000
/** What a worker's objects may take; buffers come on top. */
const HEAP_MAX_MIB = 1024

export interface BatchResult extends CampaignReport {
  readonly milliseconds: number
}

type Campaigns = Extract<FromWorker, { kind: 'ready' }>['campaigns']

export class Lane {
  private readonly progress = new SharedArrayBuffer(4)
  private readonly current = new Int32Array(this.progress)
  private worker: Worker | undefined

  constructor(
    private readonly root: string,
    private readonly module: string,
    private readonly hangMs = HANG_MS,
  ) {}

  /** Starts a worker. @returns the campaigns that it has. */
  async start(): Promise<Campaigns> {
    const { root, module, progress } = this
    const workerData: WorkerSetUp = { root, module, progress }
    const worker = new Worker(new URL('./worker.js', import.meta.url), {
      workerData,
      resourceLimits: { maxOldGenerationSizeMb: HEAP_MAX_MIB },
    })
    this.worker = worker
    return new Promise((resolve, reject) => {
      worker.once('error', reject)
      worker.once('message', (message: FromWorker) => {
        worker.off('error', reject)
        if (message.kind === 'ready') resolve(message.campaigns)
      })
    })
  }

  async stop(): Promise<void> {
    await this.worker?.terminate()
    this.worker = undefined
  }

  /** Runs all cases of a batch. One that ends its worker, or does not end, is a failure of it. */
  async run(batch: Batch): Promise<BatchResult> {
    if (this.worker === undefined) await this.start()
    const begin = performance.now()
    Atomics.store(this.current, 0, batch.seed)
    const result = await this.attempt(batch)
    if ('cases' in result) return result
    await this.stop()
    return {
      // What was done before in this batch and not told is left out of the counts.
      cases: ((result.seed - batch.seed + SEED_END) % SEED_END) + 1,
      counts: {},
      failures: [result],
      milliseconds: performance.now() - begin,
    }
  }

  private attempt(batch: Batch): Promise<BatchResult | CampaignFailure> {
    const worker = this.worker as Worker
    return new Promise((resolve) => {
      let seen = -1
      let since = performance.now()
      const end = (result: BatchResult | CampaignFailure) => {
        clearInterval(watch)
        worker.off('message', told)
        worker.off('error', failed)
        worker.off('exit', exited)
        resolve(result)
      }
      const stopped = (what: string) => end({ seed: Atomics.load(this.current, 0), what })
      const watch = setInterval(() => {
        const seed = Atomics.load(this.current, 0)
        if (seed !== seen) {
          seen = seed
          since = performance.now()
        } else if (performance.now() - since > this.hangMs) {
          stopped(`no end after ${this.hangMs / 1000} s`)
        }
      }, 250)
      const told = (message: FromWorker) => {
        if (message.kind === 'done') end({ ...message.report, milliseconds: message.milliseconds })
      }
      const failed = (error: Error) => stopped(`the worker ended: ${error.message}`)
      const exited = (code: number) => stopped(`the worker ended with code ${code}`)
      worker.on('message', told)
      worker.on('error', failed)
      worker.on('exit', exited)
      worker.postMessage(batch)
    })
  }
}
