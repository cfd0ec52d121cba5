/** What one image may cost: docs/reliability.md, "What hostile bytes may cost". */

/** Processor time, so that a busy machine makes no failure. */
const CPU_MAX_US = 1e6
/** So much more than it has ever had the process may take. */
const MEMORY_MAX_KIB = 256 * 1024

/**
 * Begins to watch.
 *
 * @param threads of this process that are as busy: their time cannot be told apart
 * @returns to be asked afterwards: what was too much, or undefined
 */
export function watchCost(threads = 1): () => string | undefined {
  const cpu = process.cpuUsage()
  const { maxRSS } = process.resourceUsage()
  return () => {
    const { user, system } = process.cpuUsage(cpu)
    if (user + system > threads * CPU_MAX_US) return `over ${CPU_MAX_US / 1e6} s`
    const grown = process.resourceUsage().maxRSS - maxRSS
    return grown > MEMORY_MAX_KIB ? `over ${MEMORY_MAX_KIB / 1024} MiB` : undefined
  }
}
