/** What other programs for this computer need of the command: files written whole, names as bytes. */

export { checkInterrupted, HostError, Interrupted, isErrno, UsageError } from '../errors.js'
export { makeHostFile, writeHostFile } from '../host-files.js'
export { hostNameProblem } from '../host-names.js'
export { compareBytes, decodeUtf8 } from '../names.js'
export { describe } from '../report.js'
