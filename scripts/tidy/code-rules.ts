/** Rules over modules: who may import whom, what a library may use, what nobody uses. */

import { builtinModules } from 'node:module'
import {
  type Finding,
  findLines,
  isModule,
  isTest,
  packageOf,
  parseModule,
  type Rule,
  resolveRelative,
  type TidyFile,
} from './source.js'

/** The arrows of ARCHITECTURE.md: what each package may import. */
const ARROWS: Readonly<Record<string, readonly string[]>> = {
  core: [],
  device: ['core'],
  container: ['core'],
  fs: ['core'],
  littlefs: ['core', 'fs'],
  docteur: ['core', 'fs'],
  notafs: ['core', 'fs'],
  history: ['core', 'notafs'],
  mount: ['core', 'fs'],
  testkit: ['core', 'device'],
  inspector: ['core', 'device', 'littlefs', 'docteur', 'notafs', 'history'],
  cli: ['core', 'container', 'device', 'fs', 'littlefs', 'docteur', 'notafs', 'history', 'mount'],
  'drop-in': ['core', 'device', 'littlefs', 'cli'],
}

/** Packages that run in a browser too. */
const LIBRARIES = ['core', 'container', 'device', 'fs', 'littlefs', 'docteur', 'notafs', 'history']
/** Packages that are handed time and randomness. */
const ENGINES = ['core', 'littlefs', 'docteur', 'notafs', 'history']

const SOURCE_LINES = 450
const TEST_LINES = 700

const NODE_GLOBALS = ['Buffer', 'process', '__dirname', '__filename', 'require', 'global']
const NODE_MODULES = new Set(builtinModules)

const sourcesOf = (files: readonly TidyFile[], packages: readonly string[]) =>
  files.filter(
    (file) => isModule(file) && !isTest(file) && packages.includes(packageOf(file) ?? ''),
  )

/** Packages import along the arrows; tests may also use `device` and `testkit`. */
export const importDirections: Rule = (files) =>
  files.filter(isModule).flatMap((file) => {
    const own = packageOf(file)
    if (own === undefined) return []
    const arrows = ARROWS[own]
    if (arrows === undefined) {
      return [at(file, 1, `the package ${own} has no arrows in scripts/tidy/code-rules.ts`)]
    }
    // A test of testkit drives whole formats; a test of a package may name its own package.
    const extra = !isTest(file) ? [] : own === 'testkit' ? Object.keys(ARROWS) : [own, 'device']
    const allowed = new Set([...arrows, ...extra, ...(isTest(file) ? ['testkit'] : [])])
    return parseModule(file).imports.flatMap(({ specifier, line }) => {
      const target = /^@caravan\/([^/]+)/.exec(specifier)?.[1]
      if (target === undefined || allowed.has(target)) return []
      return [at(file, line, `${own} must not import ${specifier}`)]
    })
  })

export const relativeImportsStayInside: Rule = (files) =>
  files.filter(isModule).flatMap((file) => {
    const own = packageOf(file)
    const home = own === undefined ? undefined : `packages/${own}/`
    return parseModule(file).imports.flatMap(({ specifier, line }) => {
      if (home === undefined || !specifier.startsWith('.')) return []
      if (resolveRelative(file.path, specifier).startsWith(home)) return []
      return [at(file, line, `${specifier} leaves the package: import it by its package's name`)]
    })
  })

/** `format/` turns bytes into values and back and stands on nothing above it. */
export const formatStandsAlone: Rule = (files) =>
  files.filter(isModule).flatMap((file) => {
    const home = /^packages\/[^/]+\/src\/format\//.exec(file.path)?.[0]
    if (home === undefined || isTest(file)) return []
    return parseModule(file).imports.flatMap(({ specifier, line }) => {
      const inside = specifier.startsWith('.')
        ? resolveRelative(file.path, specifier).startsWith(home)
        : specifier === '@caravan/core'
      return inside ? [] : [at(file, line, `format/ must not import ${specifier}`)]
    })
  })

export const noNodeInLibraries: Rule = (files) =>
  sourcesOf(files, LIBRARIES)
    .filter(({ path }) => !path.includes('/node/'))
    .flatMap((file) => {
      const { imports, uses } = parseModule(file)
      const modules = imports
        .filter(({ specifier }) => specifier.startsWith('node:') || NODE_MODULES.has(specifier))
        .map(({ specifier, line }) => at(file, line, `${specifier} belongs in a /node entry`))
      const globals = uses
        .filter(({ name }) => NODE_GLOBALS.includes(name))
        .map(({ name, line }) => at(file, line, `${name} is Node's: it belongs in a /node entry`))
      return [...modules, ...globals]
    })

export const exportsByName: Rule = (files) =>
  files
    .filter(isModule)
    .flatMap((file) =>
      parseModule(file).exportStars.map((line) => at(file, line, 'exports go by name')),
    )

export const noClockNoChance: Rule = (files) =>
  sourcesOf(files, ENGINES).flatMap((file) =>
    parseModule(file)
      .calls.filter(
        ({ text }) =>
          text === 'new Date()' || /^(Date\.now|Math\.random|performance\.now)\(/.test(text),
      )
      .map(({ text, line }) => at(file, line, `${text}: an engine is handed time and chance`)),
  )

export const errorsHaveAClass: Rule = (files) =>
  sourcesOf(files, LIBRARIES).flatMap((file) =>
    parseModule(file)
      .calls.filter(({ text }) => /^(new )?Error\(/.test(text))
      .map(({ line }) => at(file, line, "a bare Error: use one of core's, which say whose fault")),
  )

export const fileSizes: Rule = (files) =>
  files.filter(isModule).flatMap((file) => {
    const limit = isTest(file) ? TEST_LINES : SOURCE_LINES
    const lines = file.text.split('\n').length - (file.text.endsWith('\n') ? 1 : 0)
    if (lines <= limit) return []
    return [at(file, limit, `${lines} lines, more than ${limit}: which second job has it taken?`)]
  })

/** What a module exports is imported somewhere, or made public by an index. */
export const noDeadExports: Rule = (files) => {
  const used = new Set<string>()
  for (const file of files.filter(isModule)) {
    for (const { specifier, names } of parseModule(file).imports) {
      if (!specifier.startsWith('.')) continue
      const path = resolveRelative(file.path, specifier)
      for (const name of names) used.add(`${path} ${name}`)
    }
  }
  return files
    .filter((file) => /\.ts$/.test(file.path) && !isTest(file) && !/\/index\.ts$/.test(file.path))
    .filter(({ path }) => /^(packages\/[^/]+\/src|scripts|bench)\//.test(path))
    .filter(({ path }) => !used.has(`${path} *`))
    .flatMap((file) =>
      parseModule(file)
        .exports.filter(({ name }) => !used.has(`${file.path} ${name}`))
        .map(({ name, line }) => at(file, line, `${name} is exported and nobody imports it`)),
    )
}

// Written in two parts, so that this file itself holds none of them.
const LATER = new RegExp(`\\b(${['TO|DO', 'FIX|ME', 'XX|X', 'HA|CK'].map(join).join('|')})\\b`)
const UNRUN = /\b(it|test|describe|suite|bench)(\.\w+)*\.(skip|only|todo)\(/

export const nothingLeftForLater: Rule = (files) =>
  files
    .filter(({ path }) => /^(packages|scripts|bench|examples)\//.test(path))
    .flatMap((file) => [
      ...findLines(file, LATER, 'left for later: do it now, or say it in an issue'),
      ...findLines(file, UNRUN, 'a test that does not run, or keeps others from running'),
    ])

function join(parts: string): string {
  return parts.replace('|', '')
}

function at({ path }: TidyFile, line: number, message: string): Finding {
  return { path, line, message }
}
