/** Cuts a zstd stream into its frames and decompresses them: small ones in parallel, large ones as a stream. */
import { messageOf, OperatorError } from "../errors.ts";
import { decompressBlocking, decompressor, ZlibPool } from "./frame-codec.ts";
import type { ZlibWorker } from "./frame-codec.ts";
import type { JobResult, JobSource } from "./frame-flow.ts";
import { BufferPool } from "./frame-pieces.ts";
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
  readonly #buffers = new BufferPool(BUFFER_SIZE);
  #large: LargeFrame | undefined;
  #frames = 0;

  /** `blocking`: whole frames on the calling thread (see `mustDecompressBlocking`). */
  constructor(reader: PieceReader, blocking: boolean) {
    this.#reader = reader;
    this.#blocking = blocking;
  }

  async next(): Promise<{ readonly result: Promise<JobResult> } | undefined> {
    if (this.#large !== undefined) {
      return { result: Promise.resolve(await this.#continueLarge(this.#large)) };
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
    let buffer = this.#buffers.take();
    while (!walker.done) {
      const filled = walker.size;
      const part = await this.#walk(walker, start, WHOLE_FRAME_LIMIT);
      if (!walker.skippable) {
        buffer = withRoom(buffer, filled, walker.size);
        buffer.set(part, filled);
      }
      this.#reader.skip(part.length);
      const tooLarge = Math.max(walker.contentBound, walker.size) > WHOLE_FRAME_LIMIT;
      if (tooLarge && !walker.skippable) {
        const large = { walker, worker: decompressor(), start, content: 0 };
        this.#large = large;
        const head = await this.#feed(large, buffer.subarray(0, walker.size));
        return { result: Promise.resolve(head) };
      }
    }
    if (!walker.skippable) return { result: this.#decompressWhole(walker, start, buffer) };
    this.#buffers.give(buffer);
    return { result: Promise.resolve({ pieces: [] }) };
  }

  /** What is at hand of the frame that began at `start`, up to `boundLimit`; not consumed yet. */
  async #walk(walker: FrameWalker, start: number, boundLimit: number): Promise<Uint8Array> {
    const piece = await this.#reader.peek();
    if (piece === undefined) {
      throw damaged(`it ends in the middle of the zstd frame that begins at byte ${start}`);
    }
    try {
      return piece.subarray(0, walker.advance(piece, boundLimit));
    } catch (error) {
      throw error instanceof FrameError ? damaged(`${error.message} at byte ${start}`) : error;
    }
  }

  async #decompressWhole(
    walker: FrameWalker,
    start: number,
    buffer: Uint8Array,
  ): Promise<JobResult> {
    const frame = buffer.subarray(0, walker.size);
    const content = await decoded(start, () =>
      this.#blocking ? decompressBlocking(frame, walker.contentBound) : this.#pool.run(frame),
    );
    this.#buffers.give(buffer);
    checkContent(walker, start, content.length);
    return { pieces: [content] };
  }

  async #continueLarge(large: LargeFrame): Promise<JobResult> {
    const { walker, start } = large;
    const part = await this.#walk(walker, start, walker.contentBound + STREAM_STEP);
    const result = await this.#feed(large, part);
    this.#reader.skip(part.length);
    return result;
  }

  async #feed(large: LargeFrame, part: Uint8Array): Promise<JobResult> {
    const { walker, worker, start } = large;
    const content = await decoded(start, () => worker.run(part));
    large.content += content.length;
    if (walker.done) {
      worker.close();
      this.#large = undefined;
      checkContent(walker, start, large.content);
    }
    return { pieces: [content] };
  }
}

/** The buffer, or a larger one with its first `filled` bytes, if `size` bytes do not fit. */
function withRoom(buffer: Uint8Array, filled: number, size: number): Uint8Array {
  if (size <= buffer.length) return buffer;
  const larger = new Uint8Array(Math.max(size, 2 * buffer.length));
  larger.set(buffer.subarray(0, filled));
  return larger;
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
