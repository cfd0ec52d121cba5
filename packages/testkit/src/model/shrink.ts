/** Shrinking: the shortest list found that still fails. */

/**
 * The shortest list found that still fails: parts are left out, large ones first, until nothing
 * more can be.
 *
 * @param fails whether a list still shows the failure
 * @param attempts how many lists to try at most
 */
export function shrinkList<T>(
  list: readonly T[],
  fails: (shorter: readonly T[]) => boolean,
  attempts = 2000,
): readonly T[] {
  const search = shrink(list, attempts)
  for (let step = search.next(); ; ) {
    if (step.done) return step.value
    step = search.next(fails(step.value))
  }
}

/** The same where it takes a promise to know whether a list still fails. */
export async function shrinkListAsync<T>(
  list: readonly T[],
  fails: (shorter: readonly T[]) => Promise<boolean>,
  attempts = 2000,
): Promise<readonly T[]> {
  const search = shrink(list, attempts)
  for (let step = search.next(); ; ) {
    if (step.done) return step.value
    step = search.next(await fails(step.value))
  }
}

/** Yields lists to be tried, is told whether each still fails, and returns the shortest that does. */
function* shrink<T>(
  list: readonly T[],
  attempts: number,
): Generator<readonly T[], readonly T[], boolean> {
  let best = list
  let left = attempts
  for (let length = Math.ceil(list.length / 2); length >= 1; ) {
    let shrunk = false
    for (let start = best.length - length; start > -length && left > 0; start -= length) {
      const from = Math.max(0, start)
      const shorter = [...best.slice(0, from), ...best.slice(start + length)]
      left--
      if (shorter.length < best.length && (yield shorter)) {
        best = shorter
        shrunk = true
      }
    }
    if (left <= 0) break
    if (length > 1) length = Math.floor(length / 2)
    else if (!shrunk) break
  }
  return best
}
