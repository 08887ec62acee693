import { readdir, readlink } from 'node:fs/promises'
import { join } from 'node:path'

/** Paths below `folder` that this process has open, each as often as it is. Linux only. */
export async function openFiles(folder: string): Promise<readonly string[]> {
  const descriptors = await readdir('/proc/self/fd')
  const paths = await Promise.all(
    descriptors.map((name) => readlink(join('/proc/self/fd', name)).catch(() => '')),
  )
  return paths.filter((path) => path.startsWith(folder)).sort()
}

/** Descriptors this process has open. Linux only. */
export async function openDescriptors(): Promise<number> {
  return (await readdir('/proc/self/fd')).length
}
