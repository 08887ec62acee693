/**
 * The numbers of the CID profile `unixfs-v1-2025` (IPIP-499): the same bytes get the same CID
 * everywhere. They are no limits: changing one changes every CID.
 */
export const UNIXFS_PROFILE = 'unixfs-v1-2025'

/** Bytes of a chunk; only the last of a file is smaller. */
export const CHUNK_BYTES = 1_048_576

/** Children of one node of a file. */
export const FILE_FANOUT = 1024

/** Bytes of a folder's block above which it becomes a HAMT (equal is still flat). */
export const FLAT_FOLDER_BYTES = 262_144

/** Children of one HAMT shard: one byte of the name's hash a level. */
export const SHARD_FANOUT = 256

/** Multihash code of murmur3-x64-64, the only hash UnixFS shards use (UnixFS spec, HAMTDirectory). */
export const SHARD_HASH = 0x22
