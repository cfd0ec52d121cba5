/** A store as the suite asks it: through promises or through the `Sync` functions. */

import { isKeyValueError, type KeyValueStore } from '@caravan/core'

/** Where a suite gets stores from. */
export interface StoreFactory {
  /** An empty store. */
  open(): Promise<KeyValueStore>
  /** The same store after a remount: whatever was answered must be there. */
  reopen?(store: KeyValueStore): Promise<KeyValueStore>
}

export type TimeExactness = 'ps' | 'ns' | 'ms' | 's' | 'double' | 'none'

export interface StoreCapabilities {
  /** Which functions are asked. */
  readonly mode: 'sync' | 'async'
  /** Remount before every single call. Needs `reopen`. Default false. */
  readonly remountBetween?: boolean
  /**
   * What a stored time is exact to; `double`: seconds since 1970 as a double. `none`: no times are
   * stored. Default `ms`.
   */
  readonly times?: TimeExactness
  /** Dictionaries have a time of their own, that of the last change below them. Default false. */
  readonly dictionaryTimes?: boolean
  /** The longest segment in bytes. Default 255. */
  readonly nameMax?: number
  /** A small batch in one dictionary is atomic. Default true. */
  readonly atomicBatches?: boolean
}

type SyncName = {
  [N in keyof KeyValueStore]: N extends `${infer Base}Sync`
    ? Base extends keyof KeyValueStore
      ? Base extends 'entries'
        ? never
        : Base
      : never
    : never
}[keyof KeyValueStore]

type Arguments<N extends SyncName> = Parameters<KeyValueStore[N]>
type Result<N extends SyncName> = Awaited<ReturnType<KeyValueStore[N]>>

export class Driver {
  private constructor(
    private readonly factory: StoreFactory,
    private readonly capabilities: StoreCapabilities,
    private store: KeyValueStore,
  ) {}

  static async open(factory: StoreFactory, capabilities: StoreCapabilities): Promise<Driver> {
    return new Driver(factory, capabilities, await factory.open())
  }

  async call<N extends SyncName>(name: N, ...args: Arguments<N>): Promise<Result<N>> {
    if (this.capabilities.remountBetween === true) await this.reopen()
    const { store } = this
    const called = this.capabilities.mode === 'sync' ? (`${name}Sync` as const) : name
    const method = store[called] as unknown as (...given: Arguments<N>) => Result<N>
    return await method.apply(store, args)
  }

  /** Everything below a key. */
  async entries(key: string): Promise<(readonly [string, string])[]> {
    if (this.capabilities.remountBetween === true) await this.reopen()
    if (this.capabilities.mode === 'sync') return [...this.store.entriesSync(key)]
    const found: (readonly [string, string])[] = []
    for await (const entry of this.store.entries(key)) found.push(entry)
    return found
  }

  /** The code of the error that a call ends in; `undefined` where it succeeds. */
  async codeOf(call: () => Promise<unknown>): Promise<string | undefined> {
    try {
      await call()
      return undefined
    } catch (error) {
      if (isKeyValueError(error)) return error.code
      throw error
    }
  }

  async text(key: string): Promise<string> {
    return new TextDecoder().decode(await this.call('get', key))
  }

  async reopen(): Promise<void> {
    if (this.factory.reopen !== undefined) this.store = await this.factory.reopen(this.store)
  }
}
