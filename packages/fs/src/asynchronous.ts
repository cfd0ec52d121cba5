/** What asynchronous calls have in common. */

/** `Symbol.asyncDispose`, also where the platform has none yet. */
export const asyncDispose: typeof Symbol.asyncDispose =
  Symbol.asyncDispose ?? Symbol.for('Symbol.asyncDispose')

/** A promise, or a call of the callback once it is settled: outside any promise, as in Node. */
export function answer<T>(
  start: () => Promise<T>,
  callback: ((error: unknown, result?: T) => void) | undefined,
): Promise<T> | undefined {
  if (callback === undefined) return start()
  start().then(
    (result) => queueMicrotask(() => callback(null, result)),
    (error: unknown) => queueMicrotask(() => callback(error)),
  )
}
