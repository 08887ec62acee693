/** The module `name` beside `module`, in the form that runs: `.ts` from source, `.js` from the package. */
export function threadEntry(module: string, name: string): URL {
  const extension = module.slice(module.lastIndexOf('.'))
  return new URL(`./${name}${extension}`, module)
}
