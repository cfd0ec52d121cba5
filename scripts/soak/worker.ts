/** Runs batches of cases, as the main thread asks for them, and tells which case it is at. */

import { pathToFileURL } from 'node:url'
import { parentPort, workerData } from 'node:worker_threads'
import { type Campaign, type CampaignReport, runCampaign } from '@caravan/testkit'

export interface WorkerSetUp {
  readonly root: string
  /** The module that exports `campaigns`. */
  readonly module: string
  /** Word 0: the seed of the case in work. */
  readonly progress: SharedArrayBuffer
}

export interface Batch {
  readonly campaign: string
  readonly seed: number
  readonly cases: number
}

export type FromWorker =
  | {
      readonly kind: 'ready'
      readonly campaigns: readonly Pick<Campaign, 'name' | 'what' | 'weight'>[]
    }
  | { readonly kind: 'done'; readonly report: CampaignReport; readonly milliseconds: number }

const { root, module, progress } = workerData as WorkerSetUp
const current = new Int32Array(progress)
const { campaigns: all } = (await import(pathToFileURL(module).href)) as {
  campaigns: (root: string) => Campaign[]
}
const campaigns = all(root)
const tell = (message: FromWorker) => parentPort?.postMessage(message)

parentPort?.on('message', async ({ campaign: name, seed, cases }: Batch) => {
  const campaign = campaigns.find((each) => each.name === name) as Campaign
  const begin = performance.now()
  const report = await runCampaign(campaign, seed, cases, (own) => {
    Atomics.store(current, 0, own)
  })
  tell({ kind: 'done', report, milliseconds: performance.now() - begin })
})
tell({
  kind: 'ready',
  campaigns: campaigns.map(({ name, what, weight }) => ({ name, what, weight })),
})
