/** Rows of littlefs, in the order of the reference: each workload on the devices that tell something. */

import { type DeviceKind, openDevice } from './devices.js'
import { directoryWorkloads, growthWorkloads } from './directory-workloads.js'
import { fileWorkloads } from './file-workloads.js'
import { promiseWorkloads } from './promise-workloads.js'
import type { Row, Run, Surroundings } from './row.js'
import { volumeWorkloads } from './volume-workloads.js'
import type { Configuration, Workload } from './workload.js'

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

export const littlefsRows: readonly Row[] = [
  ...synchronous.flatMap((workload) => [
    rowOf(workload, 'memory', 'A'),
    rowOf(workload, 'memory', 'B'),
  ]),
  // Beside memory, what differs is the device: one configuration shows it.
  ...promiseWorkloads.map((workload) => rowOf(workload, 'promise', 'B')),
  ...promiseWorkloads.map((workload) => rowOf(workload, 'async', 'B')),
  ...synchronous
    .filter(({ name }) => ON_FILE.has(name))
    .map((workload) => rowOf(workload, 'file', 'B')),
]

/** Sizes that the reference does not have. */
export const growthRows: readonly Row[] = growthWorkloads.map((workload) =>
  rowOf(workload, 'memory', 'B'),
)

function rowOf(workload: Workload, kind: DeviceKind, configuration: Configuration): Row {
  const { name, unit, yardstick, reference, traffic } = workload
  return {
    name,
    subject: kind,
    configuration,
    unit,
    yardstick,
    ...(reference === undefined ? {} : { reference }),
    // C was measured in memory: a file shows the disk.
    isComparable: kind !== 'file',
    // The requests are the same on every device.
    ...(traffic === undefined || kind !== 'memory' ? {} : { traffic }),
    start: (surroundings) => startOn(kind, configuration, workload, surroundings),
  }
}

async function startOn(
  kind: DeviceKind,
  configuration: Configuration,
  workload: Workload,
  { reference, directory, scale, watch }: Surroundings,
): Promise<Run> {
  const blockCount = workload.blockCount ?? Math.ceil(reference.geometry.blockCount * scale)
  const geometry = { ...reference.geometry, blockCount }
  const { device, memoryBytes, close } = openDevice(kind, geometry, directory)
  const { cacheSize, blockCycles } = reference.configurations[configuration]
  try {
    const options = { cacheSize, blockCycles }
    const run = await workload.start({ device: watch(device), options, scale })
    return { ...run, close, deviceBytes: memoryBytes }
  } catch (error) {
    close()
    throw error
  }
}
