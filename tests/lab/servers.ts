/** Several bare servers on one switch: a bridge in a network namespace of its own, no way out. */
import { spawn } from "node:child_process";
import { must } from "./command.ts";
import { createServer } from "./server.ts";
import type { BareServer, BareServerOptions } from "./server.ts";

export interface Servers extends AsyncDisposable {
  readonly list: readonly BareServer[];
  /** Pulls a server's network cable, and puts it back. */
  plug(index: number, connected: boolean): Promise<void>;
}

/** Starts s1, s2, … with addresses 10.99.0.1, .2, …; with `cluster` (default) they form one etcd cluster. */
export async function startServers(
  options: Omit<BareServerOptions, "name" | "address"> & { readonly count: number },
): Promise<Servers> {
  const network = await startSwitch();
  const list: BareServer[] = [];
  const dispose = async (): Promise<void> => {
    await Promise.all(list.map((server) => server[Symbol.asyncDispose]()));
    network.kill();
  };
  try {
    for (let number = 1; number <= options.count; number += 1) {
      list.push(await startOne(options, { number, first: list[0], network: network.pid }));
    }
  } catch (error) {
    await dispose();
    throw error;
  }
  return {
    list,
    async plug(index, connected) {
      await onSwitch(network.pid, [
        "ip",
        "link",
        "set",
        `port${index + 1}`,
        connected ? "up" : "down",
      ]);
    },
    [Symbol.asyncDispose]: dispose,
  };
}

async function startOne(
  options: BareServerOptions,
  place: {
    readonly number: number;
    readonly first: BareServer | undefined;
    readonly network: number;
  },
): Promise<BareServer> {
  const { number, first, network } = place;
  const address = `10.99.0.${number}`;
  const config = `${options.config ?? ""}kube-controller-manager-arg: [leader-elect=true]\nkube-scheduler-arg: [leader-elect=true]\n`;
  const clustered = options.cluster !== false;
  const server = await createServer({
    ...options,
    name: `s${number}`,
    address,
    cluster: clustered && first === undefined,
    config,
  });
  await connect(server.holder, { number, address, network });
  if (first !== undefined && clustered) {
    const token = first.read("/var/lib/rancher/k3s/server/token").trim();
    server.write(
      "/etc/rancher/k3s/config.yaml",
      `server: https://10.99.0.1:6443\ntoken: ${token}\n${config}`,
    );
  }
  await server.boot();
  if (clustered) {
    await server.must(["systemctl", "enable", "k3s"]);
    await server.startCluster({ timeout: 120_000 });
  }
  return server;
}

/** The address moves from lo to a cable into the switch. */
async function connect(
  holder: number,
  place: { readonly number: number; readonly address: string; readonly network: number },
): Promise<void> {
  const { number, address, network } = place;
  const port = `port${number}`;
  await onSwitch(network, [
    "ip",
    "link",
    "add",
    port,
    "type",
    "veth",
    "peer",
    "name",
    "eth0",
    "netns",
    String(holder),
  ]);
  await onSwitch(network, ["ip", "link", "set", port, "master", "switch0", "up"]);
  await onSwitch(holder, ["ip", "addr", "del", `${address}/32`, "dev", "lo"]);
  await onSwitch(holder, ["ip", "addr", "add", `${address}/24`, "dev", "eth0"]);
  await onSwitch(holder, ["ip", "link", "set", "eth0", "up"]);
  await onSwitch(holder, ["ip", "route", "replace", "default", "via", "10.99.0.254"]);
}

function onSwitch(pid: number, argv: readonly string[]): Promise<string> {
  return must(["nsenter", "-t", String(pid), "-n", "--", ...argv]);
}

async function startSwitch(): Promise<{ readonly pid: number; kill(): void }> {
  const script =
    "set -e; ip link add switch0 type bridge; ip addr add 10.99.0.254/24 dev switch0; ip link set switch0 up; echo ready; exec sleep infinity";
  const child = spawn(
    "setpriv",
    ["--pdeathsig", "KILL", "--", "unshare", "--net", "sh", "-c", script],
    {
      stdio: ["ignore", "pipe", "inherit"],
    },
  );
  await new Promise<void>((resolve, reject) => {
    child.stdout.once("data", () => resolve());
    child.once("exit", (code) => reject(new Error(`the lab's switch ended with ${code}`)));
  });
  child.unref();
  return { pid: child.pid ?? 0, kill: () => void child.kill("SIGKILL") };
}
