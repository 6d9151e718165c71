/**
 * The trailer: etcd ends every snapshot it saves with the SHA-256 of what comes
 * before (facts k3s.md 2.4). K3s checks it at a restore, but only after it has
 * moved the old database away; so we check first.
 */
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { OperatorError } from "../errors.ts";
import type { RandomAccess } from "../sys/files.ts";
import { USE_ANOTHER } from "./damage.ts";
import { Windows } from "./windows.ts";

export const TRAILER_LENGTH = 32;
/** Bolt pages are multiples of it; etcd tells a snapshot with a trailer from one without by the remainder. */
const SECTOR = 512;
const PIECE = 256 * 1024;

export interface ReadOptions {
  /** Called with bytes done and bytes in all. */
  readonly onProgress?: (done: number, total: number) => void;
  readonly signal?: AbortSignal;
}

export interface TrailerResult {
  /** Of everything before the trailer, 64 hex digits: what the trailer holds. */
  readonly sha256: string;
  /** Of the whole file with its trailer, 64 hex digits: what `sha256sum` prints. */
  readonly wholeSha256: string;
}

/**
 * Reads the file once from end to end and compares its hash with its trailer.
 * Throws SNAPSHOT_CUT when the length alone shows that the trailer is not there,
 * SNAPSHOT_HASH when it does not match.
 */
export async function checkTrailer(
  file: RandomAccess,
  options: ReadOptions = {},
): Promise<TrailerResult> {
  refuseWrongLength(file.size);
  const body = file.size - TRAILER_LENGTH;
  const hash = createHash("sha256");
  // Two memories in turn: one is hashed while the other is filled.
  let memory = new Windows(file);
  let other = new Windows(file);
  const readAt = (offset: number): Promise<Uint8Array[]> => {
    const end = offset < body ? body : file.size;
    [memory, other] = [other, memory];
    return memory.read([{ offset, length: Math.min(PIECE, end - offset) }]);
  };
  let next = readAt(0);
  for (let offset = 0; offset < body;) {
    options.signal?.throwIfAborted();
    const [piece = new Uint8Array()] = await next;
    offset += piece.byteLength;
    next = readAt(offset);
    // Nobody awaits this read when hashing throws; its failure must not end the process.
    next.catch(() => undefined);
    hash.update(piece);
    options.onProgress?.(offset, file.size);
  }
  const [trailer = new Uint8Array()] = await next;
  const sha256 = hash.copy().digest("hex");
  const wholeSha256 = hash.update(trailer).digest("hex");
  options.onProgress?.(file.size, file.size);
  const expected = Buffer.from(trailer).toString("hex");
  if (sha256 !== expected) throw hashError(sha256, expected);
  return { sha256, wholeSha256 };
}

function refuseWrongLength(size: number): void {
  const rest = size % SECTOR;
  if (rest === TRAILER_LENGTH && size > TRAILER_LENGTH) return;
  const found =
    size === 0
      ? "it is empty"
      : rest === 0
        ? `its ${size} bytes end without the hash etcd appends`
        : `its ${size} bytes are not whole pages and a hash`;
  throw new OperatorError("verifyFailed", "SNAPSHOT_CUT", `the snapshot is incomplete: ${found}`, {
    hint:
      rest === 0 && size > 0
        ? "it was cut off, or it is a copy of etcd's database file instead of a saved snapshot; use another one"
        : USE_ANOTHER,
  });
}

function hashError(found: string, expected: string): OperatorError {
  return new OperatorError(
    "verifyFailed",
    "SNAPSHOT_HASH",
    `the snapshot was changed or cut after etcd wrote it: its content hashes to ${found.slice(0, 12)}…, its trailer says ${expected.slice(0, 12)}…`,
    { hint: USE_ANOTHER },
  );
}
