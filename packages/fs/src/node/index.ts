export { NodeFileHandle, NodeFileSystem, nodeFs } from './node-fs.js'
