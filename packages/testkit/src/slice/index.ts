export { CutDevice } from './cut-device.js'
export { runSlice, type SliceFace, type SliceOptions, type SliceSubject } from './slice.js'
