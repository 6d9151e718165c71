/** Numbers as people read them. */

/** `412 MB`, `1.2 GB`: decimal units, three figures at the most. */
export function sizeText(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  const digits = unit === 0 || value >= 9.95 ? 0 : 1;
  return `${value.toFixed(digits)} ${units[unit] ?? "B"}`;
}

/** `9 h`, `6 days`, `40 s`: how long ago or how long. */
export function spanText(milliseconds: number): string {
  const seconds = Math.max(0, milliseconds / 1000);
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86_400)} days`;
}

/** `1 key`, `3 keys`, `2 hashes`. */
export function count(number: number, noun: string): string {
  const ending = /(?:s|sh|ch|x)$/.test(noun) ? "es" : "s";
  return `${number} ${noun}${number === 1 ? "" : ending}`;
}

/** UTC to the second: `2026-11-23T02:31:07Z`. */
export function timeText(time: Date): string {
  return time.toISOString().replace(/\.\d+Z$/, "Z");
}
