/** Rules over the house: packages' manifests, the lock file, dependencies, README. */

import { type Finding, findLines, type Rule, type TidyFile } from './source.js'

interface Manifest {
  readonly scripts?: Readonly<Record<string, string>>
  readonly bin?: Readonly<Record<string, string>>
  readonly dependencies?: Readonly<Record<string, string>>
  readonly devDependencies?: Readonly<Record<string, string>>
  readonly description?: string
  readonly license?: string
  readonly [field: string]: unknown
}

// Written in parts, so that this file itself holds none of them.
const MACHINE = new RegExp(
  [
    `/(${['work', 'farm'].join('|')})/`,
    `\\.\\./${'shared'}`,
    `registry\\.${'npmjs'}`,
    `deb\\.${'debian'}`,
  ].join('|'),
)

const named = (files: readonly TidyFile[], path: string) => files.find((file) => file.path === path)

const manifestOf = (file: TidyFile) => JSON.parse(file.text) as Manifest

const packageManifests = (files: readonly TidyFile[]) =>
  files.filter(({ path }) => /^packages\/[^/]+\/package\.json$/.test(path))

export const noMachinePaths: Rule = (files) =>
  files
    .filter(({ path }) => path !== 'package-lock.json')
    .flatMap((file) => findLines(file, MACHINE, 'a path or a host of one machine'))

export const lockFileNamesNoHost: Rule = (files) =>
  files
    .filter(({ path }) => path === 'package-lock.json')
    .flatMap((file) =>
      findLines(file, /"resolved": "[a-z+]+:/, 'a registry host: npm install with our .npmrc'),
    )

export const manifestsAreWhole: Rule = (files) =>
  packageManifests(files).flatMap((file) => {
    const manifest = manifestOf(file)
    const missing = ['description', 'exports', 'files', 'engines'].filter(
      (field) => manifest[field] === undefined || manifest[field] === '',
    )
    return [
      ...missing.map((field) => ({ path: file.path, line: 1, message: `it has no ${field}` })),
      ...(manifest.license === 'ISC'
        ? []
        : [{ path: file.path, line: 1, message: 'the license is not ISC' }]),
    ]
  })

export const dependenciesAreJustified: Rule = (files) => {
  const reasons = named(files, 'docs/dependencies.md')?.text ?? ''
  const root = named(files, 'package.json')
  return [...(root === undefined ? [] : [root]), ...packageManifests(files)].flatMap((file) => {
    const { dependencies, devDependencies } = manifestOf(file)
    return Object.keys({ ...dependencies, ...devDependencies })
      .filter((name) => !name.startsWith('@caravan/') && !reasons.includes(`\`${name}\``))
      .map((name) => ({
        path: file.path,
        line: 1,
        message: `${name} is not justified in docs/dependencies.md`,
      }))
  })
}

/** Every `npm run X` of README is a script, and `caravan`, where it is used, is a bin. */
export const readmeNamesWhatIs: Rule = (files) => {
  const readme = named(files, 'README.md')
  if (readme === undefined) return [{ path: 'README.md', line: 1, message: 'it is missing' }]
  const root = named(files, 'package.json')
  const scripts = root === undefined ? {} : (manifestOf(root).scripts ?? {})
  const bins = new Set(
    packageManifests(files).flatMap((file) => Object.keys(manifestOf(file).bin ?? {})),
  )
  return readme.text.split('\n').flatMap((text, index) => {
    const finding = (message: string): Finding => ({ path: 'README.md', line: index + 1, message })
    const unknown = [...text.matchAll(/\bnpm (?:run ([\w-]+)|(start|test)\b)/g)]
      .map(([, script, short]) => script ?? short ?? '')
      .filter((script) => !Object.hasOwn(scripts, script))
      .map((script) => finding(`package.json has no script ${script}`))
    const command = /^(?:npx )?(caravan) \w/.exec(text)?.[1]
    if (command === undefined || bins.has(command)) return unknown
    return [...unknown, finding(`no package has the bin ${command}`)]
  })
}
