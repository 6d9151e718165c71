/** Reading a byte stream in pieces of one's own choosing, and keeping its memory in hand. */
import { release } from "../buffers.ts";

const NOTHING = new Uint8Array(0);

/** What we use of a stream's reader; Bun's types and node:stream/web disagree on the rest. */
interface Reader {
  read(): Promise<{ readonly done: boolean; readonly value?: Uint8Array | undefined }>;
  cancel(reason: unknown): Promise<void>;
}

export interface PieceReaderOptions {
  /**
   * True when nobody else holds the pieces of the input (they come from
   * `encryptStream`, `compressFrames`, …, and are not teed): their memory is freed
   * as soon as they are read, instead of at some garbage collection.
   */
  readonly ownsInput?: boolean;
}

/** Buffers of one size that are used again; garbage collection in Bun is too lazy for a stream of them. */
export class BufferPool {
  readonly #size: number;
  readonly #free: Uint8Array[] = [];

  constructor(size: number) {
    this.#size = size;
  }

  take(): Uint8Array {
    return this.#free.pop() ?? new Uint8Array(this.#size);
  }

  /** Gives a whole buffer of this pool back, when nothing reads it any more. */
  give(buffer: Uint8Array): void {
    if (buffer.byteLength === this.#size) this.#free.push(buffer);
  }
}

export class PieceReader {
  readonly #reader: Reader;
  /** The piece under way as it came, and what is left of it. */
  #whole: Uint8Array = NOTHING;
  #piece: Uint8Array = NOTHING;
  #ended = false;
  #position = 0;
  readonly #owned: boolean;

  /** Locks `input` until it ends, fails or is cancelled. */
  constructor(input: ReadableStream<Uint8Array>, options: PieceReaderOptions = {}) {
    this.#reader = input.getReader();
    this.#owned = options.ownsInput ?? false;
  }

  /** Bytes consumed so far. */
  get position(): number {
    return this.#position;
  }

  /** The next bytes, at least one, without consuming them; undefined at the end. Throws what the stream throws. */
  async peek(): Promise<Uint8Array | undefined> {
    while (this.#piece.length === 0) {
      if (this.#ended) return undefined;
      const { done, value } = await this.#reader.read();
      if (value !== undefined) this.#piece = this.#whole = value;
      if (done) this.#ended = true;
    }
    return this.#piece;
  }

  /** Consumes `count` bytes of what `peek` returned; copy them first. */
  skip(count: number): void {
    this.#piece = this.#piece.subarray(count);
    this.#position += count;
    if (this.#piece.length > 0) return;
    if (this.#owned) release([this.#whole]);
    this.#whole = NOTHING;
  }

  /** Copies the next bytes into `target` until it is full or the stream ends; returns how many. */
  async fill(target: Uint8Array): Promise<number> {
    let filled = 0;
    while (filled < target.length) {
      const piece = await this.peek();
      if (piece === undefined) break;
      const count = Math.min(piece.length, target.length - filled);
      target.set(count === piece.length ? piece : piece.subarray(0, count), filled);
      this.skip(count);
      filled += count;
    }
    return filled;
  }

  /** Tells the stream that nobody reads on. */
  async cancel(reason: unknown): Promise<void> {
    this.#piece = NOTHING;
    await this.#reader.cancel(reason);
  }
}

/** The pieces one after another in fresh memory. */
export function joinBytes(pieces: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let offset = 0;
  for (const piece of pieces) {
    joined.set(piece, offset);
    offset += piece.length;
  }
  return joined;
}
