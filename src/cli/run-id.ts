/** Names of runs that sort by time: whoever reads a result file compares it with the moment they started. */
import { getRandomValues } from "node:crypto";

const CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/** A ULID: 48 bits of milliseconds and 80 random bits as 26 characters. */
export function newRunId(now: Date): string {
  const random = getRandomValues(new Uint8Array(10));
  let value = BigInt(now.getTime());
  for (const byte of random) value = (value << 8n) | BigInt(byte);
  let text = "";
  for (let index = 0; index < 26; index++) {
    text = (CROCKFORD[Number(value & 31n)] ?? "") + text;
    value >>= 5n;
  }
  return text;
}
