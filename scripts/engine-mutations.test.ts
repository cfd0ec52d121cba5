import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { describe, expect, it } from 'vitest'
import { MUTANTS } from './engine-mutations/mutants.js'
import { mutatedSource } from './engine-mutations/patch.js'

const root = fileURLToPath(new URL('..', import.meta.url))

describe('mutants of the engine', () => {
  it('are at least a dozen, each with a name of its own', () => {
    expect(MUTANTS.length).toBeGreaterThanOrEqual(12)
    expect(new Set(MUTANTS.map(({ name }) => name)).size).toBe(MUTANTS.length)
  })

  it.each(MUTANTS)('$name still applies, and is code', (mutant) => {
    const source = mutatedSource(root, mutant)
    if (source === undefined) return expect.fail(`its text does not stand once in ${mutant.file}`)
    const { diagnostics } = ts.transpileModule(source, { reportDiagnostics: true })
    expect(diagnostics).toEqual([])
  })

  it('a text that is not there, or there twice, does not apply', () => {
    const mutant = { file: 'thread.ts', replace: '' }
    expect(mutatedSource(root, { ...mutant, find: 'no such text' })).toBeUndefined()
    expect(mutatedSource(root, { ...mutant, find: 'yield* commit' })).toBeUndefined()
  })
})
