export { type GitOptions, MakeError, type MakeErrorCode } from './git.js'
export {
  type MakeDate,
  type MakeOptions,
  makeImage,
  type ReadyImage,
  withGitImage,
} from './make.js'
export { nodePlatform } from './platform.js'
