/** Ports for the programs of a test. */
import { readFileSync } from "node:fs";
import { createServer } from "node:net";

const FIRST = 20_000;
const LAST = firstOutgoing() - 1;

/** Tests that run at the same time begin at different places. */
let last = FIRST + ((process.pid * 61) % (LAST - FIRST));

/**
 * A port of 127.0.0.1 that is free now, and stays so until the program binds it: no other call gives
 * it, and no outgoing connection takes it. With ports of the kernel's choice one start in 170 failed:
 * the test's own clients, waiting for the first programs, had taken the port of a later one.
 */
export async function freePort(): Promise<number> {
  for (let tries = FIRST; tries <= LAST; tries += 1) {
    last = last >= LAST ? FIRST : last + 1;
    if (await isFree(last)) return last;
  }
  throw new Error(`no port from ${FIRST} to ${LAST} is free`);
}

/** Where the kernel's own choice begins (ip_local_port_range, ip(7)). */
export function firstOutgoing(): number {
  return Number(readFileSync("/proc/sys/net/ipv4/ip_local_port_range", "utf8").split("\t")[0]);
}

function isFree(port: number): Promise<boolean> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}
