/** The list of sizes in docs/dependencies.md: what of each package lies on a disk, in kilobytes. */

import { neededBy, type Packed, publishedPackages } from './packed.js'

const BEGIN = '<!-- sizes: npm run package-sizes -->'
const END = '<!-- end of sizes -->'

/** Within this part of it a size that is listed is right: it is to be of use, not to change daily. */
const TOLERANCE = 0.1

interface PackageSizes {
  readonly name: string
  /** Bytes of the package unpacked. */
  readonly own: number
  /** The same with all packages that it needs. */
  readonly whole: number
}

/** @param packed all packages of the workspace, and those of the registry that they need. */
export function sizesOf(root: string, packed: readonly Packed[]): PackageSizes[] {
  const sizes = new Map(packed.map((each) => [each.name, each.unpackedSize]))
  const own = (name: string) => sizes.get(name) ?? 0
  return publishedPackages(root).map((each) => {
    const { name } = each
    const whole = neededBy(root, each).reduce((sum, needed) => sum + own(needed.name), own(name))
    return { name, own: own(name), whole }
  })
}

/** The page with the list made anew. */
export function withSizes(page: string, sizes: readonly PackageSizes[]): string {
  const rows = sizes.map(({ name, own, whole }) => `| \`${name}\` | ${kb(own)} | ${kb(whole)} |`)
  const list = [
    '| package | unpacked, KB | with all that it needs, KB |',
    '| --- | --: | --: |',
    ...rows,
  ]
  const [before = '', , after = ''] = parts(page)
  return `${before}${BEGIN}\n${list.join('\n')}\n${END}${after}`
}

/** What of the list in a page is not so any more. */
export function staleSizes(page: string, sizes: readonly PackageSizes[]): string[] {
  const [, list = ''] = parts(page)
  const listed = new Map(
    [...list.matchAll(/^\| `(.+)` \| (\d+) \| (\d+) \|$/gm)].map(
      ([, name = '', own, whole]) => [name, [Number(own), Number(whole)]] as const,
    ),
  )
  const wrong = sizes.flatMap(({ name, own, whole }) => {
    const [listedOwn = 0, listedWhole = 0] = listed.get(name) ?? []
    if (isNear(listedOwn, own) && isNear(listedWhole, whole)) return []
    return [`${name}: listed ${listedOwn} and ${listedWhole} KB, it is ${kb(own)} and ${kb(whole)}`]
  })
  const gone = [...listed.keys()].filter((name) => !sizes.some((each) => each.name === name))
  return [...wrong, ...gone.map((name) => `${name}: listed, and there is no such package`)]
}

function isNear(listedKb: number, bytes: number): boolean {
  return Math.abs(listedKb * 1000 - bytes) <= Math.max(TOLERANCE * bytes, 1000)
}

function kb(bytes: number): number {
  return Math.round(bytes / 1000)
}

/** Before the list, the list, behind it. */
function parts(page: string): string[] {
  const begin = page.indexOf(BEGIN)
  const end = page.indexOf(END)
  if (begin === -1 || end < begin) throw new TypeError(`the page has no list: ${BEGIN}`)
  return [page.slice(0, begin), page.slice(begin + BEGIN.length, end), page.slice(end + END.length)]
}
