/**
 * `make lab CMD='…'`: a fresh bare server with a running cluster and the
 * executable; runs the command there as root and ends with its exit code.
 * Without a command: a shell. LAB_DATASTORE=sqlite, LAB_SERVERS=3, LAB_CLUSTER=no.
 */
import { spawn } from "node:child_process";
import { startBareServer } from "./server.ts";
import type { BareServer } from "./server.ts";
import { startServers } from "./servers.ts";

const count = Number(process.env["LAB_SERVERS"] ?? "1");
const typed = process.argv.slice(2).join(" ");
const began = performance.now();

async function boot(): Promise<{ readonly first: BareServer; readonly all: AsyncDisposable }> {
  const options = {
    datastore: process.env["LAB_DATASTORE"] === "sqlite" ? ("sqlite" as const) : ("etcd" as const),
    cluster: process.env["LAB_CLUSTER"] !== "no",
    tools: (process.env["LAB_TOOLS"] ?? "").split(/[ ,]+/).filter((tool) => tool !== ""),
  };
  if (count === 1) {
    const server = await startBareServer(options);
    return { first: server, all: server };
  }
  const servers = await startServers({ ...options, count });
  const [first] = servers.list;
  if (first === undefined) throw new TypeError("LAB_SERVERS must be at least 1");
  return { first, all: servers };
}

const { first, all } = await boot();
process.stderr.write(
  `lab: ${count === 1 ? "server" : `${count} servers`} ready after ${((performance.now() - began) / 1000).toFixed(1)} s (a stand-in for K3s, see tests/lab/README.md)\n`,
);
const exitCode = await new Promise<number>((resolve) => {
  const [program = "", ...args] = first.argv(typed === "" ? ["bash", "--login"] : typed);
  const child = spawn(program, args, { stdio: "inherit" });
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => child.kill(signal));
  child.on("exit", (code) => resolve(code ?? 1));
});
await all[Symbol.asyncDispose]();
process.exit(exitCode);
