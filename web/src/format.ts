/** Bytes as Kubernetes writes them, to three digits: 4.46Gi, 750Mi. */
export function bytes(value: number): string {
  const units = ["", "Ki", "Mi", "Gi", "Ti"];
  let size = Math.abs(value);
  let unit = 0;
  while (size >= 1024 && unit < units.length - 1) {
    size /= 1024;
    unit += 1;
  }
  const digits = size >= 100 || unit === 0 ? 0 : size >= 10 ? 1 : 2;
  const text = size.toFixed(digits).replace(/\.0+$/, "");
  return `${value < 0 ? "-" : ""}${text}${units[unit]}`;
}

/** Seconds with the milliseconds that have passed, as the program's own texts have them: 278.342 s. */
export function seconds(value: number): string {
  return `${(Math.floor(value * 1000 + 1e-6) / 1000).toFixed(3)} s`;
}

/** The noun as one or several of it are called. */
export function plural(count: number, noun: string): string {
  return count === 1 ? noun : `${noun}s`;
}

/** The index of the last entry that is not after `at`; -1 when all are. */
export function lastUpTo(times: readonly number[], at: number): number {
  let low = 0;
  let high = times.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((times[middle] ?? Infinity) <= at) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** What a scraper sees that looks every `interval` seconds: each value holds until the next look. */
export function scraped(times: readonly number[], values: readonly (number | null)[], interval: number): (number | null)[] {
  if (interval === 0) return [...values];
  return times.map((at) => {
    const look = Math.floor(at / interval) * interval;
    const index = lastUpTo(times, look);
    return index < 0 ? null : (values[index] ?? null);
  });
}
