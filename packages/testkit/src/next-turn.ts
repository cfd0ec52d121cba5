/**
 * Lets the test runner's own messages through: a loop of synchronous work that goes on for a minute
 * makes it think that its worker is gone.
 */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve)
  })
}
