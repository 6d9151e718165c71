/** What a drill rests on: a live cluster, a stand-in, or no cluster at all. */
import { expect, test } from "bun:test";
import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { HELP } from "../../lab/k3s/about.ts";
import { whatItRestsOn } from "../../../src/ha/rests-on.ts";
import { withFolder } from "../../helpers/folder.ts";
import { testHost } from "../../helpers/host.ts";
import { drillWith } from "./support.ts";

const PROCESS = drillWith({ kill: { method: "process", pidFile: "/run/a.pid" } }).kill;
const UNIT = drillWith({ kill: { method: "service-stop", unit: "nginx.service" } }).kill;
const POD = drillWith({ kill: { method: "pod-delete" } }).kill;
const REAL_HELP = "NAME:\n   k3s - Kubernetes, but small and simple\n";
const DEBIAN = "Debian GNU/Linux 12 (bookworm)";

interface Program {
  readonly help: string;
  /** One node each; undefined: nobody answers. */
  readonly systems: readonly string[] | undefined;
}

/** Asks over a k3s that prints these. */
function restsOn(kill: typeof PROCESS, { help, systems }: Program): Promise<string | null> {
  return withFolder(async (folder) => {
    const items = (systems ?? []).map((osImage, index) => ({
      metadata: { name: `s${index + 1}` },
      status: { nodeInfo: { osImage } },
    }));
    await writeFile(join(folder, "help"), help);
    await writeFile(join(folder, "nodes"), JSON.stringify({ items }));
    const k3s = join(folder, "k3s");
    const nodes = systems === undefined ? "exit 1" : `cat ${folder}/nodes`;
    await writeFile(
      k3s,
      `#!/bin/sh\nif [ "$1" = --help ]; then cat ${folder}/help; else ${nodes}; fi\n`,
    );
    await chmod(k3s, 0o755);
    const server = { k3s, kubeconfig: join(folder, "none"), dataDir: folder };
    return whatItRestsOn(kill, { host: testHost(), server });
  });
}

test("a cluster that calls itself nothing else is a live one", async () => {
  const live = { help: REAL_HELP, systems: [DEBIAN, DEBIAN] };
  expect(await restsOn(POD, live)).toBeNull();
  expect(await restsOn(UNIT, live)).toBeNull();
});

test("the lab is a stand-in by what one of its nodes says, and by what its program says", async () => {
  const node = { help: REAL_HELP, systems: [DEBIAN, "K3s lab stand-in"] };
  const program = { help: HELP, systems: [DEBIAN] };
  for (const one of [node, program]) expect(await restsOn(POD, one)).toBe("a stand-in for K3s");
});

test("a process of a pid file is no part of a cluster, even beside a live one", async () => {
  expect(await restsOn(PROCESS, { help: REAL_HELP, systems: [DEBIAN] })).toBe(
    "processes of this host, outside its cluster",
  );
});

test("a cluster that cannot be asked is not taken for a live one", async () => {
  for (const systems of [undefined, []]) {
    expect(await restsOn(POD, { help: REAL_HELP, systems })).toBe(
      "a cluster that could not be asked what it is",
    );
  }
});

test("without a cluster it says what there was instead", async () => {
  expect(await whatItRestsOn(PROCESS, undefined)).toBe("processes on this host, no cluster");
  expect(await whatItRestsOn(UNIT, undefined)).toBe("systemd services, no cluster");
});
