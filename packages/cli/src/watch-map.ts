/** Pictures of blocks one after the other, on a terminal or as an animated SVG. */

import { FREE } from './block-map.js'
import type { Context } from './context.js'
import type { ImageOptions } from './formats/format.js'
import { checkReplaceable, writeHostFile } from './host-files.js'
import { type DrawOptions, draw, FREE_LOOK } from './map-drawing.js'
import { type Frame, pause, watchFrames, workloadFrames } from './map-frames.js'
import { svgOf } from './map-svg.js'
import { harmlessText } from './names.js'
import { failOnHost } from './verb.js'

interface WatchMapOptions extends ImageOptions, DrawOptions {
  readonly watch?: boolean
  readonly workload?: number
  readonly seed?: number
  readonly svg?: string
  readonly frames?: number
  readonly every?: number
  readonly force?: boolean
}

const EVERY_MS = 100

/** What goes wrong is told on standard error. */
export async function watchMap(
  context: Context,
  name: string,
  options: WatchMapOptions,
): Promise<void> {
  const { svg, watch = false, force = false } = options
  try {
    if (svg !== undefined && svg !== '-') await checkReplaceable(Buffer.from(svg), force)
    const kept: Frame[] = []
    const screen = new Screen(context, options)
    await framesOf(context, name, options, async (frame) => {
      if (svg !== undefined) kept.push(frame)
      if (svg === undefined || watch) await screen.show(frame)
    })
    if (svg !== undefined) await writeSvg(context, svg, kept, options)
    await context.out.flush()
  } catch (error) {
    await failOnHost(context, name, error)
  }
}

function framesOf(
  context: Context,
  name: string,
  options: WatchMapOptions,
  onFrame: (frame: Frame) => Promise<void>,
): Promise<void> {
  const { workload, seed = 1, watch = false, frames, every = EVERY_MS } = options
  if (workload !== undefined) {
    return workloadFrames(context, name, options, { steps: workload, seed }, onFrame)
  }
  // A picture that does not move is the first of those that might.
  if (!watch) return workloadFrames(context, name, options, { steps: 0, seed }, onFrame)
  return watchFrames(context, name, options, { frameMax: frames, intervalMs: every }, onFrame)
}

async function writeSvg(
  context: Context,
  file: string,
  frames: readonly Frame[],
  { every = EVERY_MS, perCell, force = false }: WatchMapOptions,
): Promise<void> {
  const picture = svgOf(frames, { frameMs: every, ...(perCell === undefined ? {} : { perCell }) })
  if (file === '-') return context.out.put(picture)
  const { signal } = context
  await writeHostFile(Buffer.from(file), [Buffer.from(picture)], { force, signal })
}

/** Where frames are drawn one over the other, or, where it is no terminal, one after the other. */
class Screen {
  private isFirst = true

  constructor(
    private readonly context: Context,
    private readonly options: WatchMapOptions,
  ) {}

  async show({ title, blockSize, blocks, looks }: Frame): Promise<void> {
    const { out, style, signal } = this.context
    if (!this.isFirst && out.isTerminal) {
      await pause(
        this.options.workload === undefined ? 0 : (this.options.every ?? EVERY_MS),
        signal,
      )
    }
    if (out.isTerminal) out.append(this.isFirst ? CLEAR : HOME)
    else if (!this.isFirst) await out.line()
    this.isFirst = false
    await out.line(style('bold', harmlessText(title)) + (out.isTerminal ? CLEAR_LINE : ''))
    const uses = blocks.flatMap(({ look }, block) => (look === FREE ? [] : [{ block, look }]))
    const picture = {
      blockSize,
      blockCount: blocks.length,
      uses,
      looks: { ...looks, [FREE]: FREE_LOOK },
      ageOf: (block: number) => blocks[block]?.age ?? Number.POSITIVE_INFINITY,
    }
    await draw(this.context, picture, this.options)
    if (out.isTerminal) out.append(CLEAR_BELOW)
    await out.flush()
  }
}

/** ECMA-48: the cursor to the corner, what is there left standing until it is drawn over. */
const HOME = '\x1b[H'
const CLEAR = '\x1b[H\x1b[2J'
const CLEAR_LINE = '\x1b[K'
const CLEAR_BELOW = '\x1b[J'
