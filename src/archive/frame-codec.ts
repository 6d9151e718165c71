/**
 * zstd by node:zlib, one whole frame per call, on the runtime's thread pool.
 * The zlib streams are reused: one per frame would cost a third of the speed
 * and leave the contexts' memory to the garbage collector.
 */
import { constants, createZstdCompress, createZstdDecompress, zstdDecompressSync } from "node:zlib";
import { joinBytes } from "./frame-pieces.ts";
import { FrameWalker } from "./frame-walker.ts";

type ZlibStream = ReturnType<typeof createZstdCompress> | ReturnType<typeof createZstdDecompress>;

/** Bytes in one zlib output buffer; when decompressing, a frame of `compressFrames` fills one exactly. */
const COMPRESSED_SIZE = 256 * 1024;
const DECOMPRESSED_SIZE = 1024 * 1024;

/** One zlib stream that is written to, one input after another, and never ended. */
export class ZlibWorker {
  readonly #stream: ZlibStream;
  readonly #outputSize: number;
  #pieces: Uint8Array[] = [];
  #failure: Error | undefined;
  #reject: ((error: Error) => void) | undefined;

  /** `outputSize`: the `chunkSize` of the zlib stream. */
  constructor(stream: ZlibStream, outputSize: number) {
    this.#stream = stream;
    this.#outputSize = outputSize;
    stream.on("data", (piece: Uint8Array) => this.#pieces.push(piece));
    stream.on("error", (error: Error) => {
      this.#failure = error;
      this.#reject?.(error);
    });
  }

  /** What comes out for `input`, which must not change meanwhile. After a failure the worker is of no more use. */
  run(input: Uint8Array): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) {
        reject(this.#failure);
        return;
      }
      this.#reject = reject;
      this.#stream.write(input, (error) => {
        if (error === null || error === undefined) resolve(this.#takeOutput());
        else reject(error);
      });
    });
  }

  /** The output in memory of its own. zlib's buffers are freed once they are full: it has taken new ones by then. */
  #takeOutput(): Uint8Array {
    const pieces = this.#pieces;
    this.#pieces = [];
    const [first, ...others] = pieces;
    const alone = first !== undefined && others.length === 0;
    if (alone && first.byteLength === first.buffer.byteLength) return first;
    const joined = joinBytes(pieces);
    for (const { buffer, byteOffset, byteLength } of pieces) {
      const full = byteOffset + byteLength === this.#outputSize;
      if (full && buffer instanceof ArrayBuffer && buffer.byteLength === this.#outputSize) {
        buffer.transfer(0);
      }
    }
    return joined;
  }

  close(): void {
    this.#stream.destroy();
  }
}

/** As many workers as are needed at once; a failed one is thrown away. */
export class ZlibPool {
  readonly #make: () => ZlibWorker;
  readonly #idle: ZlibWorker[] = [];
  #closed = false;

  constructor(make: () => ZlibWorker) {
    this.#make = make;
  }

  async run(input: Uint8Array): Promise<Uint8Array> {
    const worker = this.#idle.pop() ?? this.#make();
    try {
      const output = await worker.run(input);
      if (this.#closed) worker.close();
      else this.#idle.push(worker);
      return output;
    } catch (error) {
      worker.close();
      throw error;
    }
  }

  /** Frees the native memory; workers that are busy are closed when they are done. */
  close(): void {
    this.#closed = true;
    for (const worker of this.#idle.splice(0)) worker.close();
  }
}

/**
 * A pool that makes each input a frame of its own, with checksum. `e_end` as the
 * flush mode ends a frame with every write, and lets zstd know the size at once
 * (Bun writes it into the frame; Deno does not). Never set `nbWorkers`: in Bun
 * the result is silently empty (facts/age-sops.md 0).
 */
export function compressorPool(level: number): ZlibPool {
  const params = {
    [constants.ZSTD_c_compressionLevel]: level,
    [constants.ZSTD_c_checksumFlag]: 1,
  };
  const flush = constants.ZSTD_e_end;
  const chunkSize = COMPRESSED_SIZE;
  return new ZlibPool(
    () => new ZlibWorker(createZstdCompress({ params, flush, chunkSize }), chunkSize),
  );
}

/** A worker that decompresses frames, in pieces or whole. */
export function decompressor(): ZlibWorker {
  const chunkSize = DECOMPRESSED_SIZE;
  return new ZlibWorker(createZstdDecompress({ chunkSize }), chunkSize);
}

/**
 * Decompresses one whole frame of at most `bound` bytes of content on the
 * calling thread, after timers and signal handlers had their turn. Throws zlib's error.
 */
export async function decompressBlocking(frame: Uint8Array, bound: number): Promise<Uint8Array> {
  await new Promise((resolve) => setImmediate(resolve));
  // maxOutputLength 0 is refused; a frame without content still passes with 1.
  return zstdDecompressSync(frame, { maxOutputLength: Math.max(1, bound) });
}

/**
 * Deno 2.9.6 throws the errors of asynchronous zlib where nobody can catch
 * them, and does its work on the main thread anyway: there, frames are
 * decompressed by the synchronous call.
 */
export function mustDecompressBlocking(): boolean {
  return globalThis.navigator?.userAgent?.startsWith("Deno/") ?? false;
}

/**
 * Do these bytes hold whole frames with `contentSize` bytes of content, as far
 * as their headers tell? Usually one; when it ends exactly where zlib's output
 * buffer does, zlib is asked once more and adds an empty one.
 */
export function areWholeFrames(bytes: Uint8Array, contentSize: number): boolean {
  let known = 0;
  let bound = 0;
  let telling = true;
  for (let offset = 0; offset < bytes.length;) {
    const walker = new FrameWalker();
    offset += walker.advance(bytes.subarray(offset));
    if (!walker.done) return false;
    known += walker.contentSize ?? 0;
    bound += walker.contentBound;
    telling &&= walker.contentSize !== undefined;
  }
  return bytes.length > 0 && bound >= contentSize && (!telling || known === contentSize);
}
