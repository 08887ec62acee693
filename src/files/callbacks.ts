type Callback = (error: NodeJS.ErrnoException | null) => void
type ValueCallback<T> = (error: NodeJS.ErrnoException | null, value: T) => void

/* `fs.promises` and FileHandle cost several times as much per operation as plain descriptors and callbacks. */

export function done(start: (callback: Callback) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    start((error) => (error === null ? resolve() : reject(error)))
  })
}

export function result<T>(start: (callback: ValueCallback<T>) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    start((error, value) => (error === null ? resolve(value) : reject(error)))
  })
}
