/**
 * The environment of this process, live. The one place that reads it: everything else is given the
 * values it needs, so that two nodes in one process can differ.
 */
export function environment(): NodeJS.ProcessEnv {
  return process.env
}
