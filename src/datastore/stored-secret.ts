/** The data of a Secret as the API server stores it: `k8s\0` and protobuf (k8s.io/api core/v1 Secret). */
import { fieldOf, fieldsOf } from "./protobuf.ts";

const MAGIC = [0x6b, 0x38, 0x73, 0x00]; // "k8s\0"
/** runtime.Unknown, Secret, and an entry of a map: field numbers. */
const RAW = 2;
const DATA = 2;
const ENTRY_KEY = 1;
const ENTRY_VALUE = 2;

/**
 * Key by key, as copies; secret. Takes a plaintext value of `/registry/secrets/…`.
 * Undefined for anything else; what is no protobuf has no keys.
 */
export function readStoredSecret(value: Uint8Array): Map<string, Uint8Array> | undefined {
  if (!MAGIC.every((byte, index) => value[index] === byte)) return undefined;
  const raw = fieldOf(value, { start: MAGIC.length, end: value.length }, RAW);
  if (raw === undefined) return undefined;
  const data = new Map<string, Uint8Array>();
  for (const field of fieldsOf(value, raw.start, raw.end)) {
    if (field.number !== DATA) continue;
    const key = fieldOf(value, field, ENTRY_KEY);
    if (key === undefined) continue;
    const name = new TextDecoder().decode(value.subarray(key.start, key.end));
    const content = fieldOf(value, field, ENTRY_VALUE);
    data.set(
      name,
      content === undefined ? new Uint8Array(0) : value.slice(content.start, content.end),
    );
  }
  return data;
}
