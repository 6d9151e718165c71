/** Peak memory of a backup, verify and restore of a large cluster, counted for the whole process (`/usr/bin/time -v`). */
import { describe, expect, test } from "bun:test";
import { skipWithoutLab, startBareServer } from "../lab/server.ts";
import { PROGRAM, giveKey, makeWorkload } from "../e2e/workload.ts";
import type { BareServer } from "../lab/server.ts";

const MIB = 1024 * 1024;
/** design.md 8: megabytes, not mebibytes. */
const MB = 1_000_000;
const LIMIT = 150 * MB;

/** Fills etcd straight, past the API server, with values that hardly compress. */
async function fill(server: BareServer, bytes: number): Promise<void> {
  const value = 1_400_000; // etcd takes requests of 1.5 MiB
  await server.must(
    `cd /var/lib/rancher/k3s/server/tls/etcd
     head -c ${(value * 3) / 4} /dev/urandom | base64 -w0 > /root/value
     for number in $(seq ${Math.ceil(bytes / value)}); do
       { echo -n "$number "; cat /root/value; } | ETCDCTL_API=3 etcdctl --endpoints https://127.0.0.1:2379 --cacert server-ca.crt --cert client.crt --key client.key put /railiance-test/$number > /dev/null
     done`,
    { timeout: 400_000 },
  );
}

async function peakOf(server: BareServer, command: string): Promise<number> {
  const result = await server.run(`/usr/bin/time -v ${command}`, { timeout: 400_000 });
  if (result.exitCode !== 0)
    throw new Error(`${command}: exit ${result.exitCode}: ${result.stderr}`);
  const kibibytes = /Maximum resident set size \(kbytes\): (\d+)/.exec(result.stderr)?.[1];
  const seconds = /Elapsed \(wall clock\) time .*: (.+)/.exec(result.stderr)?.[1];
  process.stderr.write(
    `${command}: peak ${Math.round((Number(kibibytes) * 1024) / MB)} MB, ${seconds}\n`,
  );
  return Number(kibibytes) * 1024;
}

/**
 * The same for our process alone: a restore starts K3s's reset, which maps the
 * whole database into memory. The kernel keeps the high-water mark; the last
 * one read before the end counts.
 */
async function ownPeakOf(server: BareServer, command: string): Promise<number> {
  const script = `${command} & pid=$!
    while mark=$(grep VmHWM /proc/$pid/status 2>/dev/null); do last=$mark; sleep 0.1; done
    wait $pid; code=$?; echo "$last" >&2; exit $code`;
  const result = await server.run(script, { timeout: 400_000 });
  if (result.exitCode !== 0)
    throw new Error(`${command}: exit ${result.exitCode}: ${result.stderr}`);
  const kibibytes = /VmHWM:\s+(\d+) kB/.exec(result.stderr)?.[1];
  process.stderr.write(`${command}: own peak ${Math.round((Number(kibibytes) * 1024) / MB)} MB\n`);
  return Number(kibibytes) * 1024;
}

describe.skipIf(skipWithoutLab())("peak memory with a snapshot of 1 GiB", () => {
  test("backup, verify and restore stay under 150 MB", async () => {
    await using server = await startBareServer({ tools: ["etcdctl"] });
    await giveKey(server);
    await makeWorkload(server);
    await fill(server, 1024 * MIB);
    expect(await peakOf(server, `${PROGRAM} backup`)).toBeLessThan(LIMIT);
    const { stdout } = await server.run(`${PROGRAM} show --json`);
    expect(stdout).toMatch(/"size": ?1[0-9]{9}/);
    expect(await peakOf(server, `${PROGRAM} verify`)).toBeLessThan(LIMIT);
    expect(await ownPeakOf(server, `${PROGRAM} restore --yes`)).toBeLessThan(LIMIT);
  }, 900_000);
});
