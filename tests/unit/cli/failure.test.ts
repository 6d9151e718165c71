import { describe, expect, test } from "bun:test";
import { failureOf } from "../../../src/cli/failure.ts";
import { OperatorError } from "../../../src/errors.ts";

const calm = new AbortController().signal;

describe("failureOf()", () => {
  test("a disk that fails where nobody explained it is one sentence, not a fault of ours", () => {
    const error = Object.assign(new Error("EIO: i/o error, fsync"), {
      code: "EIO",
      syscall: "fsync",
      path: "/var/lib/railiance",
    });
    const { exit, shown } = failureOf(error, calm);
    expect(exit).toBe("precondition");
    expect(shown.message).toBe("the device reported an I/O error (fsync /var/lib/railiance)");
    expect(shown.hint).toContain("dmesg");
  });

  test("what failed first is told, not what failed while clearing up after it", () => {
    const first = new OperatorError("verifyFailed", "FIRST", "the first thing");
    const second = new SuppressedError(new Error("rm failed"), first);
    const third = new SuppressedError(new Error("close failed"), second);
    expect(failureOf(third, calm).shown.message).toBe("the first thing");
  });
});
