/** `caravan git`: images of Git trees, as docteur has them. */

import type { Command } from 'commander'
import type { Context } from '../context.js'
import { withHelp } from '../verb.js'
import { addGitMake } from './git-make.js'
import { addGitVerify } from './git-verify.js'

const GIT_HELP = `
An image holds a commit's whole tree in one file, compressed as only git packs are,
in docteur's layout. All other verbs read it: ls, tree, cat, get, stat, extract, kv...
docs/docteur.md has more.`

export function addGit(program: Command, context: Context): void {
  const git = program
    .command('git')
    .summary('images of Git trees')
    .description('Makes and verifies images that hold a Git tree.')
    .usage('<make|verify> [options] ...')
    .helpOption('-h, --help', 'print this help')
    .helpCommand(false)
  withHelp(git, ['caravan git make . site.img', 'caravan git verify site.img'], GIT_HELP)
  addGitMake(git, context)
  addGitVerify(git, context)
}
