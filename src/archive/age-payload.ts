/**
 * The payload of an age file: 64 KiB chunks, each sealed on its own, the last
 * one marked in its nonce (age specification, "STREAM"). Replaces the pure
 * JavaScript payload of age-encryption, which is about ten times slower.
 */
import { hkdfSync } from "node:crypto";
import { OperatorError } from "../errors.ts";
import { TAG_SIZE } from "./cipher.ts";
import type { Cipher, KeyedCipher } from "./cipher.ts";
import { orderedStream } from "./frame-flow.ts";
import type { JobResult, JobSource } from "./frame-flow.ts";
import { joinBytes, PieceReader, release } from "./frame-pieces.ts";

export const CHUNK_SIZE = 64 * 1024;
export const SEALED_CHUNK_SIZE = CHUNK_SIZE + TAG_SIZE;
export const NONCE_SIZE = 16;

/** Chunks handed on as one piece: a hop through a stream or a write costs more than copying 256 KiB. */
const GROUP = 4;
/** Groups under way: 8 chunks keep two cores busy; more gained nothing. */
const GROUPS_IN_FLIGHT = 2;

/** The 32-byte payload key of a file, from its file key and the nonce before its payload. */
export function payloadKey(fileKey: Uint8Array, nonce: Uint8Array): Uint8Array {
  return new Uint8Array(hkdfSync("sha256", fileKey, nonce, "payload", 32));
}

export interface SealOptions {
  readonly cipher: Cipher;
  /** From `payloadKey`. */
  readonly key: Uint8Array;
  /** Written before the first chunk: header and nonce. */
  readonly prefix: Uint8Array;
}

/**
 * `prefix` and the sealed payload of `input`. When `input` fails, so does the
 * result, and the chunk that marks the end is never made: what was written can
 * then never decrypt cleanly.
 */
export async function sealPayload(
  input: ReadableStream<Uint8Array>,
  options: SealOptions,
): Promise<ReadableStream<Uint8Array>> {
  const { cipher, prefix } = options;
  const keyed = await cipher.withKey(options.key);
  const reader = new PieceReader(input);
  let index = -1;
  const source: JobSource = {
    async next() {
      if (index === -1) {
        index = 0;
        return { result: Promise.resolve({ pieces: [prefix] }) };
      }
      const group = await takeGroup(reader, CHUNK_SIZE);
      // A payload without a byte has one empty chunk; any other ends in a chunk that is not empty.
      if (group.chunks.length === 0 && index > 0) return undefined;
      const chunks = group.chunks.length === 0 ? [new Uint8Array(0)] : group.chunks;
      const first = index;
      index += chunks.length;
      const job = { keyed, chunks, first, ended: group.ended };
      return { result: afterTurn(cipher, () => sealGroup(job)) };
    },
    stop: (reason) => reader.cancel(reason),
  };
  return orderedStream(source, GROUPS_IN_FLIGHT);
}

export interface OpenOptions {
  readonly cipher: Cipher;
  /** From `payloadKey`. */
  readonly key: Uint8Array;
}

/**
 * The plaintext of the payload that the rest of `reader` holds. Only
 * authenticated bytes come out, but they come before the end is known to be
 * good: act on nothing until the stream has ended. Fails with an OperatorError
 * `ARCHIVE_DAMAGED` (exit `verifyFailed`) when it is altered, cut or too long.
 */
export async function openPayload(
  reader: PieceReader,
  options: OpenOptions,
): Promise<ReadableStream<Uint8Array>> {
  const keyed = await options.cipher.withKey(options.key);
  let index = 0;
  const source: JobSource = {
    async next() {
      const { chunks, ended } = await takeGroup(reader, SEALED_CHUNK_SIZE);
      if (chunks.length === 0) {
        if (index > 0) return undefined;
        throw damaged("the file ends before its first chunk", "cut");
      }
      const job = { keyed, chunks, first: index, ended };
      index += chunks.length;
      return { result: afterTurn(options.cipher, () => openGroup(job)) };
    },
    stop: (reason) => reader.cancel(reason),
  };
  return orderedStream(source, GROUPS_IN_FLIGHT);
}

interface GroupJob {
  readonly keyed: KeyedCipher;
  readonly chunks: readonly Uint8Array[];
  /** Index in the file of the first of them. */
  readonly first: number;
  /** Is the last of them the last of the file? */
  readonly ended: boolean;
}

/** Up to GROUP chunks; `ended` tells whether anything follows, which a chunk must know about itself. */
async function takeGroup(
  reader: PieceReader,
  size: number,
): Promise<{ readonly chunks: Uint8Array[]; readonly ended: boolean }> {
  const chunks: Uint8Array[] = [];
  while (chunks.length < GROUP) {
    const chunk = await reader.take(size);
    if (chunk.length > 0) chunks.push(chunk);
    if (chunk.length < size) break;
  }
  return { chunks, ended: (await reader.peek()) === undefined };
}

async function sealGroup({ keyed, chunks, first, ended }: GroupJob): Promise<JobResult> {
  const sealed = await Promise.all(
    chunks.map((chunk, at) =>
      keyed.seal(chunkNonce(first + at, ended && at === chunks.length - 1), chunk),
    ),
  );
  const pieces = [joinBytes(sealed)];
  release(sealed);
  return { pieces };
}

async function openGroup(job: GroupJob): Promise<JobResult> {
  const { keyed, chunks, first } = job;
  const opened = await Promise.all(
    chunks.map((chunk, at) => keyed.open(chunkNonce(first + at, isLast(job, at)), chunk)),
  );
  const good: Uint8Array[] = [];
  for (const [at, plaintext] of opened.entries()) {
    if (plaintext === undefined) return diagnose(job, at, good);
    if (plaintext.length === 0 && first + at > 0) {
      const failure = damaged("its last chunk is empty, which no age program writes", "altered");
      return { pieces: [joinBytes(good)], failure };
    }
    good.push(plaintext);
  }
  const pieces = [joinBytes(good)];
  release(good);
  return { pieces };
}

/**
 * Why a chunk did not open. The one mistake that can be told from damage: the
 * end mark is on the wrong chunk, so the file was cut between two chunks or
 * something follows its end. Such a chunk is authentic and still comes out.
 */
async function diagnose(job: GroupJob, at: number, good: Uint8Array[]): Promise<JobResult> {
  const chunk = job.chunks[at] ?? new Uint8Array(0);
  const index = job.first + at;
  const last = isLast(job, at);
  const other = await job.keyed.open(chunkNonce(index, !last), chunk);
  if (other !== undefined && !(other.length === 0 && index > 0)) {
    const failure = last
      ? damaged(`the file was cut off after chunk ${index + 1}`, "cut")
      : damaged(`something follows the end of the file (after chunk ${index + 1})`, "altered");
    return { pieces: [joinBytes([...good, other])], failure };
  }
  const failure = last
    ? damaged(`the file is cut off in, or altered in, its last chunk (${index + 1})`, "cut")
    : damaged(`the file was altered in chunk ${index + 1}`, "altered");
  return { pieces: [joinBytes(good)], failure };
}

function isLast({ chunks, ended }: GroupJob, at: number): boolean {
  return ended && at === chunks.length - 1;
}

/** 11 bytes of counter, big-endian, and the mark of the last chunk. Each key is used for one file only. */
function chunkNonce(index: number, last: boolean): Uint8Array {
  const nonce = new Uint8Array(12);
  const view = new DataView(nonce.buffer);
  view.setUint32(3, Math.floor(index / 2 ** 32));
  view.setUint32(7, index % 2 ** 32);
  nonce[11] = last ? 1 : 0;
  return nonce;
}

/** Runs the job; for a blocking cipher after timers and signal handlers had their turn. */
async function afterTurn<T>(cipher: Cipher, run: () => Promise<T>): Promise<T> {
  if (cipher.blocking) await new Promise((resolve) => setImmediate(resolve));
  return run();
}

const HINTS = {
  cut: "copy the archive again from where it was made, or take another one",
  altered: "do not use this archive: take another one, and find out what changed it",
};

function damaged(what: string, kind: keyof typeof HINTS): OperatorError {
  return new OperatorError(
    "verifyFailed",
    "ARCHIVE_DAMAGED",
    `the encrypted archive is damaged: ${what}`,
    {
      hint: HINTS[kind],
    },
  );
}
