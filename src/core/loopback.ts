import { isIPv4 } from 'node:net'

/** True for a name that can only be this machine: `localhost`, 127.0.0.0/8 and `::1`, also in brackets. */
export function isLoopbackName(name: string): boolean {
  const bare = name.toLowerCase().replace(/^\[(.*)\]$/, '$1')
  return bare === 'localhost' || bare === '::1' || (isIPv4(bare) && bare.startsWith('127.'))
}
