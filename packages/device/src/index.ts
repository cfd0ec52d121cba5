export type { FlatOptions } from './flat.js'
export { MemoryDevice, type MemoryDeviceGeometry, type MemoryDeviceOptions } from './memory.js'
export { PartitionDevice, type PartitionOptions } from './partition.js'
