/** Images of repositories behind every kind of address, from real servers on this computer. */

import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { systemProgram } from '@caravan/testkit'
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { Docteur } from '../src/index.js'
import { type MakeOptions, makeImage } from '../src/node/index.js'
import {
  type GitServer,
  gitDaemon,
  gitOverHttp,
  makeCertificate,
  sshServer,
  standInForSsh,
} from './git-servers.js'
import { commitFiles, deviceOf, freshPath, git, repository } from './repositories.js'

const isThere = systemProgram('git') !== undefined

describe.skipIf(!isThere)('an image of a repository behind', () => {
  /** Holds `site.git`: two commits, and a branch that is not shown by itself. */
  let folder: string
  let commit: string

  beforeAll(() => {
    const source = repository({ 'index.html': 'first' })
    git(source, ['branch', 'old'])
    commitFiles(source, { 'index.html': 'second', 'docs/a.txt': 'a' }, 'second')
    commit = git(source, ['rev-parse', 'HEAD']).toString().trim()
    folder = freshPath('served')
    mkdirSync(folder)
    git(source, ['clone', '--quiet', '--bare', '.', join(folder, 'site.git')])
  })

  afterEach(() => vi.unstubAllEnvs())

  async function made(url: string, options: MakeOptions = {}) {
    const image = freshPath('image')
    await makeImage(url, image, options)
    return Docteur.mountSync(deviceOf(image))
  }

  /** What every kind of address must do. */
  async function judge(url: string) {
    const fs = await made(`${url}/site.git`)
    expect(fs.info()).toMatchObject({ commitId: commit, objectCount: 5 })
    expect(fs.readFileSync('/index.html', 'utf8')).toBe('second')
    const old = await made(`${url}/site.git`, { refs: ['old'] })
    expect(old.readFileSync('/index.html', 'utf8')).toBe('first')
    expect(old.existsSync('/docs')).toBe(false)
    const history = await made(`${url}/site.git`, { history: true })
    expect(history.info()).toMatchObject({ commitId: commit, objectCount: 8 })
    const failure = { code: 'GIT_FAILED', message: expect.stringMatching(/^git \S+ failed\. \S/) }
    await expect(made(`${url}/other.git`)).rejects.toMatchObject(failure)
    await expect(made(`${url}/site.git`, { refs: ['nope'] })).rejects.toMatchObject({
      code: 'GIT_FAILED',
      message: expect.stringContaining('nope'),
    })
  }

  async function judgeAndClose(server: GitServer) {
    try {
      await judge(server.url)
    } finally {
      await server.close()
    }
  }

  it('git://, of git daemon', async () => judgeAndClose(await gitDaemon(folder)))

  it('http://, of git http-backend', async () => judgeAndClose(await gitOverHttp(folder)))

  it.skipIf(systemProgram('openssl') === undefined)(
    'https://, once its certificate is trusted',
    async () => {
      const certificate = makeCertificate()
      const server = await gitOverHttp(folder, certificate)
      try {
        await expect(made(`${server.url}/site.git`)).rejects.toMatchObject({
          code: 'GIT_FAILED',
          message: expect.stringMatching(/certificate/i),
        })
        vi.stubEnv('GIT_SSL_CAINFO', certificate.path)
        await judge(server.url)
      } finally {
        await server.close()
      }
    },
  )

  it('ssh:// and user@host:path, by the ssh that git is told of', async () => {
    const { command, asked } = standInForSsh()
    vi.stubEnv('GIT_SSH_COMMAND', command)
    await judge(`ssh://git@example.org${folder}`)
    expect(asked()).toMatch(/git@example\.org git-upload-pack '.*\/site\.git'/)
    const fs = await made(`git@example.org:${folder}/site.git`)
    expect(fs.info().commitId).toBe(commit)
  })

  it.skipIf(systemProgram('sshd') === undefined)('ssh://, of sshd, by a key', async () => {
    const server = await sshServer()
    try {
      vi.stubEnv('GIT_SSH_COMMAND', `${server.command} -o PubkeyAuthentication=no`)
      await expect(made(`${server.url}${folder}/site.git`)).rejects.toMatchObject({
        code: 'GIT_FAILED',
        message: expect.stringMatching(/Permission denied/),
      })
      vi.stubEnv('GIT_SSH_COMMAND', server.command)
      expect((await made(`${server.url}${folder}/site.git`)).info().commitId).toBe(commit)
      vi.stubEnv('GIT_SSH_COMMAND', `${server.command} -p ${server.port}`)
      const fs = await made(`${server.user}@127.0.0.1:${folder}/site.git`)
      expect(fs.info().commitId).toBe(commit)
    } finally {
      await server.close()
    }
  })

  it('file://', async () => {
    const fs = await made(`file://${folder}/site.git`)
    expect(fs.info().commitId).toBe(commit)
    expect(fs.readFileSync('/docs/a.txt', 'utf8')).toBe('a')
  })
})
