/** A littlefs block by block and commit by commit, in words. */

import { type BlockDevice, FsError } from '@caravan/core'
import {
  type DumpedBlock as BlockFound,
  commitLog,
  type DumpedTag,
  dump,
  type LoggedChange,
  type LoggedCommit,
} from '@caravan/littlefs'
import { given } from '../geometry.js'
import { decodeLenient, toHex } from '../names.js'
import type { DumpedBlock, ImageOptions, LoggedState } from './format.js'

/** Bytes of a tag that are shown of its data. */
const SHOWN_BYTES = 16

export async function logLittlefs(
  device: BlockDevice,
  { blockSize, blockCount }: ImageOptions,
  path: Uint8Array | undefined,
): Promise<LoggedState[]> {
  const commits = await commitLog(device, given({ blockSize, blockCount }))
  const wanted = path === undefined ? undefined : decodeLenient(path).replace(/(.)\/+$/, '$1')
  const about = wanted === undefined ? commits : commits.filter((commit) => isAbout(commit, wanted))
  if (wanted !== undefined && about.length === 0) {
    const hint = 'no commit that the image still holds is about it'
    throw new FsError('ENOENT', { syscall: 'log', path: wanted, hint })
  }
  return newestFirst(about).map((commit) => loggedState(commit, wanted))
}

/** Within each pair; the pairs stay in their order. */
function newestFirst(commits: readonly LoggedCommit[]): LoggedCommit[] {
  const byPair = new Map<string, LoggedCommit[]>()
  for (const commit of commits) {
    const key = commit.pair.join()
    byPair.set(key, [commit, ...(byPair.get(key) ?? [])])
  }
  return [...byPair.values()].flat()
}

/** Of a directory all commits of its pairs, of a file those that changed it. */
function isAbout({ path, changes }: LoggedCommit, wanted: string): boolean {
  return path === wanted || changes.some((change) => change.path === wanted)
}

function loggedState(commit: LoggedCommit, wanted: string | undefined): LoggedState {
  const { number, path, block, revision, start, end, compacted, current, changes } = commit
  const own = path === wanted ? changes : changes.filter((change) => change.path === wanted)
  const told = wanted === undefined ? changes : own
  const words = told.map(changeInWords)
  if (compacted) words.unshift('written anew')
  const marks = current ? ', current' : ''
  const note = `${path ?? 'no directory'} (block ${block}, revision ${revision}${marks}): ${words.join('; ') || 'nothing that shows'}`
  const details = {
    path,
    pair: commit.pair,
    block,
    revision,
    start,
    end,
    compacted,
    current,
    changes,
  }
  return { id: String(number), note, details }
}

function changeInWords({
  kind,
  path,
  size,
  sizeBefore,
  content,
  attributes,
}: LoggedChange): string {
  const sizes =
    kind === 'added'
      ? size
      : kind === 'removed'
        ? sizeBefore
        : content
          ? `${sizeBefore ?? 0} -> ${size ?? 0}`
          : undefined
  const parts = [
    ...(sizes === undefined ? [] : [`${sizes} bytes`]),
    ...(attributes.length === 0 ? [] : [`attributes ${attributes.map(hexByte).join(' ')}`]),
  ]
  return `${kind} ${path}${parts.length === 0 ? '' : ` (${parts.join(', ')})`}`
}

export async function* dumpLittlefs(
  device: BlockDevice,
  { blockSize, blockCount }: ImageOptions,
  blocks: readonly number[] | undefined,
): AsyncGenerator<DumpedBlock, void, void> {
  for await (const found of dump(device, given({ blockSize, blockCount, blocks }))) {
    yield {
      block: found.block,
      title: titleOf(found),
      lines: linesOf(found),
      isFree: found.kind === 'erased' || found.kind === 'unused',
      bytes: found.bytes,
      json: jsonOf(found),
    }
  }
}

function titleOf({ kind, path, pair, inForce, index, log }: BlockFound): string {
  const of = path === undefined ? '' : ` of ${path}`
  switch (kind) {
    case 'metadata': {
      const half = inForce === true ? 'in force' : 'other half'
      return `metadata${of}, ${half} of the pair {${pair?.join(', ')}}, revision ${log?.revision}`
    }
    case 'data':
      return `data${of}, number ${index} of the file`
    case 'old log':
      return `old log, to which nothing leads, revision ${log?.revision}`
    default:
      return kind
  }
}

function linesOf({ log, pointers = [] }: BlockFound): string[] {
  if (pointers.length > 0) return [`pointers: ${pointers.join(', ')}`]
  if (log === undefined) return []
  const lines = log.commits.flatMap(({ start, end, tags }, i) => [
    `commit ${i + 1}, ${hexWord(start)} to ${hexWord(end)}`,
    ...tags.map(tagLine),
  ])
  const { offset, reason, tags } = log.end
  if (tags.length > 0) lines.push('no commit, and without force:', ...tags.map(tagLine))
  return [...lines, `end at ${hexWord(offset)}: ${reason}`]
}

function tagLine({ offset, name, id, deleted, says, data }: DumpedTag): string {
  const bytes = toHex(data.subarray(0, SHOWN_BYTES)).replaceAll(/(..)(?=.)/g, '$1 ')
  const more = data.length > SHOWN_BYTES ? ' ...' : ''
  const cells = [
    `  ${hexWord(offset)}`,
    name.padEnd(19),
    (id === undefined ? '-' : `id ${id}`).padEnd(6),
    deleted ? 'deleted' : says,
  ]
  return `${cells.join('  ')}${data.length === 0 ? '' : `  [${bytes}${more}]`}`.trimEnd()
}

function jsonOf({ block: _, bytes, log, ...rest }: BlockFound): Record<string, unknown> {
  const tagJson = ({ data, ...tag }: DumpedTag) => ({ ...tag, data: toHex(data) })
  if (log === undefined)
    return { ...rest, ...(rest.kind === 'data' ? { bytes: toHex(bytes) } : {}) }
  const { revision, commits, end } = log
  return {
    ...rest,
    revision,
    commits: commits.map(({ tags, ...commit }) => ({ ...commit, tags: tags.map(tagJson) })),
    end: { ...end, tags: end.tags.map(tagJson) },
  }
}

function hexWord(value: number): string {
  return `0x${value.toString(16).padStart(4, '0')}`
}

function hexByte(value: number): string {
  return `0x${value.toString(16).padStart(2, '0')}`
}
