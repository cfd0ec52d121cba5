/** Servers of git repositories on this computer: `git daemon`, `git http-backend`, `sshd`. */

import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import { type AddressInfo, connect, createServer as createTcpServer, type Server } from 'node:net'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { systemProgram } from '@caravan/testkit'
import { freshPath, git } from './repositories.js'

export interface GitServer {
  /** Of the folder that it serves, without a slash at the end. */
  readonly url: string
  close(): Promise<void>
}

const HOST = '127.0.0.1'
/** Times that a server is asked whether it listens, and what is between them. */
const TRIES = 200
const BETWEEN_MS = 50

async function freePort(): Promise<number> {
  const server = createTcpServer()
  await listening(server)
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

function listening(server: Server): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, HOST, resolve)
  })
}

/** @throws Error with what the program said, where it ends or never listens. */
async function startedProgram(
  file: string,
  args: readonly string[],
  port: number,
): Promise<() => Promise<void>> {
  const child = spawn(file, args, { stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  child.stderr.on('data', (piece: Buffer) => {
    said += piece
  })
  const ended = new Promise<void>((resolve) => {
    child.once('error', (error) => {
      said += error.message
      resolve()
    })
    child.once('close', () => resolve())
  })
  for (let i = 0; i < TRIES; i++) {
    if (await answers(port)) return () => stop(child, ended)
    if (child.exitCode !== null || child.pid === undefined) break
    await delay(BETWEEN_MS)
  }
  await stop(child, ended)
  throw new Error(`${file} does not listen: ${said}`)
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, HOST)
    socket.once('error', () => resolve(false))
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
  })
}

async function stop(child: ChildProcess, ended: Promise<void>): Promise<void> {
  child.kill()
  await ended
}

/** `git://`, of all repositories in a folder. */
export async function gitDaemon(folder: string): Promise<GitServer> {
  const port = await freePort()
  // Started as itself: `git daemon` would be a process that has it as a child.
  const file = join(git(folder, ['--exec-path']).toString().trim(), 'git-daemon')
  const args = ['--export-all', '--reuseaddr', `--listen=${HOST}`, `--port=${port}`]
  const close = await startedProgram(file, [...args, `--base-path=${folder}`, folder], port)
  return { url: `git://${HOST}:${port}`, close }
}

/** `http://`, or `https://` with a certificate, of all repositories in a folder. */
export async function gitOverHttp(folder: string, certificate?: Certificate): Promise<GitServer> {
  const answer = (request: IncomingMessage, response: ServerResponse) => {
    answerByGit(folder, request, response)
  }
  const server =
    certificate === undefined ? createServer(answer) : createSecureServer(certificate, answer)
  await listening(server)
  const { port } = server.address() as AddressInfo
  const scheme = certificate === undefined ? 'http' : 'https'
  return {
    url: `${scheme}://${HOST}:${port}`,
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** One request by `git http-backend`, which is a CGI program (RFC 3875). */
function answerByGit(folder: string, request: IncomingMessage, response: ServerResponse): void {
  const { pathname, search } = new URL(request.url ?? '/', `http://${HOST}`)
  const { 'content-type': type, 'content-encoding': encoding } = request.headers
  const child = spawn('git', ['http-backend'], {
    stdio: ['pipe', 'pipe', 'ignore'],
    env: {
      PATH: process.env.PATH,
      GIT_PROJECT_ROOT: folder,
      GIT_HTTP_EXPORT_ALL: '1',
      GIT_CONFIG_COUNT: '1',
      GIT_CONFIG_KEY_0: 'safe.directory',
      GIT_CONFIG_VALUE_0: '*',
      REQUEST_METHOD: request.method,
      PATH_INFO: pathname,
      QUERY_STRING: search.slice(1),
      CONTENT_TYPE: type ?? '',
      HTTP_CONTENT_ENCODING: encoding ?? '',
      GIT_PROTOCOL: String(request.headers['git-protocol'] ?? ''),
      REMOTE_ADDR: HOST,
    },
  })
  child.stdin.on('error', () => {})
  request.pipe(child.stdin)
  const pieces: Buffer[] = []
  child.stdout.on('data', (piece: Buffer) => pieces.push(piece))
  child.on('close', () => {
    const bytes = Buffer.concat(pieces)
    const end = bytes.indexOf('\r\n\r\n')
    for (const line of bytes.subarray(0, end).toString().split('\r\n')) {
      const [, name = '', value = ''] = /^([^:]+): *(.*)$/.exec(line) ?? []
      if (name.toLowerCase() === 'status') response.statusCode = Number.parseInt(value, 10)
      else if (name !== '') response.setHeader(name, value)
    }
    response.end(bytes.subarray(end + 4))
  })
}

export interface Certificate {
  readonly key: Buffer
  readonly cert: Buffer
  /** Where `cert` lies, for who is to trust it. */
  readonly path: string
}

/** A certificate for this computer that nobody trusts but who is told to. */
export function makeCertificate(): Certificate {
  const folder = freshPath('certificate')
  mkdirSync(folder)
  const key = join(folder, 'key.pem')
  const path = join(folder, 'cert.pem')
  const args = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', key, '-out', path]
  const subject = ['-days', '2', '-subj', `/CN=${HOST}`, '-addext', `subjectAltName=IP:${HOST}`]
  execFileSync('openssl', [...args, ...subject], { stdio: 'pipe' })
  return { key: readFileSync(key), cert: readFileSync(path), path }
}

/** `ssh://` by a real server, with a key that is made for it. */
export interface SshServer extends GitServer {
  /** What git is to call instead of `ssh`: with that key, and trusting that server. */
  readonly command: string
  readonly user: string
  readonly port: number
}

export async function sshServer(): Promise<SshServer> {
  const folder = freshPath('ssh')
  mkdirSync(folder, { mode: 0o700 })
  const [hostKey, userKey] = ['host', 'user'].map((name) => {
    const path = join(folder, name)
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', path])
    return path
  }) as [string, string]
  // What its own start script makes: without it sshd does not run as root.
  if (process.getuid?.() === 0 && !existsSync('/run/sshd')) mkdirSync('/run/sshd')
  const port = await freePort()
  const config = join(folder, 'config')
  const settings = [
    `ListenAddress ${HOST}:${port}`,
    `HostKey ${hostKey}`,
    `AuthorizedKeysFile ${userKey}.pub`,
    'PidFile none',
    'UsePAM no',
    'StrictModes no',
    'PasswordAuthentication no',
    'PermitRootLogin prohibit-password',
    // Else bash runs the start-up file of whoever runs the tests, which may take seconds.
    'SetEnv SHLVL=2',
  ]
  writeFileSync(config, `${settings.join('\n')}\n`)
  const close = await startedProgram(
    systemProgram('sshd') as string,
    ['-D', '-e', '-f', config],
    port,
  )
  const known = join(folder, 'known')
  writeFileSync(known, `[${HOST}]:${port} ${readFileSync(`${hostKey}.pub`, 'utf8')}`)
  const options = `-F /dev/null -i ${userKey} -o UserKnownHostsFile=${known} -o BatchMode=yes`
  const user = userInfo().username
  return {
    url: `ssh://${user}@${HOST}:${port}`,
    command: `ssh ${options}`,
    user,
    port,
    close,
  }
}

/** What git's own tests do: a program in place of `ssh` that runs the command here, and notes it. */
export function standInForSsh(): { readonly command: string; asked(): string } {
  const folder = freshPath('stand-in')
  mkdirSync(folder)
  const path = join(folder, 'ssh')
  const note = join(folder, 'asked')
  writeFileSync(
    path,
    `#!/bin/sh\nprintf '%s\\n' "$*" >> '${note}'\nfor last; do :; done\nexec sh -c "$last"\n`,
  )
  chmodSync(path, 0o755)
  return { command: `'${path}'`, asked: () => readFileSync(note, 'utf8') }
}
