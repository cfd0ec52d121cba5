/** What the tidy rules look at: files as text, and modules as their imports, exports and uses. */

import { posix } from 'node:path'
import ts from 'typescript'

export interface TidyFile {
  /** From the workspace's root, with `/`. */
  readonly path: string
  readonly text: string
}

export interface Finding {
  readonly path: string
  /** From 1. */
  readonly line: number
  readonly message: string
}

/** A rule sees all files at once and says what breaks it. */
export type Rule = (files: readonly TidyFile[]) => Finding[]

interface Import {
  readonly specifier: string
  /** Imported names; `*` where all of the module is taken. */
  readonly names: readonly string[]
  readonly line: number
}

interface Module {
  readonly imports: readonly Import[]
  readonly exports: readonly { readonly name: string; readonly line: number }[]
  /** Lines of `export * from`. */
  readonly exportStars: readonly number[]
  /** Names that are used as values or types: no members, no keys. */
  readonly uses: readonly { readonly name: string; readonly line: number }[]
  /** `Date.now(`, `new Date()`, `new Error(`... as they are called. */
  readonly calls: readonly { readonly text: string; readonly line: number }[]
}

export const isModule = ({ path }: TidyFile): boolean => /\.(ts|mts|mjs|js)$/.test(path)

export const isTest = ({ path }: TidyFile): boolean =>
  /\.(test|bench)\.ts$/.test(path) || /^packages\/[^/]+\/test\//.test(path)

/** The package that a file belongs to: `core` of `packages/core/src/op.ts`. */
export const packageOf = ({ path }: TidyFile): string | undefined =>
  /^packages\/([^/]+)\//.exec(path)?.[1]

/** Where a relative import points, as the path of a source; `.js` is written for what is `.ts`. */
export function resolveRelative(from: string, specifier: string): string {
  const path = posix.join(posix.dirname(from), specifier)
  return from.endsWith('.ts') ? path.replace(/\.js$/, '.ts') : path
}

const parsed = new WeakMap<TidyFile, Module>()

export function parseModule(file: TidyFile): Module {
  let module = parsed.get(file)
  if (module === undefined) {
    module = parse(file)
    parsed.set(file, module)
  }
  return module
}

function parse({ path, text }: TidyFile): Module {
  const source = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true)
  const imports: Import[] = []
  const exports: { name: string; line: number }[] = []
  const exportStars: number[] = []
  const uses: { name: string; line: number }[] = []
  const calls: { text: string; line: number }[] = []
  const lineOf = (node: ts.Node) =>
    source.getLineAndCharacterOfPosition(node.getStart(source)).line + 1

  const addImport = (specifier: ts.Node | undefined, names: readonly string[]) => {
    if (specifier === undefined || !ts.isStringLiteralLike(specifier)) return
    imports.push({ specifier: specifier.text, names, line: lineOf(specifier) })
  }

  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node)) {
      addImport(node.moduleSpecifier, importedNames(node.importClause))
      return
    }
    if (ts.isExportDeclaration(node)) {
      const clause = node.exportClause
      if (clause === undefined) exportStars.push(lineOf(node))
      const elements = clause !== undefined && ts.isNamedExports(clause) ? clause.elements : []
      addImport(
        node.moduleSpecifier,
        clause !== undefined && ts.isNamedExports(clause)
          ? elements.map(({ name, propertyName }) => (propertyName ?? name).text)
          : ['*'],
      )
      for (const { name } of elements) exports.push({ name: name.text, line: lineOf(name) })
      return
    }
    if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      addImport(node.arguments[0], ['*'])
    }
    // `register` of node:module: Node.js calls what that module exports.
    if (ts.isCallExpression(node) && node.expression.getText(source) === 'register') {
      addImport(node.arguments[0], ['*'])
    }
    if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) {
      addImport(node.argument.literal, ['*'])
    }
    if (ts.isCallExpression(node) || ts.isNewExpression(node)) {
      const made = ts.isNewExpression(node) ? 'new ' : ''
      const args = node.arguments === undefined || node.arguments.length === 0 ? '()' : '('
      calls.push({ text: `${made}${node.expression.getText(source)}${args}`, line: lineOf(node) })
    }
    if (ts.isIdentifier(node) && !isMemberName(node)) {
      uses.push({ name: node.text, line: lineOf(node) })
    }
    if (node.parent === source) {
      for (const name of declaredExports(node)) exports.push({ name, line: lineOf(node) })
    }
    ts.forEachChild(node, visit)
  }
  ts.forEachChild(source, visit)
  return { imports, exports, exportStars, uses, calls }
}

function importedNames(clause: ts.ImportClause | undefined): string[] {
  if (clause === undefined) return []
  const names = clause.name === undefined ? [] : ['default']
  const bindings = clause.namedBindings
  if (bindings === undefined) return names
  if (ts.isNamespaceImport(bindings)) return [...names, '*']
  return [
    ...names,
    ...bindings.elements.map(({ name, propertyName }) => (propertyName ?? name).text),
  ]
}

function declaredExports(node: ts.Node): string[] {
  if (!ts.canHaveModifiers(node)) return []
  const modifiers = ts.getModifiers(node) ?? []
  if (!modifiers.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword)) return []
  if (modifiers.some(({ kind }) => kind === ts.SyntaxKind.DefaultKeyword)) return ['default']
  if (ts.isVariableStatement(node)) {
    return node.declarationList.declarations.flatMap(({ name }) => boundNames(name))
  }
  const { name } = node as ts.DeclarationStatement
  return name === undefined ? [] : [name.text]
}

function boundNames(name: ts.BindingName): string[] {
  if (ts.isIdentifier(name)) return [name.text]
  return name.elements.flatMap((element) =>
    ts.isOmittedExpression(element) ? [] : boundNames(element.name),
  )
}

/** `x` of `a.x`, `{ x: 1 }` and `interface { x: number }` names a member and uses nothing. */
function isMemberName(node: ts.Identifier): boolean {
  const { parent } = node
  if (ts.isPropertyAccessExpression(parent)) return parent.name === node
  if (ts.isQualifiedName(parent)) return parent.right === node
  return (
    (ts.isPropertyAssignment(parent) ||
      ts.isPropertySignature(parent) ||
      ts.isPropertyDeclaration(parent) ||
      ts.isMethodDeclaration(parent) ||
      ts.isMethodSignature(parent) ||
      ts.isGetAccessor(parent)) &&
    parent.name === node
  )
}

/** One finding a line that matches. */
export function findLines(file: TidyFile, pattern: RegExp, message: string): Finding[] {
  return file.text
    .split('\n')
    .flatMap((line, index) =>
      pattern.test(line) ? [{ path: file.path, line: index + 1, message }] : [],
    )
}
