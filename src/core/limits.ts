const KIB = 1024
const MIB = 1024 * KIB
const GIB = 1024 * MIB

/** Every number a user can hit, with its unit and its reason. What is configurable has its default here. */
export const limits = {
  /** Bytes of one file, at every door. The original's figure; `PRSM_MAX_FILE_SIZE`, 0 = no limit but the disk. */
  maxFileBytes: GIB,
  /**
   * Uploads, downloads, imports and pins at a time; more wait in line; `PRSM_CONCURRENCY`. The original had
   * 10; of 1 to 50 uploads at once of 1 KB to 1 MB, 20 were the fastest (the bench, two cores): commits
   * and syncs are shared by those that wait for them.
   */
  concurrency: 20,
  maxConcurrency: 10_000,
  /**
   * Milliseconds after which one that has moved nothing gives way to those in line: its client is slow,
   * its peer silent, or its source an operation that waits itself.
   */
  operationStallMs: 2_000,
  /** Bytes of one block we accept: what Bitswap peers and gateways exchange (specs: 2 MiB). */
  maxBlockBytes: 2 * MIB,
  /** Bytes of a block kept inside `blocks.db`; larger ones are files. Kept in the format stamp. */
  inlineBlockBytes: 64 * KIB,
  /**
   * Bytes of one checksummed segment of a block file: a range reads and sums up whole ones, and 64 KiB at
   * random touch five of these. Kept in the format stamp.
   */
  segmentBytes: 16 * KIB,
  /** Block files in one directory: one directory sync covers them all. */
  filesPerDirectory: 4096,
  /** Block files that stay open for the next range, where the process may have four times as many: a 1 GiB file. */
  openBlockFiles: 1024,
  /** What is left of them when descriptors ran out. */
  fewestOpenBlockFiles: 8,
  /** Bytes by which a writer that does not say what it brings reserves room. */
  quotaStepBytes: 16 * MIB,
  /** Bytes that stay free on the disk, and the share of a small one. `PRSM_STORAGE_RESERVE`; 0: none. */
  storageReserveBytes: GIB,
  storageReserveShare: 1 / 20,
  /** Bytes one lease may have put and not yet synced. */
  leaseDirtyBytes: 64 * MIB,
  /** Bytes of them that are still in memory and go to files: few enough to stay in the processor's cache until they are written. */
  leaseHeldBytes: 8 * MIB,
  /**
   * The same of small blocks, with what they take beside their bytes: while two batches of them are with
   * the thread that stores them a third is synced and a fourth gathers.
   */
  leaseSmallBytes: 12 * MIB,
  /** Weight of the blocks in one transaction of the event loop (`commitWeight`): one of a kilobyte has 1.1. */
  storeBatchWeight: 400,
  /** The same of the thread that stores those which come by hundreds: some 20 ms of its time. */
  storeAsideWeight: 1200,
  /** Small blocks among them for which it is started: the inner nodes of a few large files are none. */
  storeAsideBlocks: 12,
  /** Bytes of them after which it does not wait for more: a lease holds four times as many in memory. */
  storeAsideBytes: 2.5 * MIB,
  /** Batches it has at once, the next one packed while it stores the other. */
  storeAsideAtOnce: 2,
  /** Milliseconds a collection waits for leases that are open when it begins: what they may have met, it cannot take. */
  collectionPatienceMs: 2_000,
  /**
   * Look-ups of blocks to be put that find none, until the keys of all blocks are kept in memory (16 bits
   * each): many are being written, and most are new. To start the thread that reads them takes as long as
   * thousands of look-ups. At least this share of the blocks that are stored: a look-up takes as long as that
   * thread takes to read the keys of three.
   */
  keyFilterMisses: 4_000,
  keyFilterMissShare: 1 / 8,
  /** Keys there is room for at first, and bytes at most: those of 16,777,216 keys. */
  keyFilterKeys: 1_048_576,
  maxKeyFilterBytes: 32 * MIB,
  /** Nodes from the root of a DAG to a leaf. A balanced file of 1,024 links a node needs 4 for a tebibyte. */
  maxDagDepth: 128,
  /** Entries of one folder with all below it: what one upload, listing or download walks. */
  maxFolderEntries: 1_000_000,
  /** Components of a path inside a folder. */
  maxPathDepth: 256,
  /** UTF-8 bytes of one name in a folder (what Linux file systems take). */
  maxNameBytes: 255,
  /** UTF-8 bytes of a path. */
  maxPathBytes: 4096,
  /** UTF-8 bytes of `filename` and of `contentType`. */
  maxFilenameBytes: 255,
  maxContentTypeBytes: 255,
  /** Bytes the reader holds ahead of a consumer. */
  readAheadBytes: 8 * MIB,
  /**
   * Blocks the reader holds ahead of a consumer, however small they say they are: of blocks of 1 KiB
   * 20 ms away that is 3 MB/s, and 128 MiB of blocks that lie may be on their way at once.
   */
  readAheadBlocks: 64,
  /** Bytes of interior nodes one reader or walk holds: a path of honest ones is far below. */
  maxHeldNodeBytes: 32 * MIB,
  /** Bytes of decoded interior nodes a node keeps for the next reader: those of some 200 GiB of files. */
  nodeCacheBytes: 16 * MIB,
  /** Bytes a CID may carry in itself (identity multihash), as in other implementations. */
  maxIdentityBytes: 128,
  /** Texts of CIDs whose parsed form is kept: to parse one takes longer than to find its block. */
  rememberedCids: 1_000,
  /** Bytes of blocks an import has handed to the store and not yet got its answer for. */
  importAheadBytes: 4 * MIB,
  /** Bytes of blocks kept in memory for the next reader. `PRSM_IPFS_CACHE_SIZE_MB`; 0 keeps none. */
  cacheBytes: 100 * MIB,
  /** Milliseconds a block may go without progress while others are asked for it. `PRSM_IPFS_TIMEOUT`. */
  retrievalIdleMs: 60_000,
  /** Milliseconds for which 'nobody has it' is remembered, and how many CIDs it is remembered of. */
  missedMs: 2_000,
  maxMissed: 10_000,
  /** Wrong blocks that are taken from a source for one CID before it is given up. */
  maxWrongBlocks: 16,
  /** Answers of those who were asked that the details of an error tell. */
  maxToldAnswers: 20,
  /** UTF-8 bytes of the name of a pin, and of its metadata as JSON; entries of that. */
  maxPinNameBytes: 255,
  maxPinMetadataBytes: 4 * KIB,
  maxPinMetadata: 64,
  /** Blocks a pin in the making has asked for and not got, and milliseconds without one after which it says so. */
  pinFetches: 64,
  pinStallMs: 5_000,
  /** Links a walk over a DAG (a CAR out, a completeness check) holds to be visited. */
  maxWalkLinks: 1_000_000,
  /** Bytes of the header of a CAR, which names its roots, and roots of one CAR that are rooted. */
  maxCarHeaderBytes: 1 * MIB,
  maxCarRoots: 1_000,
  /** Blocks that are missing below a root of a CAR, of which an import tells. */
  maxToldMissing: 10,
  /** Requests the gateway answers at a time; more are told to come back (429). */
  gatewayRequests: 256,
  gatewayRetryAfterSeconds: 5,
  /** Milliseconds a gateway answer may go without a byte taken by its client. */
  gatewayIdleMs: 60_000,
  /** Bytes that all requests of the gateway together read ahead: what 16 readers have in full. */
  gatewayReadAheadBytes: 128 * MIB,
  /** Entries of a folder that a page of the gateway lists. */
  gatewayListedEntries: 10_000,
  /** Media types of one `Accept` that are looked at; what is remembered of the last requests: CIDs, headers, content types. */
  maxMediaRanges: 64,
  gatewayTypes: 10_000,
  /** Bytes from the start of a content that its type is told by: what `file-type` wants to see. */
  sniffBytes: 4100,
  /** Characters of a CID in a URL: the longest there are, of 128 identity bytes in base 2. */
  maxCidChars: 1100,
  /** Ranges one request may name, and bytes of a DAG-JSON or DAG-CBOR block that is converted. */
  maxRanges: 100,
  maxConvertedBytes: 2 * MIB,
  /** Connections to peers, both ways together, and those that wait to be let in. */
  maxConnections: 300,
  maxPendingConnections: 64,
  /** Records of peers held in memory while they cannot be written: some of each connection. */
  maxHeldPeerRecords: 1_000,
  /** Peers of the configuration that are kept connected. */
  maxKeptPeers: 256,
  /** Milliseconds before a kept peer is dialled again: half as much more each time, with jitter, up to the second. */
  redialMs: 500,
  maxRedialMs: 60_000,
  /** Milliseconds a dial may take. */
  dialMs: 10_000,
  /** Wants a peer may have with us, and blocks we ask one peer for at a time. */
  maxPeerWants: 1024,
  maxWantsAhead: 512,
  /** Bytes of one message of a peer: two blocks of the largest size, and wants. */
  maxMessageBytes: 5 * MIB,
  /** Streams one connection may have open from its other side: Helia opens one a message, 50 at a time. */
  maxPeerStreams: 256,
  /** Bytes a peer may send ahead on one stream: what libp2p holds of one that is not read, at most. */
  streamWindowBytes: 4 * MIB,
  /** Bytes of messages that have begun to come and are not whole, of one peer and of all. */
  peerReceivingBytes: 16 * MIB,
  receivingBytes: 64 * MIB,
  /** Messages that wait for that room, of one peer and of all: each holds what its stream may send ahead. */
  maxPeerWaiting: 64,
  maxWaiting: 256,
  /** Bytes of blocks loaded for one peer and not sent yet, and for all peers. */
  peerServingBytes: 16 * MIB,
  servingBytes: 64 * MIB,
  /** Bytes of a request body that is JSON. */
  maxJsonBodyBytes: 64 * KIB,
  /** Bytes `.bytes()` collects when the caller names no `maxBytes`. */
  collectBytes: 256 * MIB,
  /** Rows a page of a list may have, and has when nobody says. */
  maxPageRows: 1000,
  defaultPageRows: 100,
  /** What is read and dropped of a body that was refused, so that the client sees the answer. */
  refusedBodyBytes: 64 * MIB,
  refusedBodyMs: 10_000,
  /** Milliseconds a body may go without a byte, and a shut-down may wait for running requests. */
  idleBodyMs: 60_000,
  drainMs: 10_000,
  /** Bytes of the head of a request, its URL with it, and of the URL: a path of 4,096 bytes, all encoded. */
  maxHeadBytes: 32 * KIB,
  maxUrlBytes: 16 * KIB,
  /** What a form may add to the file in it before its announced length says it is too large. */
  formOverheadBytes: 64 * KIB,
  /** Milliseconds the head of a request may take, and an idle connection is kept open. */
  headMs: 10_000,
  keepAliveMs: 30_000,
  /** Bytes of a `-wal` file above which it is checkpointed: what is written meanwhile shares the disk with the sync of so much. */
  walCheckpointBytes: 8 * MIB,
  /**
   * The same while blocks come by hundreds: each checkpoint writes most of the index of hashes anew, and
   * what comes next waits for its end. Whoever writes less begins one at the bound above.
   */
  walAsideBytes: 48 * MIB,
  /** Milliseconds of work in one transaction of the write queue. */
  writeBatchMs: 5,
  /** Milliseconds a write waits while another program has the database locked. */
  writeLockMs: 10_000,
} as const
