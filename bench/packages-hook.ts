/** Resolves modules of `@caravan` as if they were asked for from another checkout. */

import type { InitializeHook, ResolveHook } from 'node:module'

let parentURL: string | undefined

/** @param folder the checkout, as a URL with a slash at its end. */
export const initialize: InitializeHook<string> = (folder) => {
  parentURL = new URL('bench/worker.js', folder).href
}

export const resolve: ResolveHook = (specifier, context, next) =>
  specifier.startsWith('@caravan/') && parentURL !== undefined
    ? next(specifier, { ...context, parentURL })
    : next(specifier, context)
