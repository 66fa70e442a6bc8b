/** Which network interface leads to the rest of the world, as the Linux kernel tells it. */
import { readFile } from 'node:fs/promises'

/** The route is in use (RTF_UP). */
const UP = 1

/** The interface of the default route; undefined without one, and where there is no such table (other systems). */
export async function outwardInterface(): Promise<string | undefined> {
  try {
    return defaultInterface(await readFile('/proc/net/route', 'utf8'))
  } catch {
    // The order of addresses is a courtesy: all of them are told either way.
    return undefined
  }
}

/** @param table `/proc/net/route`: a head, then one route a line with numbers in hexadecimal, the metric in decimal */
export function defaultInterface(table: string): string | undefined {
  const routes = table
    .split('\n')
    .slice(1)
    .map(line => line.trim().split(/\s+/))
    .flatMap(([name, destination, , flags = '', , , metric = '', mask]) =>
      name !== undefined &&
      destination === '00000000' &&
      mask === '00000000' &&
      Number.parseInt(flags, 16) & UP
        ? [{ name, metric: Number(metric) }]
        : [],
    )
  return routes.sort((a, b) => a.metric - b.metric)[0]?.name
}
