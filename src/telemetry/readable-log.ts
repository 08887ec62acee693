/** What every line has; it gets a place of its own. */
const KNOWN = new Set(['level', 'time', 'component', 'msg', 'err'])

/** One JSON line of the log as a person reads it: `12:00:01.123 warn  [http] message key=value`. */
export function readable(line: string): string {
  const entry = parsed(line)
  if (entry === undefined) return line
  const { level, time, component, msg, err } = entry
  const head = [clock(time), String(level).padEnd(5)]
  if (component !== undefined) head.push(`[${String(component)}]`)
  if (msg !== undefined) head.push(String(msg))
  const fields = Object.entries(entry).filter(([name]) => !KNOWN.has(name))
  const facts = fields.map(([name, value]) => `${name}=${shown(value)}`)
  return `${[...head, ...facts].join(' ')}${stack(err)}\n`
}

type Entry = Record<string, unknown> &
  Partial<Record<'level' | 'time' | 'component' | 'msg' | 'err', unknown>>

function parsed(line: string): Entry | undefined {
  try {
    const value: unknown = JSON.parse(line)
    return typeof value === 'object' && value !== null ? { ...value } : undefined
  } catch {
    return undefined
  }
}

/** The time of day of an ISO date. */
function clock(time: unknown): string {
  return typeof time === 'string' ? time.slice(11, 23) : ''
}

function shown(value: unknown): string {
  return typeof value === 'string' && !/[\s"]/.test(value) ? value : JSON.stringify(value)
}

function stack(err: unknown): string {
  if (typeof err !== 'object' || err === null) return ''
  const text = 'stack' in err ? err.stack : 'message' in err ? err.message : undefined
  return typeof text === 'string' ? `\n${text}` : ''
}
