import { describe, expect, test } from "bun:test";
import { CHUNK_SIZE } from "../../../src/archive/age-payload.ts";
import { decryptStream, encryptStream } from "../../../src/archive/age.ts";
import { OperatorError } from "../../../src/errors.ts";
import { collect, inPieces, noise } from "./streams.ts";
import { identity, recipient } from "./payload-support.ts";

describe("encryptStream()", () => {
  test("never writes the final chunk when its source fails, at whatever point", async () => {
    for (const size of [0, 10, CHUNK_SIZE, 4 * CHUNK_SIZE, 9 * CHUNK_SIZE + 1]) {
      const source = inPieces(noise(size), 50_000);
      const reader = source.getReader();
      const broken = new Error("tar failed");
      const failing = new ReadableStream<Uint8Array>({
        async pull(controller) {
          const { done, value } = await reader.read();
          if (done) controller.error(broken);
          else controller.enqueue(value);
        },
      });
      const { bytes, failure } = await collect(
        failing.pipeThrough(await encryptStream([recipient])),
      );
      expect(failure).toBe(broken);
      if (bytes.length === 0) continue;
      const { failure: refused } = await collect(
        await decryptStream(inPieces(bytes, 10_000), [identity]),
      );
      expect(refused instanceof OperatorError && refused.code === "ARCHIVE_DAMAGED").toBe(true);
    }
  });

  test("fails when its writer aborts, and tells its source when its reader cancels", async () => {
    const aborted = await encryptStream([recipient]);
    const writer = aborted.writable.getWriter();
    const result = collect(aborted.readable);
    await writer.write(noise(10));
    await writer.abort("stop");
    expect((await result).failure).toBe("stop");

    let cancelled: unknown;
    const endless = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(noise(1000)),
      cancel(reason) {
        cancelled = reason;
      },
    });
    const reader = endless.pipeThrough(await encryptStream([recipient])).getReader();
    await reader.read();
    await reader.cancel("enough");
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(cancelled).toBe("enough");
  });

  test("fails, rather than ends, when it is aborted without a reason", async () => {
    const { readable, writable } = await encryptStream([recipient]);
    const writer = writable.getWriter();
    const reader = readable.getReader();
    await reader.read();
    const rest = reader.read().then(
      () => "ended",
      () => "failed",
    );
    await writer.abort();
    expect(await rest).toBe("failed");
  });

  test("asks its source for no more than a window while nobody reads", async () => {
    let given = 0;
    const source = new ReadableStream<Uint8Array>(
      {
        pull(controller) {
          given += 10_000;
          controller.enqueue(noise(10_000));
        },
      },
      { highWaterMark: 0 },
    );
    const reader = source.pipeThrough(await encryptStream([recipient])).getReader();
    await reader.read();
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(given).toBeLessThan(12 * CHUNK_SIZE);
    await reader.cancel();
  });
});
