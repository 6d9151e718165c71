/**
 * Two machines with Nginx and keepalived on a bridge, a floating address between
 * them, and a client: network namespaces of the test's own, gone with its processes.
 */
import { readlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { nginxConfig } from "./proxies.ts";
import { until, workplace } from "./programs.ts";
import type { Workplace } from "./programs.ts";

export interface VrrpStack extends AsyncDisposable {
  readonly work: Workplace;
  /** Runs a program where the client is. */
  atClient(
    argv: readonly string[],
    options?: { readonly env?: Readonly<Record<string, string>> },
  ): string;
}

export const FLOATING = "10.98.0.100";
const MACHINES = [
  { name: "edge-1", address: "10.98.0.11", priority: 150 },
  { name: "edge-2", address: "10.98.0.12", priority: 100 },
];
type VrrpMachine = (typeof MACHINES)[number];

/** Ready when the first machine answers at the floating address. */
export async function startVrrp(): Promise<VrrpStack> {
  const work = workplace("root");
  try {
    const client = work.start("client", ["unshare", "--net", "--", "sleep", "infinity"]).pid ?? 0;
    const atClient: VrrpStack["atClient"] = (argv, options) =>
      work.run(["nsenter", `--target=${client}`, "--net", "--", ...argv], options);
    const ip = (words: string): string => atClient(["ip", ...words.split(" ")]);
    await ownNetwork(client);
    ip("link add bridge0 type bridge");
    ip("addr add 10.98.0.1/24 dev bridge0");
    ip("link set bridge0 up");
    for (const machine of MACHINES) {
      const pid = startMachine(work, machine);
      await ownNetwork(pid);
      ip(`link add ${machine.name} type veth peer name eth0 netns ${pid}`);
      ip(`link set ${machine.name} master bridge0 up`);
    }
    const ask = `const answer = await fetch("http://${FLOATING}/", { signal: AbortSignal.timeout(1000) });
console.log(answer.headers.get("x-edge"))`;
    await until(
      "the floating address",
      () => atClient([process.execPath, "-e", ask]).trim() === "edge-1",
    );
    return { work, atClient, [Symbol.asyncDispose]: () => work[Symbol.asyncDispose]() };
  } catch (error) {
    await work[Symbol.asyncDispose]();
    throw error;
  }
}

/** Until unshare has run, the process is still in the network of the test, which must not be touched. */
async function ownNetwork(pid: number): Promise<void> {
  const networkOf = (process: string): string => readlinkSync(`/proc/${process}/ns/net`);
  await until("a network of its own", () => networkOf(String(pid)) !== networkOf("self"));
}

/** Killing its one process takes programs, network and address away at once, as a power cut does. */
function startMachine(work: Workplace, { name, address, priority }: VrrpMachine): number {
  const at = (file: string): string => join(work.folder, `${name}-${file}`);
  writeFileSync(at("keepalived.conf"), keepalivedConfig(name, priority));
  nginxConfig(work, {
    name,
    servers: `  server { listen 80; location / { add_header x-edge ${name}; return 200 "the shop\\n"; } }`,
  });
  const script = `ip link set lo up
until ip addr add ${address}/24 dev eth0 2> /dev/null; do sleep 0.1; done
ip link set eth0 up
keepalived --dont-fork --log-console --vrrp --use-file=${at("keepalived.conf")} --pid=${at("keepalived.pid")} --vrrp_pid=${at("vrrp.pid")} &
exec nginx -p ${work.folder} -c ${name}.conf -e ${work.folder}/${name}.log`;
  const apart = ["unshare", "--net", "--pid", "--fork", "--kill-child=KILL", "--mount-proc", "--"];
  const child = work.start(name, [...apart, "sh", "-c", script]);
  writeFileSync(join(work.folder, `${name}.pid`), `${child.pid}\n`);
  return child.pid ?? 0;
}

function keepalivedConfig(name: string, priority: number): string {
  return `global_defs {
  router_id ${name}
}
vrrp_instance edge {
  state BACKUP
  interface eth0
  virtual_router_id 51
  priority ${priority}
  advert_int 1
  virtual_ipaddress {
    ${FLOATING}/24
  }
}
`;
}
