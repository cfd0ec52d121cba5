/**
 * Reads an image of docteur again and again and prints, as JSON, the processor time of each time and
 * how large the process became with the first: a process of its own, so that the first is what a
 * program that has just started waits for.
 */

import { readFileSync } from 'node:fs'
import { FileDevice } from '@caravan/device/node'
import { Docteur } from '@caravan/docteur'
import { nodePlatform } from '@caravan/docteur/node'
import type { Reading, ReadingWork } from './git-trees.js'

const [, , work = '', image = '', times = ''] = process.argv

/** A prime, so that the paths lie all over the tree. */
const STEP = 7919

const device = FileDevice.openSync(image, { readOnly: true })
const files = (tree: Docteur) => [...tree.walkSync()].filter(({ type }) => type === 'file')

/** Each has its paths before time is taken. */
const WORKS: Readonly<Record<ReadingWork, () => (tree: Docteur) => unknown>> = {
  all: () => (tree) => {
    let sizeBytes = 0
    for (const { bytes } of tree.filesSync()) sizeBytes += bytes.length
    return sizeBytes
  },
  random: () => {
    const found = files(mount())
    const paths = Array.from({ length: 1000 }, (_, i) => found[(i * STEP) % found.length]?.path)
    return (tree) => {
      for (const path of paths) if (path !== undefined) tree.readFileSync(path)
    }
  },
  first: () => (tree) => {
    for (const { path, type } of tree.walkSync())
      if (type === 'file') return tree.readFileSync(path)
    return undefined
  },
}

function mount(): Docteur {
  return Docteur.mountSync(device, { platform: nodePlatform })
}

const processorMs = () => {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

/** `maxRSS` of a child is at first that of its parent; Linux tells that of the program itself. */
function largestBytes(): number {
  if (process.platform !== 'linux') return process.resourceUsage().maxRSS * 1024
  const status = readFileSync('/proc/self/status', 'utf8')
  return Number(/^VmHWM:\s*(\d+) kB$/m.exec(status)?.[1]) * 1024
}

const read = WORKS[work as ReadingWork]()
const startedBytes = largestBytes()
const ms: number[] = []
let readBytes = 0
for (let i = 0; i < Number(times); i++) {
  const begin = processorMs()
  read(mount())
  ms.push(processorMs() - begin)
  if (i === 0) readBytes = largestBytes()
}
console.log(JSON.stringify({ ms, startedBytes, readBytes } satisfies Reading))
