/** Cuts a zstd stream into its frames and decompresses them: small ones in parallel, large ones as a stream. */
import { messageOf, OperatorError } from "../errors.ts";
import { decompressBlocking, decompressor, ZlibPool } from "./frame-codec.ts";
import type { ZlibWorker } from "./frame-codec.ts";
import type { JobResult, JobSource } from "./frame-flow.ts";
import type { PieceReader } from "./frame-pieces.ts";
import { FrameError, FrameWalker } from "./frame-walker.ts";

/** Frames up to this size and this much content are decompressed whole; larger ones as a stream. */
const WHOLE_FRAME_LIMIT = 8 * 1024 * 1024;
/** Content asked for at a time from a larger frame. */
const STREAM_STEP = 1024 * 1024;
/** Room for a compressed frame of `compressFrames`. */
const BUFFER_SIZE = 1024 * 1024 + 64 * 1024;

interface LargeFrame {
  readonly walker: FrameWalker;
  readonly worker: ZlibWorker;
  readonly start: number;
  /** Bytes that came out so far. */
  content: number;
}

export class FrameSource implements JobSource {
  readonly #reader: PieceReader;
  readonly #blocking: boolean;
  readonly #pool = new ZlibPool(decompressor);
  readonly #buffers: Uint8Array[] = [];
  #large: LargeFrame | undefined;
  #frames = 0;

  /** `blocking`: whole frames on the calling thread (see `mustDecompressBlocking`). */
  constructor(reader: PieceReader, blocking: boolean) {
    this.#reader = reader;
    this.#blocking = blocking;
  }

  async next(): Promise<{ readonly result: Promise<JobResult> } | undefined> {
    if (this.#large !== undefined) {
      return { result: Promise.resolve({ pieces: await this.#continueLarge(this.#large) }) };
    }
    if ((await this.#reader.peek()) === undefined) {
      this.#pool.close();
      if (this.#frames === 0) throw damaged("it is empty");
      return undefined;
    }
    this.#frames += 1;
    return this.#nextFrame();
  }

  async stop(reason: unknown): Promise<void> {
    this.#pool.close();
    this.#large?.worker.close();
    this.#large = undefined;
    await this.#reader.cancel(reason);
  }

  async #nextFrame(): Promise<{ readonly result: Promise<JobResult> }> {
    const start = this.#reader.position;
    const walker = new FrameWalker();
    const parts: Uint8Array[] = [];
    while (!walker.done) {
      const part = await this.#walk(walker, start, WHOLE_FRAME_LIMIT);
      if (walker.skippable) continue;
      parts.push(part);
      if (walker.contentBound > WHOLE_FRAME_LIMIT || walker.size > WHOLE_FRAME_LIMIT) {
        return {
          result: Promise.resolve({ pieces: await this.#startLarge(walker, start, parts) }),
        };
      }
    }
    if (walker.skippable) return { result: Promise.resolve({ pieces: [] }) };
    return { result: this.#decompressWhole(walker, start, parts) };
  }

  /** Consumes what is at hand of the frame that began at `start`, up to `boundLimit`. */
  async #walk(walker: FrameWalker, start: number, boundLimit: number): Promise<Uint8Array> {
    const piece = await this.#reader.peek();
    if (piece === undefined) {
      throw damaged(`it ends in the middle of the zstd frame that begins at byte ${start}`);
    }
    try {
      const count = walker.advance(piece, boundLimit);
      this.#reader.skip(count);
      return piece.subarray(0, count);
    } catch (error) {
      throw error instanceof FrameError ? damaged(`${error.message} at byte ${start}`) : error;
    }
  }

  async #decompressWhole(
    walker: FrameWalker,
    start: number,
    parts: readonly Uint8Array[],
  ): Promise<JobResult> {
    const buffer = parts.length === 1 ? undefined : this.#bufferFor(walker.size);
    const frame = buffer === undefined ? (parts[0] ?? new Uint8Array(0)) : gather(parts, buffer);
    const pieces = await decoded(start, () =>
      this.#blocking ? decompressBlocking(frame, walker.contentBound) : this.#pool.run(frame),
    );
    if (buffer?.length === BUFFER_SIZE) this.#buffers.push(buffer);
    checkContent(walker, start, sizeOf(pieces));
    return { pieces };
  }

  #bufferFor(size: number): Uint8Array {
    if (size > BUFFER_SIZE) return new Uint8Array(size);
    return this.#buffers.pop() ?? new Uint8Array(BUFFER_SIZE);
  }

  async #startLarge(
    walker: FrameWalker,
    start: number,
    parts: readonly Uint8Array[],
  ): Promise<Uint8Array[]> {
    const large: LargeFrame = { walker, worker: decompressor(), start, content: 0 };
    this.#large = large;
    const pieces: Uint8Array[] = [];
    for (const part of parts) pieces.push(...(await this.#feed(large, part)));
    return pieces;
  }

  async #continueLarge(large: LargeFrame): Promise<Uint8Array[]> {
    const { walker, start } = large;
    const part = await this.#walk(walker, start, walker.contentBound + STREAM_STEP);
    return this.#feed(large, part);
  }

  async #feed(large: LargeFrame, part: Uint8Array): Promise<Uint8Array[]> {
    const { walker, worker, start } = large;
    const pieces = await decoded(start, () => worker.run(part));
    large.content += sizeOf(pieces);
    if (walker.done) {
      worker.close();
      this.#large = undefined;
      checkContent(walker, start, large.content);
    }
    return pieces;
  }
}

function sizeOf(pieces: readonly Uint8Array[]): number {
  return pieces.reduce((sum, piece) => sum + piece.length, 0);
}

function gather(parts: readonly Uint8Array[], buffer: Uint8Array): Uint8Array {
  let filled = 0;
  for (const part of parts) {
    buffer.set(part, filled);
    filled += part.length;
  }
  return buffer.subarray(0, filled);
}

function checkContent(walker: FrameWalker, start: number, content: number): void {
  const expected = walker.contentSize ?? content;
  if (content !== expected || content > walker.contentBound) {
    throw damaged(`the zstd frame at byte ${start} holds ${content} bytes instead of ${expected}`);
  }
}

async function decoded<T>(start: number, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    throw damaged(`the zstd frame at byte ${start} does not decompress (${messageOf(error)})`);
  }
}

function damaged(what: string): OperatorError {
  return new OperatorError(
    "verifyFailed",
    "ARCHIVE_DAMAGED",
    `the compressed data in the archive is damaged: ${what}`,
    { hint: "take another archive" },
  );
}
