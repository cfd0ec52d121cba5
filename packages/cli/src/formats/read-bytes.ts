/** Bytes of a device by their place on it, whatever its blocks: to recognise an image by. */

export { deviceSizeBytes as sizeOf, readBytes } from '@caravan/container'
