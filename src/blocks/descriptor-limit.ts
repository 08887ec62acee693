import { readFileSync } from 'node:fs'

/** Descriptors a process may have where the system does not tell: as few as any system gives. */
const FEW = 256

/** How many files and sockets this process may have open (proc_pid_limits(5); elsewhere a low guess). */
export function descriptorLimit(): number {
  try {
    const [, soft] = /^Max open files\s+(\d+|unlimited)/m.exec(limitsOfProcess()) ?? []
    if (soft === 'unlimited') return Number.POSITIVE_INFINITY
    return soft === undefined ? FEW : Number(soft)
  } catch {
    return FEW
  }
}

/** The kernel makes this text in memory: no disk is waited for. */
function limitsOfProcess(): string {
  return readFileSync('/proc/self/limits', 'utf8')
}
