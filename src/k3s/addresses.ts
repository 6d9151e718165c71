/** Addresses and host names inside the values of settings: found and exchanged as whole words. */
import { isIPv6 } from "../sys/network.ts";

export interface Occurrence {
  /** Offsets into the text. */
  readonly start: number;
  readonly end: number;
}

/** Where an address or host name stands in a value; never inside a longer one (`10.0.0.1` in `10.0.0.12`). */
export function occurrences(value: string, wanted: string): Occurrence[] {
  if (isIPv6(wanted)) {
    return addressesSix(value).filter(({ text }) => canonical(text) === canonical(wanted));
  }
  const escaped = wanted.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  const whole = new RegExp(`(?<![\\w.-])${escaped}(?![\\w-]|\\.\\w)`, "gi");
  return [...value.matchAll(whole)].map(({ index }) => ({
    start: index,
    end: index + wanted.length,
  }));
}

/** Whether a value names an address or host name. */
export function mentions(value: string, wanted: string): boolean {
  return occurrences(value, wanted).length > 0;
}

/** The value with one address or host name in the place of another. */
export function exchanged(value: string, change: { readonly from: string; readonly to: string }) {
  let result = value;
  for (const { start, end } of occurrences(value, change.from).toReversed()) {
    result = result.slice(0, start) + change.to + result.slice(end);
  }
  return result;
}

/** Whether two texts are the same address; IPv6 has many spellings. */
export function sameAddress(left: string, right: string): boolean {
  return canonical(left) === canonical(right);
}

function addressesSix(value: string): (Occurrence & { readonly text: string })[] {
  return [...value.matchAll(/[0-9a-f]*(?::[0-9a-f]*){2,7}(?:\d*(?:\.\d+){3})?/gi)]
    .filter(([text]) => isIPv6(text))
    .map((match) => ({
      text: match[0],
      start: match.index,
      end: match.index + match[0].length,
    }));
}

function canonical(address: string): string {
  if (!isIPv6(address) || address.includes("%")) return address.toLowerCase();
  return new URL(`http://[${address}]/`).hostname.slice(1, -1);
}
