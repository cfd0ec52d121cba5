export { nodePlatform } from './platform.js'
