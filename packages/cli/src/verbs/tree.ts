/** `caravan tree`: everything in an image, drawn as a tree. */

import type { Command } from 'commander'
import type { Context } from '../context.js'
import {
  type Entry,
  type EntryJson,
  entryJson,
  leadsTo,
  showName,
  walkEntries,
} from '../entries.js'
import type { ImageOptions } from '../formats/format.js'
import { decodeLenient } from '../names.js'
import type { Image } from '../open-image.js'
import { parsePath } from '../paths.js'
import { formatCount, formatSize } from '../sizes.js'
import { ESCAPED, failOn, imageVerb, JSON_OPTION, PATH_HELP, withHelp, withImage } from '../verb.js'

interface TreeOptions extends ImageOptions {
  readonly json?: boolean
  readonly escaped?: boolean
}

/** An entry and what is in it. */
interface Node {
  readonly entry: Entry
  readonly children: Node[]
}

interface NodeJson extends EntryJson {
  name: string
  children?: NodeJson[]
}

export function addTree(program: Command, context: Context): void {
  const command = imageVerb(program, context, 'tree', 'show everything as a tree')
    .description('Draws a directory and all below it as a tree, with the size of each file.')
    .argument('<image>', 'the image, or - for standard input')
    .argument('[path]', 'where to begin', '/')
    .option(...JSON_OPTION)
    .option(...ESCAPED)
    .action((name: string, path: string, options: TreeOptions) => {
      const bytes = parsePath(path, options)
      return withImage(context, name, options, (image) => tree(context, image, bytes, options))
    })
  withHelp(
    command,
    [
      'caravan tree flash.img         everything',
      'caravan tree flash.img /www    one directory',
      'caravan tree --json flash.img  nested, for a program',
    ],
    PATH_HELP,
  )
}

async function tree(
  context: Context,
  { tree: entryTree, name }: Image,
  path: Uint8Array,
  { json = false, escaped = false }: TreeOptions,
): Promise<void> {
  const { out } = context
  const entries: Entry[] = []
  for await (const entry of walkEntries(entryTree, path)) entries.push(entry)
  const root = nest(entries)
  if (json) await out.line(JSON.stringify(nodeJson(root), undefined, 2))
  else {
    await out.put(showName(root.entry.path, out, escaped))
    await out.put(leadsTo(root.entry, out, escaped))
    await out.line(note(root.entry, context))
    await draw(root, '', escaped, context)
    await out.line(`\n${summary(entries)}`)
  }
  for (const { path: entryPath, error } of entries) {
    if (error !== undefined) await failOn(context, name, error, entryPath)
  }
}

function nest(entries: readonly Entry[]): Node {
  const nodes = entries.map((entry): Node => ({ entry, children: [] }))
  const above: Node[] = []
  for (const node of nodes) {
    above.length = node.entry.depth
    above[above.length - 1]?.children.push(node)
    above.push(node)
  }
  return nodes[0] as Node
}

async function draw(
  { children }: Node,
  indent: string,
  escaped: boolean,
  context: Context,
): Promise<void> {
  const { out, style } = context
  for (const [index, child] of children.entries()) {
    const isLast = index === children.length - 1
    await out.put(style('dim', `${indent}${isLast ? '└── ' : '├── '}`))
    const name = showName(child.entry.name, out, escaped)
    const isDirectory = child.entry.type === 'directory'
    await out.put(
      isDirectory && out.isTerminal ? style('blue', `${Buffer.from(name).toString()}/`) : name,
    )
    if (isDirectory && !out.isTerminal) await out.put('/')
    await out.put(leadsTo(child.entry, out, escaped))
    await out.line(note(child.entry, context))
    await draw(child, `${indent}${isLast ? '    ' : '│   '}`, escaped, context)
  }
}

/** What stands behind the name. */
function note({ type, size, error }: Entry, { style }: Context): string {
  if (error !== undefined) return ` ${style('red', '[damaged]')}`
  if (type === 'directory' || type === 'symlink') return ''
  if (type === 'submodule') return ` ${style('dim', '(submodule)')}`
  const kind = type === 'other' ? 'unknown type, ' : ''
  return ` ${style('dim', `(${kind}${formatSize(size)})`)}`
}

function summary(entries: readonly Entry[]): string {
  const files = entries.filter(({ type }) => type === 'file')
  const directories = entries.filter(({ type, depth }) => type === 'directory' && depth > 0)
  const links = entries.filter(({ type }) => type === 'symlink')
  const submodules = entries.filter(({ type }) => type === 'submodule')
  const others = entries.filter(({ type }) => type === 'other').length
  const sizeBytes = files.reduce((sum, { size }) => sum + size, 0)
  const parts = [
    formatCount(directories.length, 'directory'),
    formatCount(files.length, 'file'),
    ...(links.length === 0 ? [] : [formatCount(links.length, 'link')]),
    ...(submodules.length === 0 ? [] : [formatCount(submodules.length, 'submodule')]),
    ...(others === 0 ? [] : [`${others} of unknown type`]),
    formatSize(sizeBytes),
  ]
  return parts.join(', ')
}

function nodeJson({ entry, children }: Node): NodeJson {
  return {
    name: decodeLenient(entry.name),
    ...entryJson(entry),
    ...(entry.type === 'directory' ? { children: children.map(nodeJson) } : {}),
  }
}
