/** Short names for addresses, in a key-value store: `/links/NAME` is bound to the address. */

import { randomInt } from 'node:crypto'
import { isKeyValueError, type KeyValueStore } from '@caravan/core'

const LETTERS = 'abcdefghijkmnpqrstuvwxyz23456789'
const NAME_LENGTH = 6
const ADDRESS_MAX = 2000

/** What a visitor did wrong, in words for a page. */
export class RefusedLink extends Error {
  override readonly name = 'RefusedLink'
}

export class Links {
  /** Ends when the last addition has ended. */
  private additions: Promise<unknown> = Promise.resolve()

  constructor(private readonly store: KeyValueStore) {}

  /**
   * Keeps an address: once this is answered it is durable.
   *
   * @param wanted the short name; by default one is drawn.
   * @returns the short name.
   * @throws RefusedLink for an address that is none, or a name that is taken or is none.
   */
  async add(address: string, wanted = ''): Promise<string> {
    const url = checkAddress(address)
    if (wanted !== '') checkName(wanted)
    // One at a time: of two visitors who want a name at once only one gets it.
    const added = this.additions.then(() => this.bind(url, wanted))
    this.additions = added.catch(() => {})
    return added
  }

  private async bind(url: string, wanted: string): Promise<string> {
    let name = wanted || drawName()
    while ((await this.store.exists(keyOf(name))) !== undefined) {
      if (wanted !== '') throw new RefusedLink(`The name "${name}" is taken. Choose another.`)
      name = drawName()
    }
    await this.store.set(keyOf(name), url)
    return name
  }

  async find(name: string): Promise<string | undefined> {
    if (!isName(name)) return undefined
    try {
      return new TextDecoder().decode(await this.store.get(keyOf(name)))
    } catch (error) {
      if (isKeyValueError(error, 'NotFound')) return undefined
      throw error
    }
  }

  /** Every name with its address, sorted. */
  async all(): Promise<[name: string, address: string][]> {
    if ((await this.store.exists('/links')) === undefined) return []
    const found: [string, string][] = []
    for (const [name] of await this.store.list('/links')) {
      const address = await this.find(name)
      if (address !== undefined) found.push([name, address])
    }
    return found
  }
}

function keyOf(name: string): string {
  return `/links/${name}`
}

function isName(name: string): boolean {
  return /^[\w-]{1,40}$/.test(name)
}

function checkName(name: string): void {
  if (isName(name)) return
  throw new RefusedLink('A name has 1 to 40 letters, digits, - or _.')
}

function checkAddress(address: string): string {
  if (address.length > ADDRESS_MAX) {
    throw new RefusedLink(`An address may have ${ADDRESS_MAX} characters.`)
  }
  const url = URL.canParse(address) ? new URL(address) : undefined
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return url.href
  throw new RefusedLink('Give an address that begins with http:// or https://.')
}

function drawName(): string {
  return Array.from({ length: NAME_LENGTH }, () => LETTERS[randomInt(LETTERS.length)]).join('')
}
