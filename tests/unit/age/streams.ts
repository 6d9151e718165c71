/** Byte streams for tests. */
import { decryptStream, encryptStream } from "../../../src/archive/age.ts";
import type { AgeOptions } from "../../../src/archive/age.ts";
import { OperatorError } from "../../../src/errors.ts";

/** The bytes as a stream in pieces of `size` bytes, each in memory of its own. */
export function inPieces(bytes: Uint8Array, size: number): ReadableStream<Uint8Array> {
  let offset = 0;
  return new ReadableStream(
    {
      pull(controller) {
        if (offset >= bytes.length) controller.close();
        // Not `bytes.slice`: a Buffer's own shares its memory.
        else controller.enqueue(Uint8Array.prototype.slice.call(bytes, offset, offset + size));
        offset += size;
      },
    },
    { highWaterMark: 0 },
  );
}

/** Everything a stream gives, and what it fails with, if it does. */
export async function collect(
  stream: ReadableStream<Uint8Array>,
): Promise<{ bytes: Uint8Array; failure: unknown }> {
  const pieces: Uint8Array[] = [];
  const reader = stream.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return { bytes: Buffer.concat(pieces), failure: undefined };
      pieces.push(value);
    }
  } catch (failure) {
    return { bytes: Buffer.concat(pieces), failure };
  }
}

/** Everything a stream gives; throws what it fails with. */
export async function bytesOf(stream: ReadableStream<Uint8Array>): Promise<Uint8Array> {
  const { bytes, failure } = await collect(stream);
  if (failure !== undefined) throw failure;
  return bytes;
}

export async function encrypted(
  plaintext: Uint8Array,
  recipients: readonly string[],
  options: AgeOptions & { readonly piece?: number } = {},
): Promise<Uint8Array> {
  const transform = await encryptStream(recipients, options);
  return bytesOf(inPieces(plaintext, options.piece ?? 100_000).pipeThrough(transform));
}

export async function decrypted(
  file: Uint8Array,
  identities: readonly string[],
  options: AgeOptions & { readonly piece?: number } = {},
): Promise<Uint8Array> {
  return bytesOf(
    await decryptStream(inPieces(file, options.piece ?? 100_000), identities, options),
  );
}

/** The OperatorError that `action` rejects with; fails the test when there is none. */
export async function operatorErrorOf(action: () => Promise<unknown>): Promise<OperatorError> {
  try {
    await action();
  } catch (error) {
    if (error instanceof OperatorError) return error;
    throw error;
  }
  throw new Error("expected an OperatorError, but nothing was thrown");
}

/** Bytes that look random and are the same in every run. */
export function noise(length: number, seed = 1): Uint8Array {
  const bytes = new Uint8Array(length);
  let state = seed;
  for (let index = 0; index < length; index += 1) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    bytes[index] = state >>> 24;
  }
  return bytes;
}
