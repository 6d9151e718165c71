/** Reading a byte stream in pieces of one's own choosing, without copying when it can be helped. */

const NOTHING = new Uint8Array(0);

/** What we use of a stream's reader; Bun's types and node:stream/web disagree on the rest. */
interface Reader {
  read(): Promise<{ readonly done: boolean; readonly value?: Uint8Array | undefined }>;
  cancel(reason: unknown): Promise<void>;
}

export class PieceReader {
  readonly #reader: Reader;
  #piece: Uint8Array = NOTHING;
  #ended = false;
  #position = 0;

  /** Locks `input` until it ends, fails or is cancelled. */
  constructor(input: ReadableStream<Uint8Array>) {
    this.#reader = input.getReader();
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
      if (value !== undefined) this.#piece = value;
      if (done) this.#ended = true;
    }
    return this.#piece;
  }

  /** Consumes `count` bytes of what `peek` returned. */
  skip(count: number): void {
    this.#piece = this.#piece.subarray(count);
    this.#position += count;
  }

  /**
   * Exactly `length` bytes, or fewer at the end of the stream. A view of the
   * stream's own piece when they lie together; else copied into what
   * `allocate` returns (at least `length` bytes; default: fresh memory).
   */
  async take(length: number, allocate = freshBytes): Promise<Uint8Array> {
    const first = await this.peek();
    if (first === undefined) return NOTHING;
    if (first.length >= length) {
      this.skip(length);
      return first.subarray(0, length);
    }
    const target = allocate(length);
    let filled = 0;
    while (filled < length) {
      const piece = await this.peek();
      if (piece === undefined) break;
      const count = Math.min(piece.length, length - filled);
      target.set(count === piece.length ? piece : piece.subarray(0, count), filled);
      this.skip(count);
      filled += count;
    }
    return target.subarray(0, filled);
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

/**
 * Frees the memory of buffers that nobody else holds, now rather than at some
 * garbage collection: Bun lets over 100 MB of dead buffers pile up otherwise.
 */
export function release(pieces: readonly Uint8Array[]): void {
  for (const { buffer, byteLength } of pieces) {
    // A view of a part does not own its buffer (node:crypto cuts small results from a shared pool).
    if (buffer instanceof ArrayBuffer && buffer.byteLength === byteLength) buffer.transfer(0);
  }
}

function freshBytes(length: number): Uint8Array {
  return new Uint8Array(length);
}
