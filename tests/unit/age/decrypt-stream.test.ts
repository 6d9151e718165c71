import { describe, expect, test } from "bun:test";
import { CHUNK_SIZE, SEALED_CHUNK_SIZE } from "../../../src/archive/age-payload.ts";
import { decryptStream } from "../../../src/archive/age.ts";
import { OperatorError } from "../../../src/errors.ts";
import { collect, encrypted, inPieces, noise, operatorErrorOf } from "./streams.ts";
import { identity, recipient, damage, headerSizeOf } from "./payload-support.ts";

async function failureOf(
  file: Uint8Array,
): Promise<{ error: OperatorError; released: Uint8Array }> {
  const { bytes, failure } = await collect(await decryptStream(inPieces(file, 50_000), [identity]));
  if (!(failure instanceof OperatorError))
    throw new Error(`not an OperatorError: ${String(failure)}`);
  return { error: failure, released: bytes };
}

describe("decryptStream()", () => {
  test("tells a file cut between two chunks from an altered one, and releases the chunks before the cut", async () => {
    const plaintext = noise(6 * CHUNK_SIZE);
    const file = await encrypted(plaintext, [recipient]);
    for (const chunks of [1, 3, 4, 5]) {
      const cut = file.subarray(0, headerSizeOf(file) + 16 + chunks * SEALED_CHUNK_SIZE);
      const { error, released } = await failureOf(cut);
      expect(error.code).toBe("ARCHIVE_DAMAGED");
      expect(error.exit).toBe("verifyFailed");
      expect(error.message).toContain(`cut off after chunk ${chunks}`);
      expect(released.length).toBe(chunks * CHUNK_SIZE);
    }
  });

  test("names the last chunk of a file cut in the middle of one", async () => {
    const file = await encrypted(noise(2 * CHUNK_SIZE), [recipient]);
    for (const missing of [1, 15, 16, 17, 40_000, SEALED_CHUNK_SIZE - 1]) {
      const { error } = await failureOf(file.subarray(0, file.length - missing));
      expect(error.message).toContain("cut off in, or altered in, its last chunk (2)");
    }
  });

  test("names the chunk that was altered", async () => {
    const file = await encrypted(noise(6 * CHUNK_SIZE), [recipient]);
    const { error, released } = await failureOf(
      damage(file, headerSizeOf(file) + 16 + 2 * SEALED_CHUNK_SIZE + 5),
    );
    expect(error.message).toContain("altered in chunk 3");
    expect(released.length).toBe(2 * CHUNK_SIZE);
  });

  test("says that something follows the end, for a file with another one appended", async () => {
    const file = await encrypted(noise(4 * CHUNK_SIZE), [recipient]);
    const { error } = await failureOf(Buffer.concat([file, file]));
    expect(error.message).toContain("something follows the end");
    const short = await encrypted(noise(10), [recipient]);
    expect((await failureOf(Buffer.concat([short, short]))).error.code).toBe("ARCHIVE_DAMAGED");
  });

  test("refuses a file that ends with its header, in its nonce or right after it", async () => {
    const file = await encrypted(noise(10), [recipient]);
    for (const extra of [0, 1, 15]) {
      const cut = file.subarray(0, headerSizeOf(file) + extra);
      const error = await operatorErrorOf(() => decryptStream(inPieces(cut, 10), [identity]));
      expect(error.code).toBe("ARCHIVE_DAMAGED");
    }
    const { error } = await failureOf(file.subarray(0, headerSizeOf(file) + 16));
    expect(error.message).toContain("ends before its first chunk");
  });

  test("passes the error of a failing input on as it is, after the bytes before it", async () => {
    const file = await encrypted(noise(9 * CHUNK_SIZE), [recipient]);
    const broken = new Error("disk gone");
    let sent = false;
    const input = new ReadableStream<Uint8Array>(
      {
        pull(controller) {
          if (sent) controller.error(broken);
          else controller.enqueue(file.slice(0, 8 * CHUNK_SIZE));
          sent = true;
        },
      },
      { highWaterMark: 0 },
    );
    const { bytes, failure } = await collect(await decryptStream(input, [identity]));
    expect(failure).toBe(broken);
    expect(bytes.length).toBeGreaterThan(0);
  });

  test("cancels its input when it is cancelled, and when the file is refused", async () => {
    const file = await encrypted(noise(20 * CHUNK_SIZE), [recipient]);
    const watched = (bytes: Uint8Array) => {
      const reasons: unknown[] = [];
      const source = inPieces(bytes, 30_000).getReader();
      const stream = new ReadableStream<Uint8Array>(
        {
          async pull(controller) {
            const { done, value } = await source.read();
            if (done) controller.close();
            else controller.enqueue(value);
          },
          cancel(reason) {
            reasons.push(reason);
          },
        },
        { highWaterMark: 0 },
      );
      return { stream, reasons };
    };
    const good = watched(file);
    const reader = (await decryptStream(good.stream, [identity])).getReader();
    await reader.read();
    await reader.cancel("enough");
    expect(good.reasons).toEqual(["enough"]);
    const bad = watched(damage(file, headerSizeOf(file) + 100));
    await collect(await decryptStream(bad.stream, [identity]));
    expect(bad.reasons).toHaveLength(1);
    const noAge = watched(noise(1000));
    await operatorErrorOf(() => decryptStream(noAge.stream, [identity]));
    expect(noAge.reasons).toHaveLength(1);
  });
});
