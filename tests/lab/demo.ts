/**
 * `make demo`: what the program is for, on a bare server of the lab: a cluster with
 * a helm release is backed up, destroyed and brought back.
 */
import { readFileSync } from "node:fs";
import { giveKey, makeWorkload, stateOf, wipeCluster, withoutTransient } from "../e2e/workload.ts";
import { startBareServer } from "./server.ts";
import type { BareServer } from "./server.ts";

const began = performance.now();
let step = 0;

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** Where the demo server has the Makefile: all of this repository that it gets besides the executable. */
const FOLDER = "/opt/railiance/cluster";

/** Says what happens, does it, and says how long it took. */
async function act<T>(title: string, action: () => Promise<T>): Promise<T> {
  step += 1;
  say(`\n${step}. ${title}`);
  const started = performance.now();
  const result = await action();
  say(`   (${((performance.now() - started) / 1000).toFixed(1)} s)`);
  return result;
}

/** Shows a command and what it prints, as the operator sees it. */
async function show(server: BareServer, command: string): Promise<string> {
  say(`   s1# ${command}`);
  const result = await server.run(command, { timeout: 300_000 });
  for (const line of `${result.stderr}${result.stdout}`.trimEnd().split("\n")) say(`   ${line}`);
  if (result.exitCode !== 0) throw new Error(`${command}: exit ${result.exitCode}`);
  return result.stdout;
}

function check(claim: string, holds: boolean): void {
  say(`   ${holds ? "yes" : "NO "}  ${claim}`);
  if (!holds) process.exitCode = 1;
}

say(`railiance-cluster, shown on a bare server: systemd as PID 1, a unit k3s.service, no network.
The server runs real etcd, a real Kubernetes API server and controllers, and real helm, behind a
stand-in for K3s's own front (a K3s binary is in no package registry; tests/lab/README.md).`);

await using server = await act("Start a server with a running cluster", () =>
  startBareServer({ tools: ["age", "zstd", "tar"] }),
);
server.write(`${FOLDER}/Makefile`, readFileSync(new URL("../../Makefile", import.meta.url)));
await act(
  "Give it an age key where SOPS keeps it, install a helm release, make some objects",
  async () => {
    await giveKey(server);
    await makeWorkload(server);
    await show(server, "KUBECONFIG=/etc/rancher/k3s/k3s.yaml helm list -A");
  },
);
const before = await stateOf(server);
say(`   ${before.uids.length} objects noted with their UIDs`);

const archive = await act("Back up", async () =>
  (await show(server, `cd ${FOLDER} && make backup`)).trim(),
);
await act("Look into the archive with stock tools: age, zstd, tar", () =>
  show(server, `age -d -i ~/.config/sops/age/keys.txt ${archive} | zstd -d | tar tv`),
);
await act("Make one more object, which the backup does not have", () =>
  show(server, "k3s kubectl create configmap after --from-literal=state=after"),
);
await act("Destroy the cluster: stop K3s, rm -rf /var/lib/rancher/k3s", () => wipeCluster(server));
await act("Restore", () => show(server, `cd ${FOLDER} && make restore ARGS=--yes`));

await act("Compare", async () => {
  const after = await stateOf(server);
  const uids = withoutTransient(before.uids);
  const back = new Set(after.uids);
  check(
    `all ${uids.length} objects are back with the same UIDs`,
    uids.every((line) => back.has(line)),
  );
  const later = await server.run("k3s kubectl get configmap after");
  check("the object made after the backup is gone", later.exitCode !== 0);
  check("the client CA is the same", after.clientAuthority === before.clientAuthority);
  check("helm list is as before", after.helmList === before.helmList);
  check("helm get values is as before", after.helmValues === before.helmValues);
});

const seconds = ((performance.now() - began) / 1000).toFixed(0);
say(
  process.exitCode === 1
    ? `\nSomething is not as it was: this is a fault, please report it. (${seconds} s)`
    : `\nDone in ${seconds} s. Next: read README.md, or look around on such a server yourself: make lab`,
);
