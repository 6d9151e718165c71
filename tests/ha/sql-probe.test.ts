/** The probe that writes rows, against a real server. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { sqlProbe } from "../../src/ha/probes/sql.ts";
import { psqlOf, startPrimary } from "./stack/postgres.ts";
import { freePort } from "./stack/ports.ts";
import { workplace } from "./stack/programs.ts";
import type { Workplace } from "./stack/programs.ts";

let work: Workplace;
let port: number;
beforeAll(async () => {
  work = workplace();
  port = await freePort();
  await startPrimary(work, port);
}, 60_000);
afterAll(() => work[Symbol.asyncDispose]());

async function probeWithThreeRows() {
  const probe = sqlProbe({
    address: {
      host: "127.0.0.1",
      port,
      user: "postgres",
      password: undefined,
      database: "postgres",
    },
    interval: 100,
    timeout: 5_000,
    run: "run1",
    signal: new AbortController().signal,
  });
  await probe.prepare();
  await using session = await probe.open();
  for (const sequence of [1, 2, 3]) await session.attempt(sequence);
  return probe;
}

test("present() gives what is there, and not a row that was lost", async () => {
  const probe = await probeWithThreeRows();
  psqlOf(work)(port, "delete from railiance_drill where seq = 2");
  expect(await probe.present()).toEqual(new Set([1, 3]));
  await probe.clear();
});

test("present() gives nothing when the acknowledged table is gone too: all is lost, not unreadable", async () => {
  const probe = await probeWithThreeRows();
  psqlOf(work)(port, "drop table railiance_drill");
  expect((await probe.present()).size).toBe(0);
});

test("present() throws when the server does not let it look", async () => {
  const probe = await probeWithThreeRows();
  psqlOf(work)(port, "alter database postgres set default_transaction_read_only = on");
  const looked = probe.present().then(
    () => "looked",
    () => "thrown",
  );
  expect(await looked).toBe("thrown");
});
