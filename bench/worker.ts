/** A process of its own for each job, so that none warms up or litters another. */

import { countTraffic, type Job, measureSpeed } from './measure.js'

process.once('message', (job: Job) => {
  const answer = job.what === 'speed' ? measureSpeed(job) : countTraffic(job)
  answer.then(
    (result) => process.send?.({ result }, () => process.disconnect()),
    (error: unknown) => {
      const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
      process.send?.({ error: text }, () => process.disconnect())
    },
  )
})
