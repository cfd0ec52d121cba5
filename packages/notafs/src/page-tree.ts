/**
 * Page tree: pages of one structure (the directory payload, the free queue) and the branches above
 * them, in memory, balanced.
 *
 * 1. A node has the id and checksum of the page that holds it, or id 0: then it is to be written, and
 *    so are all nodes above it.
 * 2. The pages that nodes were in are told to `onFreed` when they are left.
 * 3. All leaves are at height 0, and a branch is one higher than its children.
 */

export abstract class TreePage {
  parent: Branch | undefined
  /** Sector of the page that holds this node as it is; 0 where none does. */
  id = 0
  checksum = 0
}

export class Branch extends TreePage {
  /** Bytes under it as its page says, where its structure counts them; of one on a page alone. */
  sizeBytes: number | undefined

  constructor(
    readonly height: number,
    readonly children: TreePage[],
  ) {
    super()
    for (const child of children) child.parent = this
  }
}

export class PageTree<Leaf extends TreePage> {
  root: TreePage | undefined
  /** Nodes that are to be written. */
  dirtyCount = 0
  leafCount = 0

  constructor(
    private readonly branchChildren: number,
    private readonly onFreed: (id: number) => void,
  ) {}

  get height(): number {
    return this.root instanceof Branch ? this.root.height : 0
  }

  /** Takes over a tree that is on the device. */
  adopt(root: TreePage): void {
    this.root = root
    for (const _ of this.leaves()) this.leafCount++
  }

  /** Gives all pages back, and builds a new tree over leaves that are on no page. */
  rebuild(leaves: readonly Leaf[]): void {
    for (const node of this.nodes()) if (node.id !== 0) this.onFreed(node.id)
    this.dirtyCount = leaves.length
    this.leafCount = leaves.length
    let level: TreePage[] = [...leaves]
    for (let height = 1; level.length > 1; height++) {
      const above: Branch[] = []
      // Evenly, so that no branch is left with a single child.
      const count = Math.ceil(level.length / this.branchChildren)
      for (let i = 0; i < count; i++) {
        const first = Math.floor((level.length * i) / count)
        const end = Math.floor((level.length * (i + 1)) / count)
        above.push(new Branch(height, level.slice(first, end)))
      }
      this.dirtyCount += above.length
      level = above
    }
    this.root = level[0]
    if (this.root !== undefined) this.root.parent = undefined
  }

  /** Says that a node is no longer what its page holds. */
  touch(node: TreePage): void {
    for (
      let each: TreePage | undefined = node;
      each !== undefined && each.id !== 0;
      each = each.parent
    ) {
      this.onFreed(each.id)
      each.id = 0
      this.dirtyCount++
    }
  }

  /** Puts a new leaf behind another, or alone into an empty tree. */
  insertAfter(leaf: Leaf | undefined, added: Leaf): void {
    this.dirtyCount++
    this.leafCount++
    if (leaf === undefined) {
      this.root = added
      return
    }
    this.addSibling(leaf, added)
  }

  private addSibling(node: TreePage, added: TreePage): void {
    const { parent } = node
    if (parent === undefined) {
      const height = node instanceof Branch ? node.height + 1 : 1
      this.root = new Branch(height, [node, added])
      this.dirtyCount++
      return
    }
    this.touch(parent)
    const { children } = parent
    const place = children.indexOf(node) + 1
    added.parent = parent
    children.splice(place, 0, added)
    if (children.length <= this.branchChildren) return
    // What grows at its end stays full; elsewhere both halves have room.
    const isLast = place === children.length - 1
    const moved = children.splice(isLast ? place : children.length >> 1)
    this.dirtyCount++
    this.addSibling(parent, new Branch(parent.height, moved))
  }

  /** Takes a node out; branches that are left empty go with it. */
  remove(node: TreePage): void {
    if (node.id !== 0) this.onFreed(node.id)
    else this.dirtyCount--
    if (!(node instanceof Branch)) this.leafCount--
    const { parent } = node
    node.parent = undefined
    if (parent === undefined) {
      this.root = undefined
      return
    }
    const { children } = parent
    children.splice(children.indexOf(node), 1)
    if (children.length === 0) {
      this.remove(parent)
      return
    }
    this.touch(parent)
    while (this.root instanceof Branch && this.root.children.length === 1) {
      const [only] = this.root.children as [TreePage]
      if (this.root.id !== 0) this.onFreed(this.root.id)
      else this.dirtyCount--
      only.parent = undefined
      this.root = only
    }
  }

  /** The leaf at one end; `undefined` for an empty tree. */
  end(side: 'first' | 'last'): Leaf | undefined {
    let node = this.root
    while (node instanceof Branch) {
      node = node.children[side === 'first' ? 0 : node.children.length - 1]
    }
    return node as Leaf | undefined
  }

  /** All leaves, in order. */
  *leaves(): Generator<Leaf, void, void> {
    for (const node of this.nodes()) if (!(node instanceof Branch)) yield node as Leaf
  }

  /** All nodes, children before their parent. */
  *nodes(): Generator<TreePage, void, void> {
    if (this.root !== undefined) yield* nodesUnder(this.root)
  }

  /** Nodes that are to be written, children before their parent. */
  dirtyNodes(): TreePage[] {
    const nodes: TreePage[] = []
    if (this.root !== undefined) addDirty(this.root, nodes)
    return nodes
  }

  /** All nodes are on the pages that they were given. */
  settled(): void {
    this.dirtyCount = 0
  }
}

function* nodesUnder(root: TreePage): Generator<TreePage, void, void> {
  if (root instanceof Branch) for (const child of root.children) yield* nodesUnder(child)
  yield root
}

function addDirty(node: TreePage, nodes: TreePage[]): void {
  if (node.id !== 0) return
  if (node instanceof Branch) for (const child of node.children) addDirty(child, nodes)
  nodes.push(node)
}
