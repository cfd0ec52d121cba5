/**
 * What files keep in memory beside their entries: lists of blocks, the blocks that a handle read last.
 *
 * Counted as they are made. When they have outgrown their share all of them are let go of, but for
 * what handles have not yet written, and counted anew: so the count is never too low for long.
 */
export class MemoryLedger {
  bytes = 0
}
