/** Ending a systemd service, here or on the primary's own server, or that whole server. */
import { OperatorError } from "../../errors.ts";
import { tailOf } from "../../sys/exec.ts";
import { UNINTERRUPTED } from "../../sys/host.ts";
import { hostAddresses, isIPv4, isIPv6 } from "../../sys/network.ts";
import { killFailed, notPutBack } from "./failed.ts";
import { serverVictim } from "./server.ts";
import type { RunResult } from "../../sys/exec.ts";
import type { KillSpec } from "../drill/kill-schema.ts";
import type { Primary } from "../resolve/target.ts";
import type { KillInput, Victim } from "./kill.ts";
import type { OnServer } from "./server.ts";

type ServiceSpec = Extract<KillSpec, { method: "service-stop" | "service-kill" | "server-off" }>;
type Systemctl = (...args: readonly string[]) => Promise<RunResult>;

/** Throws an OperatorError (refused): `OWN_SERVER`, `NO_WAY_THERE`. */
export function serviceVictim(spec: ServiceSpec, { host, primary }: KillInput): Victim {
  refuseWrongPlace(spec, primary);
  // The words before the command that bring it to the server; `{name}` and `{host}` are the primary's.
  const prefix = (spec.through ?? []).map((word) =>
    word.replaceAll("{name}", primary.name).replaceAll("{host}", primary.host),
  );
  const onServer: OnServer = (command, timeout) =>
    host.run([...prefix, ...command], { timeout, signal: UNINTERRUPTED });
  if (spec.method === "server-off") return serverVictim(primary, onServer);
  const systemctl: Systemctl = (...args) => onServer(["systemctl", ...args], 120_000);
  return unitVictim(spec, { systemctl, on: prefix.length === 0 ? "" : ` on ${primary.name}` });
}

/** A drill that ends its own K3s cannot see what follows, and one without a way to the primary would end the wrong one. */
function refuseWrongPlace(spec: ServiceSpec, { name, host }: Primary): void {
  const here = /^127\.|^::1$/.test(host) || hostAddresses().includes(host);
  const own = spec.method === "server-off" || spec.unit.startsWith("k3s");
  if (own && (here || (spec.method === "server-off" && spec.through === undefined))) {
    throw new OperatorError(
      "refused",
      "OWN_SERVER",
      `the primary ${name} is this very server, and the drill would go down with it`,
      { hint: "nothing was killed; run it on another server" },
    );
  }
  if (spec.through === undefined && !here && (isIPv4(host) || isIPv6(host))) {
    const what = spec.method === "server-off" ? "this server" : `${spec.unit} of this server`;
    throw new OperatorError(
      "refused",
      "NO_WAY_THERE",
      `the primary ${name} is at ${host}, and without kill.through the drill would end ${what}`,
      { hint: 'nothing was killed; for example through: [ssh, -o, BatchMode=yes, "root@{host}"]' },
    );
  }
}

function unitVictim(
  spec: Exclude<ServiceSpec, { method: "server-off" }>,
  input: { readonly systemctl: Systemctl; readonly on: string },
): Victim {
  const { systemctl, on } = input;
  const { unit } = spec;
  // systemd gives each start of a unit an id of its own.
  const startOf = async (): Promise<string | undefined> => {
    const shown = await systemctl("show", "--property=ActiveState,InvocationID", unit);
    if (shown.exitCode !== 0) throw killFailed(`systemctl show ${unit}: ${tailOf(shown)}`);
    const running = /^ActiveState=(active|activating|reloading|deactivating)$/m.test(shown.stdout);
    return running ? /^InvocationID=(.*)$/m.exec(shown.stdout)?.[1] : undefined;
  };
  let before: string | undefined;
  return {
    text: `${unit}${on}`,
    labels: {},
    byHand: `systemctl start ${unit}${on}`,
    kill: async () => {
      before = await startOf();
      if (before === undefined) throw killFailed(`${unit} does not run${on}`);
      if (spec.method === "service-kill") await killUnit(systemctl, spec);
      if (spec.method === "service-kill" && !spec.keepDown) return;
      // After a kill too, or Restart= has it back before anybody has noticed. Not by a mask: one
      // for this boot lies in /run, which counts less than a unit in /etc (systemd.unit(5)).
      const stopped = await systemctl("stop", unit);
      if (stopped.exitCode !== 0) throw killFailed(`systemctl stop ${unit}: ${tailOf(stopped)}`);
    },
    gone: async () => (await startOf()) !== before,
    putBack: async () => {
      // It did not run, so it was not the drill that took it down.
      if (before === undefined) return;
      const started = await systemctl("start", "--no-block", unit);
      if (started.exitCode !== 0) throw notPutBack(`systemctl start ${unit}: ${tailOf(started)}`);
    },
  };
}

/** Sends the signal as systemd itself would at a stop: with KillMode=process, as K3s has it, its pods live on. */
async function killUnit(
  systemctl: Systemctl,
  spec: Extract<ServiceSpec, { method: "service-kill" }>,
): Promise<void> {
  const { unit } = spec;
  const mode = await systemctl("show", "--property=KillMode", "--value", unit);
  const whom = mode.stdout.trim() === "process" ? "main" : "all";
  const killed = await systemctl("kill", `--kill-whom=${whom}`, `--signal=${spec.signal}`, unit);
  if (killed.exitCode === 0) return;
  // systemd 252: an I/O error when a process of the unit ends while it goes through them.
  const state = await systemctl("is-active", unit);
  if (state.exitCode !== 0 && state.stdout.trim() !== "") return;
  throw killFailed(`systemctl kill ${unit}: ${tailOf(killed)}`);
}
