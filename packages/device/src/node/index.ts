export { FileDevice, type FileDeviceOptions } from './file.js'
