/** Exact reads from a web stream, without copying what is passed on whole. */

export interface ByteSource {
  /** Exactly `length` bytes, or fewer when the stream ends before. Copies: for headers. */
  take(length: number): Promise<Uint8Array>;
  /** The next piece of at most `limit` bytes; undefined at the end. Does not copy: for bodies. */
  piece(limit: number): Promise<Uint8Array | undefined>;
  /** Gives up: the stream is cancelled. */
  cancel(reason: unknown): Promise<void>;
}

/** Reads a stream on demand: nothing is pulled before it is asked for. */
export function byteSource(stream: ReadableStream<Uint8Array>): ByteSource {
  const reader = stream.getReader();
  let rest: Uint8Array = new Uint8Array(0);
  const piece = async (limit: number): Promise<Uint8Array | undefined> => {
    while (rest.length === 0) {
      const next = await reader.read();
      if (next.done) return undefined;
      rest = next.value;
    }
    const found = rest.subarray(0, limit);
    rest = rest.subarray(found.length);
    return found;
  };
  return {
    piece,
    async take(length) {
      const bytes = new Uint8Array(length);
      let filled = 0;
      while (filled < length) {
        const next = await piece(length - filled);
        if (next === undefined) return bytes.subarray(0, filled);
        bytes.set(next, filled);
        filled += next.length;
      }
      return bytes;
    },
    cancel: (reason) => reader.cancel(reason),
  };
}

/** A stream fed by a generator, one piece for each pull; cancelling runs the generator's `finally`. */
export function streamFrom(pieces: AsyncGenerator<Uint8Array>): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const next = await pieces.next();
        if (next.done === true) controller.close();
        else controller.enqueue(next.value);
      },
      async cancel() {
        await pieces.return(undefined);
      },
    },
    { highWaterMark: 0 },
  );
}
