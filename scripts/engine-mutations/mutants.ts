/**
 * Small faults in the engine, each of which loses something: the suites must notice every one.
 *
 * A mutant is a text of a source, which stands there exactly once, and what stands there instead.
 */

export interface Mutant {
  readonly name: string
  /** What goes wrong for a user of such an engine. */
  readonly story: string
  /** Below packages/littlefs/src. */
  readonly file: string
  readonly find: string
  readonly replace: string
}

export const MUTANTS: readonly Mutant[] = [
  {
    name: 'commit-without-sync',
    story: 'a commit is told as done before the device has it: a closed file is gone',
    file: 'verified-prog.ts',
    find: '    const steps = syncsFirst ? [sync, prog, sync] : [prog, sync]\n',
    replace: '    const steps = syncsFirst ? [sync, prog] : [prog]\n',
  },
  {
    name: 'data-without-sync',
    story: 'a commit goes before the data that it refers to: the file holds garbage',
    file: 'volume.ts',
    find: '    if (!this.dataIsUnsynced) return\n',
    replace: '    if (!this.dataIsUnsynced || this.dataIsUnsynced) return\n',
  },
  {
    name: 'data-without-sync-before-append',
    story: 'the same where the commit is appended, in one step with the sync of the data',
    file: 'commit.ts',
    find: '      volume.dataIsUnsynced,\n    ),\n',
    replace: '      false,\n    ),\n',
  },
  {
    name: 'unit-programmed-twice',
    story:
      'an append goes on inside a program unit that is programmed: flash refuses, or garbles it',
    file: 'ctz-writer.ts',
    find: '    if (fill === programmed) {\n',
    replace: '    if (fill <= programmed) {\n',
  },
  {
    name: 'erase-reordered-with-log',
    story: 'the erase of a log is lost and its prog is not: the new log goes on into old commits',
    file: 'log-writer.ts',
    find: "  if (needsErase) yield { kind: 'sync' }\n",
    replace: '',
  },
  {
    name: 'append-after-torn-commit',
    story: 'after a torn commit the log is appended to where it is not erased',
    file: 'metadata-pair.ts',
    find: 'this.nextIsErased = summary.erasedByte !== undefined',
    replace: 'this.nextIsErased = true',
  },
  {
    name: 'revision-not-raised',
    story: 'a rewritten log is no newer than the one before: the old one comes back',
    file: 'compaction.ts',
    find: 'const revision = (pair.summary.revision + 1) >>> 0',
    replace: 'const revision = pair.summary.revision >>> 0',
  },
  {
    name: 'new-pair-older-than-its-other-block',
    story: "a new pair's other block holds an older log that counts as newer",
    file: 'log-writer.ts',
    find: '    const revision = (begin + 1) >>> 0\n',
    replace: '    const revision = begin - begin + 1\n',
  },
  {
    name: 'older-half-in-force',
    story: 'of two good halves the older is read',
    file: 'metadata-pair.ts',
    find: 'return ((a - b) | 0) > 0',
    replace: 'return ((a - b) | 0) < 0',
  },
  {
    name: 'move-not-announced',
    story: 'a cut between the two commits of a rename leaves both names',
    file: 'tree-change.ts',
    find: '  volume.state.setMove({ pair: source.blocks, id })\n',
    replace: '',
  },
  {
    name: 'move-never-finished',
    story: 'the old name of a renamed entry stays',
    file: 'tree-change.ts',
    find: "  yield* commit(volume, source, [{ kind: 'delete', id: source.entries.indexOf(shadow) }])\n",
    replace: '',
  },
  {
    name: 'pending-move-dropped-at-mount',
    story: 'what a cut left of a rename is not finished by the next mount',
    file: 'thread.ts',
    find: '  volume.state.checkMove(move)\n',
    replace:
      '  volume.state.checkMove(move)\n  if (move.sound) return volume.state.setMove(undefined)\n',
  },
  {
    name: 'orphan-not-announced',
    story: 'a cut between the commits of a new directory leaves a pair that nobody takes away',
    file: 'tree-change.ts',
    find: '    // The list gets the new pair before the tree does.\n    volume.state.addOrphan()\n',
    replace: '    volume.state.orphanCount++\n',
  },
  {
    name: 'orphans-left',
    story: 'the pairs of a directory whose removal was cut stay for ever',
    file: 'thread.ts',
    find: 'if (pass === 1 && entry === undefined && alsoFull) {',
    replace: 'if (pass === 2 && entry === undefined && alsoFull) {',
  },
  {
    name: 'half-orphans-left',
    story: 'the list leads to the old place of a pair that has moved',
    file: 'thread.ts',
    find: "if (pass === 0 && struct?.kind === 'directory' && !isSamePair(struct.pair, tail)) {",
    replace: "if (pass === 2 && struct?.kind === 'directory' && !isSamePair(struct.pair, tail)) {",
  },
  {
    name: 'parent-not-told-of-move',
    story: 'a pair moves, and its directory entry leads to where it was',
    file: 'thread.ts',
    find: '    if (entry !== undefined) {\n      volume.state.addOrphan()',
    replace: '    if (entry !== undefined && entry.removed) {\n      volume.state.addOrphan()',
  },
  {
    name: 'list-not-told-of-move',
    story: 'a pair moves, and the list still leads to its old blocks',
    file: 'thread.ts',
    find: "{ kind: 'tail', tail: pair.blocks, hard: pred.summary.hardTail },",
    replace: "{ kind: 'tail', tail: before, hard: pred.summary.hardTail },",
  },
  {
    name: 'state-of-dropped-pair-lost',
    story: 'a pair is taken off the list, and its share of the global state with it',
    file: 'state-keeper.ts',
    find: 'if (globalDelta !== undefined) this.orphanedDelta = xorStates(this.orphanedDelta, globalDelta)',
    replace: 'if (globalDelta === undefined) this.orphanedDelta = ZERO_STATE',
  },
  {
    name: 'blocks-free-at-once',
    story:
      'what a change gives up is reused before its commit: a cut brings back a file without data',
    file: 'allocator.ts',
    find: '    else this.returned.push(block)\n',
    replace: '    else this.used?.delete(block)\n',
  },
  {
    name: 'blocks-of-open-files-free',
    story: 'blocks that only an open handle needs are given to another file',
    file: 'free-space.ts',
    find: '    for (const file of this.volume.openFiles) yield* file.addNeededTo(used)\n',
    replace: '',
  },
  {
    name: 'orphaned-blocks-free',
    story: 'blocks of pairs that only the list leads to are given away before the repair',
    file: 'traverse.ts',
    find: '  yield* traversal.walkThread()\n',
    replace: '',
  },
  {
    name: 'scan-after-commit',
    story: 'a change that has committed a part takes blocks that a cut would bring back',
    file: 'allocator.ts',
    find: 'return this.used === undefined || !this.committed',
    replace: 'return true',
  },
]
