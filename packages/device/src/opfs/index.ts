export { OpfsDevice, type OpfsDeviceOptions } from './device.js'
