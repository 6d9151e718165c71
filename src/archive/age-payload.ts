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
import type { PieceReader } from "./frame-pieces.ts";
import { release } from "../buffers.ts";
import { BufferPool, joinBytes } from "./frame-pieces.ts";

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
 * `prefix` and the sealed payload of what `reader` holds. When its input fails, so does the
 * result, and the chunk that marks the end is never made: what was written can
 * then never decrypt cleanly.
 */
export async function sealPayload(
  reader: PieceReader,
  options: SealOptions,
): Promise<ReadableStream<Uint8Array>> {
  const { cipher, prefix } = options;
  const keyed = await cipher.withKey(options.key);
  const buffers = new BufferPool(GROUP * CHUNK_SIZE);
  let index = -1;
  const source: JobSource = {
    async next() {
      if (index === -1) {
        index = 0;
        return { result: Promise.resolve({ pieces: [prefix] }) };
      }
      const group = await takeGroup(reader, buffers, CHUNK_SIZE);
      // A payload without a byte has one empty chunk; any other ends in a chunk that is not empty.
      if (group.chunks.length === 0 && index > 0) return undefined;
      if (group.chunks.length === 0) group.chunks.push(new Uint8Array(0));
      const job = { keyed, first: index, ...group };
      index += group.chunks.length;
      return { result: inTurn(cipher, buffers, job, sealGroup) };
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
  const buffers = new BufferPool(GROUP * SEALED_CHUNK_SIZE);
  let index = 0;
  const source: JobSource = {
    async next() {
      const group = await takeGroup(reader, buffers, SEALED_CHUNK_SIZE);
      if (group.chunks.length === 0) {
        if (index > 0) return undefined;
        throw damaged("the file ends before its first chunk", "cut");
      }
      const job = { keyed, first: index, ...group };
      index += group.chunks.length;
      return { result: inTurn(options.cipher, buffers, job, openGroup) };
    },
    stop: (reason) => reader.cancel(reason),
  };
  return orderedStream(source, GROUPS_IN_FLIGHT);
}

interface Group {
  /** Where the chunks lie; goes back to its pool. */
  readonly buffer: Uint8Array;
  readonly chunks: Uint8Array[];
  /** Is the last of them the last of the file? */
  readonly ended: boolean;
}

interface GroupJob extends Group {
  readonly keyed: KeyedCipher;
  /** Index in the file of the first chunk. */
  readonly first: number;
}

/** Up to GROUP chunks; `ended` tells whether anything follows, which a chunk must know about itself. */
async function takeGroup(reader: PieceReader, buffers: BufferPool, size: number): Promise<Group> {
  const buffer = buffers.take();
  const filled = await reader.fill(buffer);
  const chunks: Uint8Array[] = [];
  for (let offset = 0; offset < filled; offset += size) {
    chunks.push(buffer.subarray(offset, Math.min(offset + size, filled)));
  }
  return { buffer, chunks, ended: (await reader.peek()) === undefined };
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
  // A chunk that is not full is never in the middle of a file, whatever its mark says.
  if (other?.length === CHUNK_SIZE) {
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
async function inTurn(
  cipher: Cipher,
  buffers: BufferPool,
  job: GroupJob,
  run: (job: GroupJob) => Promise<JobResult>,
): Promise<JobResult> {
  if (cipher.blocking) await new Promise((resolve) => setImmediate(resolve));
  const result = await run(job);
  buffers.give(job.buffer);
  return result;
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
