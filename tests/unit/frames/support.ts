/** Content to cut into frames, and what comes of decompressing them. */
import { FrameWalker } from "../../../src/archive/frame-walker.ts";
import { compressFrames, decompressFrames } from "../../../src/archive/frames.ts";
import type { CompressOptions, DecompressOptions } from "../../../src/archive/frames.ts";
import { bytesOf, collect, inPieces, noise } from "../age/streams.ts";

/** Half noise, half repetition: compresses, but not to nothing. */
export function sample(length: number): Uint8Array {
  const bytes = noise(length, length);
  for (let at = 0; at + 64 < length; at += 128) bytes.copyWithin(at, 0, 64);
  return bytes;
}

/** The bytes, compressed into frames. */
export function compressed(bytes: Uint8Array, options: CompressOptions = {}): Promise<Uint8Array> {
  return bytesOf(inPieces(bytes, 100_000).pipeThrough(compressFrames(options)));
}

export type Decompressing = DecompressOptions & { readonly piece?: number };

/** Decompresses, and hands over what came out and how it ended. */
export function outcome(bytes: Uint8Array, options: Decompressing = {}) {
  return collect(inPieces(bytes, options.piece ?? 70_000).pipeThrough(decompressFrames(options)));
}

/** The content of whole frames; throws what the decompressor throws. */
export async function decompressed(
  bytes: Uint8Array,
  options: Decompressing = {},
): Promise<Uint8Array> {
  const { bytes: plaintext, failure } = await outcome(bytes, options);
  if (failure !== undefined) throw failure;
  return plaintext;
}

/** How many bytes each frame of a file takes. */
export function frameLengths(bytes: Uint8Array): number[] {
  const lengths: number[] = [];
  for (let offset = 0; offset < bytes.length; offset += lengths.at(-1) ?? 0) {
    const walker = new FrameWalker();
    lengths.push(walker.advance(bytes.subarray(offset)));
    if (!walker.done) throw new Error("cut frame");
  }
  return lengths;
}
