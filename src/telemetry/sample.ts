import { Counter, Gauge } from 'prom-client'
import type { Metrics } from './metrics.ts'

/** A figure that is read when somebody scrapes, and costs nothing otherwise. */
export type Sample = {
  /** One that ends in `_total` is a counter. */
  readonly name: string
  readonly help: string
  /** When it fails, the figure is left out. */
  readonly read: () => number | Promise<number>
}

/** Adds figures to the registry; disposing takes them out. */
export function addSamples({ registry }: Metrics, samples: readonly Sample[]): Disposable {
  for (const one of samples) {
    if (one.name.endsWith('_total')) addCounter(registry, one)
    else addGauge(registry, one)
  }
  return {
    [Symbol.dispose]: () => {
      for (const { name } of samples) registry.removeSingleMetric(name)
    },
  }
}

function addGauge(registry: Metrics['registry'], { name, help, read }: Sample): void {
  const gauge: Gauge = new Gauge({
    name,
    help,
    registers: [registry],
    collect: async (): Promise<void> => {
      try {
        gauge.set(await read())
      } catch {
        gauge.remove()
      }
    },
  })
}

/** Its value is set anew at each scrape. */
function addCounter(registry: Metrics['registry'], { name, help, read }: Sample): void {
  const counter: Counter = new Counter({
    name,
    help,
    registers: [registry],
    collect: async (): Promise<void> => {
      try {
        const value = await read()
        counter.reset()
        counter.inc(value)
      } catch {
        counter.remove()
      }
    },
  })
}
