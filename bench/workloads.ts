/** All workloads, in the order of the reference. */

import type { DeviceKind } from './devices.js'
import { directoryWorkloads } from './directory-workloads.js'
import { fileWorkloads } from './file-workloads.js'
import { promiseWorkloads } from './promise-workloads.js'
import { volumeWorkloads } from './volume-workloads.js'
import type { Workload } from './workload.js'

const synchronous: readonly Workload[] = [
  ...fileWorkloads,
  ...directoryWorkloads,
  ...volumeWorkloads,
]

/** On a file: what shows the price of being durable. */
const ON_FILE = new Set([
  'write 8 MiB',
  'read 8 MiB in 4 KiB chunks',
  'append 64 B and sync',
  'create 1000 files',
  'pack 500 files',
])

export function workloadsOn(device: DeviceKind): readonly Workload[] {
  if (device === 'memory') return synchronous
  if (device === 'file') return synchronous.filter(({ name }) => ON_FILE.has(name))
  return promiseWorkloads
}

/** @throws RangeError where there is none. */
export function findWorkload(name: string, device: DeviceKind): Workload {
  const found = workloadsOn(device).find((workload) => workload.name === name)
  if (found === undefined) throw new RangeError(`There is no workload '${name}' on ${device}.`)
  return found
}
