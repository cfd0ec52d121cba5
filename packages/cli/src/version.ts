import { createRequire } from 'node:module'

interface PackageJson {
  readonly version: string
}

const manifest: PackageJson = createRequire(import.meta.url)('../package.json')

/** Of this package, as published. */
export const VERSION: string = manifest.version
