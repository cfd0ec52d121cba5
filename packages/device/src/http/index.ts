export { HttpDevice, type HttpDeviceOptions } from './device.js'
export type { Fetch } from './transport.js'
