/** One import of Helia's files that leads to what this node never calls. */
export type UnusedPart = {
  /** The file with the import, below node_modules. */
  readonly importer: string
  /** What stands in its import. */
  readonly specifier: string
  /** The functions it imports from there; none where it only hands on what is there. */
  readonly functions: readonly string[]
}

/**
 * What is left out of Helia, in a clone (`load-helia.ts`) and in the built package (scripts/vendor.mjs)
 * alike: WebRTC with React Native, the libp2p services of `createHelia`, remote gateways over HTTP, and
 * the keychain of a node that is given no key (docs/decisions/0001-helia-without-webrtc.md).
 */
const unusedParts: readonly UnusedPart[] = [
  {
    importer: '@helia/libp2p/dist/src/index.js',
    specifier: './utils/libp2p-defaults.js',
    functions: ['libp2pDefaults'],
  },
  {
    importer: '@helia/libp2p/dist/src/index.js',
    specifier: '@libp2p/config',
    functions: ['loadOrCreateSelfKey'],
  },
  { importer: 'helia/dist/src/index.js', specifier: '@helia/http', functions: ['withHTTP'] },
  { importer: 'helia/dist/src/index.js', specifier: '@helia/interface', functions: [] },
]

/** The part that `specifier` in the file `importer` (a path or URL) leads to, if it is an unused one. */
export function unusedPart(specifier: string, importer: string): UnusedPart | undefined {
  return unusedParts.find(
    (part) => part.specifier === specifier && importer.endsWith(`/node_modules/${part.importer}`),
  )
}

/** Those that are not among `seen`: a later Helia imports something else, and the list is to be looked at. */
export function partsNotSeen(seen: ReadonlySet<UnusedPart>): readonly UnusedPart[] {
  return unusedParts.filter((part) => !seen.has(part))
}

/** The text of a module that stands in for `part`: each function tells that it was left out. */
export function standIn({ specifier, functions }: UnusedPart): string {
  const lines = functions.map((name) => {
    const message = `${name} of ${specifier} is left out of this node`
    return `export function ${name}() { throw new Error(${JSON.stringify(message)}) }`
  })
  return ['export {}', ...lines].join('\n')
}
