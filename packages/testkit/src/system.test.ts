import { execFileSync } from 'node:child_process'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { systemProgram } from './system.js'

const git = systemProgram('git')

afterEach(() => {
  vi.unstubAllEnvs()
  vi.restoreAllMocks()
})

describe('systemProgram', () => {
  it.skipIf(git === undefined)('gives the path of a program that is there', () => {
    expect(execFileSync(git as string, ['--version'], { encoding: 'utf8' })).toMatch(/^git version/)
  })

  it('prints what would provide one that is missing', () => {
    const log = vi.spyOn(console, 'log').mockImplementation(() => {})
    vi.stubEnv('PATH', '/nowhere')
    vi.stubEnv('CI', '')
    expect(systemProgram('chromium')).toBeUndefined()
    expect(log.mock.calls.flat().join()).toContain('apt-get install chromium')
  })

  it('fails for a missing one with CI=true', () => {
    vi.stubEnv('PATH', '/nowhere')
    vi.stubEnv('CI', 'true')
    expect(() => systemProgram('chromium')).toThrow(/nothing is skipped/)
  })

  it('refuses one that set-up does not know of', () => {
    expect(() => systemProgram('emacs')).toThrow(/system-programs/)
  })
})
