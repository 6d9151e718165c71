/**
 * zstd in independent frames: each MiB of plaintext is a frame of its own, so
 * that all cores compress and decompress at once (facts/performance.md). Frames
 * one after another are a plain zstd file: any `zstd -d` opens it.
 */
import { compressorPool, areWholeFrames, mustDecompressBlocking } from "./frame-codec.ts";
import { orderedStream, transformOf } from "./frame-flow.ts";
import type { JobResult } from "./frame-flow.ts";
import { BufferPool, PieceReader } from "./frame-pieces.ts";
import type { PieceReaderOptions } from "./frame-pieces.ts";
import { FrameSource } from "./frame-source.ts";

/** Plaintext bytes in a frame: larger ones compress hardly better and take memory in proportion. */
export const FRAME_SIZE = 1024 * 1024;
/** Keeps two cores busy as well as 4 did, and takes 4 MB less at the peak (a snapshot of 1.1 GB, 6 runs each). */
const FRAMES_IN_FLIGHT = 3;
const LEVEL = 3;

/** Single segment, checksum, one empty last block. Written out because Deno's zlib makes nothing of an empty write. */
const EMPTY_FRAME = Uint8Array.from(Buffer.from("28b52ffd240001000099e9d851", "hex"));

export interface CompressOptions extends PieceReaderOptions {
  /** zstd level, default 3. */
  readonly level?: number;
  /** Plaintext bytes in a frame, default 1 MiB. */
  readonly frameSize?: number;
  /** Frames compressed at once, default 3. */
  readonly inFlight?: number;
}

export interface DecompressOptions extends PieceReaderOptions {
  /** Frames decompressed at once, default 3. */
  readonly inFlight?: number;
  /** On the calling thread. Default: only where the runtime's asynchronous zlib cannot be trusted with damage. */
  readonly blocking?: boolean;
}

/** Compresses what is written to it into frames. Input without a byte gives one empty frame. */
export function compressFrames(
  options: CompressOptions = {},
): TransformStream<Uint8Array, Uint8Array> {
  const { level = LEVEL, frameSize = FRAME_SIZE, inFlight = FRAMES_IN_FLIGHT } = options;
  return transformOf((input) => {
    const reader = new PieceReader(input, options);
    const pool = compressorPool(level);
    const buffers = new BufferPool(frameSize);
    const compress = async (buffer: Uint8Array, length: number): Promise<JobResult> => {
      const frame = length === 0 ? EMPTY_FRAME.slice() : await pool.run(buffer.subarray(0, length));
      // Bun's zlib has been seen to give nothing, without an error (facts/age-sops.md 0).
      if (!areWholeFrames(frame, length)) {
        throw new Error("zlib wrote something other than whole frames");
      }
      buffers.give(buffer);
      return { pieces: [frame] };
    };
    let started = false;
    return orderedStream(
      {
        async next() {
          const buffer = buffers.take();
          const length = await reader.fill(buffer);
          if (length === 0 && started) {
            pool.close();
            return undefined;
          }
          started = true;
          return { result: compress(buffer, length) };
        },
        async stop(reason) {
          pool.close();
          await reader.cancel(reason);
        },
      },
      inFlight,
    );
  });
}

/**
 * Decompresses zstd frames of any origin. Fails with an OperatorError
 * `ARCHIVE_DAMAGED` (exit `verifyFailed`) on anything that is not whole frames
 * from start to end, or that contradicts its checksums. Memory stays bounded
 * whatever the frames claim: a large frame is decompressed as a stream.
 */
export function decompressFrames(
  options: DecompressOptions = {},
): TransformStream<Uint8Array, Uint8Array> {
  const { inFlight = FRAMES_IN_FLIGHT, blocking = mustDecompressBlocking() } = options;
  return transformOf((input) => {
    const source = new FrameSource(new PieceReader(input, options), blocking);
    return orderedStream(source, inFlight);
  });
}
