/** Resolves modules of `@caravan` as if they were asked for from another checkout. Node calls these by name. */

let parentURL

/** @param folder the checkout, as a URL with a slash at its end. */
export function initialize(folder) {
  parentURL = new URL('bench/worker.js', folder).href
}

export function resolve(specifier, context, next) {
  return specifier.startsWith('@caravan/')
    ? next(specifier, { ...context, parentURL })
    : next(specifier, context)
}
