export { bundleForBrowser, type PageFiles, type PageOptions, withPage } from './browser.js'
export { propertyParameters, type Seed, seedFromEnvironment } from './seeds.js'
export { systemProgram } from './system.js'
