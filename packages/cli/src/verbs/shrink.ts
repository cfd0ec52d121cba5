/** `caravan shrink`: makes the filesystem of an image smaller, where its end is free. */

import { truncate } from 'node:fs/promises'
import type { Command } from 'commander'
import { asSize } from '../arguments.js'
import type { Context } from '../context.js'
import { HostError } from '../errors.js'
import type { ImageOptions } from '../formats/format.js'
import { blocksIn, blocksInWords } from '../geometry.js'
import { type ChangeOptions, changeImage, isAddress, refuseAddress } from '../open-image.js'
import { changingVerb, failOnHost, lacks, withHelp } from '../verb.js'

interface ShrinkOptions extends ImageOptions, ChangeOptions {
  readonly quiet?: boolean
}

const SHRINK_HELP = `
Nothing is moved: what is beyond the new end must be free, else the first block in use
there is named, and whose it is (see also \`caravan map\`). The file is cut off with the
filesystem; where something follows that, the file keeps its length.`

export function addShrink(program: Command, context: Context): void {
  const command = changingVerb(program, context, 'shrink', 'make the filesystem smaller')
    .description('Makes the filesystem in an image smaller, in place and under its lock.')
    .argument('<image>', 'the image')
    .argument('<size>', 'the new size, a whole number of blocks: 320K, 1M', asSize)
    .option('-q, --quiet', 'no summary')
    .action((name: string, size: number, options: ShrinkOptions) =>
      shrink(context, name, size, options),
    )
  withHelp(command, ['caravan shrink flash.img 320K'], SHRINK_HELP)
}
