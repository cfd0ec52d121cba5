export { deviceSizeBytes, readBytes } from './device-bytes.js'
export { decodePartitionCsv, encodePartitionCsv } from './esp-partition-csv.js'
export {
  decodePartitionTable,
  type EspPartition,
  encodePartitionTable,
  PARTITION_TABLE_OFFSET,
  PARTITION_TABLE_SIZE,
  partitionKind,
  partitionNamed,
} from './esp-partition-table.js'
export { findForeign } from './find-foreign.js'
export { type Foreign, type ForeignKind, foreignError, identify, isLittlefs3 } from './foreign.js'
export { gunzip, isGzip } from './gzip.js'
export { decodeIntelHex, encodeIntelHex, isIntelHex } from './intel-hex.js'
export { type Region, regionsOf, type Segment } from './segments.js'
export { decodeUf2, encodeUf2, isUf2, type Uf2File, type Uf2Options } from './uf2.js'
export { familyName, familyNamed, UF2_FAMILIES } from './uf2-families.js'
export { type UnwrapOptions, type Unwrapped, unwrap, wrapperOf } from './unwrap.js'
