/** Running all checks whatever one of them does, and showing the results; the DNS client; the list of components. */
import { createSocket } from "node:dgram";
import { createServer } from "node:net";
import { describe, expect, test } from "bun:test";
import { tapLines } from "../../../src/cli/ha/tap.ts";
import { OperatorError } from "../../../src/errors.ts";
import { fail, ok, skip } from "../../../src/ha/smoke/check.ts";
import { parseChecks } from "../../../src/ha/smoke/checks-file.ts";
import { runSmoke } from "../../../src/ha/smoke/run.ts";
import { askDns, dnsQuestion, parseDnsAnswer } from "../../../src/sys/dns.ts";
import type { SmokeOutcome } from "../../../src/ha/smoke/check.ts";
import type { SmokeTask } from "../../../src/ha/smoke/run.ts";

function task(
  id: string,
  run: (signal: AbortSignal) => Promise<SmokeOutcome>,
  timeout = 5_000,
): SmokeTask {
  return { id, timeout, hint: `look at ${id}`, run };
}
const options = { signal: new AbortController().signal, now: () => performance.now() };

describe("running", () => {
  test("one that throws, one that hangs and one that fails keep no other from running; order stays", async () => {
    const results = await runSmoke(
      [
        task("hangs", () => new Promise(() => undefined), 50),
        task("throws", () => Promise.reject(new TypeError("with a secret in it"))),
        task("says", () =>
          Promise.reject(new OperatorError("key", "X", "no key", { hint: "get one" })),
        ),
        task("fails", () => Promise.resolve(fail("broken", "mend it"))),
        task("skips", () => Promise.resolve(skip("not here"))),
        task("passes", () => Promise.resolve(ok("fine"))),
      ],
      options,
    );
    expect(results.map(({ id, outcome, detail, hint }) => [id, outcome, detail, hint])).toEqual([
      ["hangs", "fail", "no result within 0.1 s", "look at hangs"],
      ["throws", "fail", "could not be checked (TypeError)", "look at throws"],
      ["says", "fail", "no key", "get one"],
      ["fails", "fail", "broken", "mend it"],
      ["skips", "skip", "not here", undefined],
      ["passes", "ok", "fine", undefined],
    ]);
  });

  test("a signal ends the run with its reason", async () => {
    const stop = new AbortController();
    const hanging = task("hangs", () => new Promise(() => undefined));
    const running = runSmoke([hanging], { ...options, signal: stop.signal });
    stop.abort(new OperatorError("interrupted", "INTERRUPTED", "stopped"));
    await expect(running).rejects.toThrow("stopped");
  });
});

describe("TAP", () => {
  test("plan, escaped descriptions, a reason for a skip, and a YAML block for a failure", () => {
    const result = { hint: undefined, duration: 12.4, timeout: 1000 };
    expect(
      tapLines([
        { ...result, id: "a", outcome: "ok", detail: "pool #1 \\ fine" },
        { ...result, id: "b", outcome: "skip", detail: "SQLite" },
        { ...result, id: "c", outcome: "fail", detail: 'says "no"', hint: "look" },
      ]),
    ).toEqual([
      "TAP version 14",
      "1..3",
      "ok 1 - a: pool \\#1 \\\\ fine",
      "ok 2 - b # SKIP SQLite",
      "not ok 3 - c",
      "  ---",
      '  message: "says \\"no\\""',
      '  hint: "look"',
      "  duration_ms: 12",
      "  timeout_ms: 1000",
      "  ...",
    ]);
  });
});

describe("the list of components", () => {
  test("is a list of checks, each of one kind, with ids of their own", () => {
    const text = `- {id: a, http: {url: "http://127.0.0.1/"}}
- {id: b, timeout: 2s, pgpool: {via: "pg.db:5432", nodes: 2}}
`;
    expect(
      parseChecks(text, "smoke.yaml").map(({ id, kind, timeout }) => [id, kind, timeout]),
    ).toEqual([
      ["a", "http", 10_000],
      ["b", "pgpool", 2_000],
    ]);
    expect(parseChecks("[]", "smoke.yaml")).toEqual([]);
  });
  test("every mistake is named with its line", () => {
    const said = (text: string): string => {
      try {
        parseChecks(text, "smoke.yaml");
      } catch (error) {
        if (error instanceof OperatorError) return error.message;
      }
      return "";
    };
    expect(said("# nothing\n")).toBe("smoke.yaml is empty; it must hold a list of checks");
    expect(said("a: 1\n")).toBe("smoke.yaml:1: must be a list of checks");
    expect(said("- {id: a, readyz: {}}\n- {id: a, readyz: {}}\n")).toBe(
      "smoke.yaml:2: the id a is there twice",
    );
    expect(said("- {id: a, readyz: {}}\n- {id: b}\n")).toContain(
      "smoke.yaml:2: needs exactly one of pgpool",
    );
    expect(said("- {id: a, http: {url: x, stauts: 1}}\n")).toContain("smoke.yaml:1: http.stauts");
    expect(said("- {id: a\n")).toContain("smoke.yaml:");
  });
});

/** An answer with one address, and a pointer as its name. */
function answerTo(question: Buffer, code = 0): Buffer {
  const head = Buffer.from([0x84, 0x80 | code, 0, 1, 0, 1, 0, 0, 0, 0]);
  const record = Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 5, 0, 4, 10, 43, 0, 1]);
  return Buffer.concat([question.subarray(0, 2), head, question.subarray(12), record]);
}

describe("the DNS client", () => {
  test("reads addresses and status, and takes no other question's answer", () => {
    const question = dnsQuestion(7, "a.example.");
    expect(parseDnsAnswer(answerTo(question), 7)).toEqual({
      status: "NOERROR",
      addresses: ["10.43.0.1"],
    });
    expect(parseDnsAnswer(answerTo(question, 3), 7).status).toBe("NXDOMAIN");
    expect(() => parseDnsAnswer(answerTo(question), 8)).toThrow("no answer to this DNS question");
    expect(() => parseDnsAnswer(answerTo(question).subarray(0, 40), 7)).toThrow(
      "no answer to this",
    );
    expect(() => parseDnsAnswer(question, 7)).toThrow("no answer to this");
  });

  test("asks over UDP, and gives up in time where nobody answers", async () => {
    const server = createSocket("udp4");
    let silent = false;
    server.on("message", (question, who) => {
      if (!silent) server.send(answerTo(question), who.port, who.address);
    });
    await new Promise<void>((resolve) => server.bind(0, "127.0.0.1", resolve));
    const where = { address: "127.0.0.1", port: server.address().port };
    const answer = await askDns(where, "a.example", { over: "udp", timeout: 5_000 });
    expect(answer.addresses).toEqual(["10.43.0.1"]);
    silent = true;
    await expect(askDns(where, "a.example", { over: "udp", timeout: 100 })).rejects.toThrow(
      "in time",
    );
    server.close();
  });

  test("asks over TCP, with the length in front, in pieces too", async () => {
    const server = createServer((socket) => {
      socket.once("data", (piece: Buffer) => {
        const said = answerTo(piece.subarray(2));
        const whole = Buffer.concat([Buffer.from([0, said.length]), said]);
        socket.write(whole.subarray(0, 9), () => socket.write(whole.subarray(9)));
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
    const address = server.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    const where = { address: "127.0.0.1", port };
    const answer = await askDns(where, "a.example", { over: "tcp", timeout: 5_000 });
    expect(answer).toEqual({ status: "NOERROR", addresses: ["10.43.0.1"] });
    await new Promise((resolve) => server.close(resolve));
    await expect(askDns(where, "a.example", { over: "tcp", timeout: 5_000 })).rejects.toThrow();
  });
});
