import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { awaitLate } from "../../../src/k3s/late-snapshot.ts";
import { reasonIn } from "../../../src/k3s/save-error.ts";
import { OperatorError } from "../../../src/errors.ts";
import { saveSnapshot } from "../../../src/k3s/snapshot.ts";
import { leftoverSnapshots, removeTornSnapshots } from "../../../src/k3s/snapshot-leftovers.ts";
import { testHost } from "../../helpers/host.ts";
import { testSettings } from "../../helpers/settings.ts";
import type { Settings } from "../../../src/k3s/settings.ts";

let folder = "";
let settings: Settings;

/** A k3s that runs `script` for `etcd-snapshot`; what it was called with is in `calls`. */
async function k3s(script: string): Promise<void> {
  const path = join(folder, "k3s");
  await writeFile(
    path,
    `#!/bin/sh\necho "$*" >> ${folder}/calls\necho "$K3S_CONFIG_FILE" >> ${folder}/env\n${script}\n`,
  );
  await chmod(path, 0o755);
}

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "railiance-k3s-"));
  await mkdir(join(folder, "snapshots"));
  settings = {
    ...testSettings({}),
    k3s: join(folder, "k3s"),
    snapshotDir: join(folder, "snapshots"),
  };
});
afterEach(() => rm(folder, { recursive: true }));

const host = testHost({});
/** Takes the name the way K3s does and writes the file. */
const SAVE = `while [ "$1" != --name ]; do shift; done; name=$2-s1.example-1795439532`;

describe("saveSnapshot()", () => {
  test("finds the file by the name K3s printed, also behind warnings", async () => {
    await k3s(`${SAVE}; echo data > ${folder}/snapshots/$name
echo 'time="x" level=warning msg="Unknown flag --token found in config.yaml, skipping\\n"' >&2
echo "time=\\"x\\" level=info msg=\\"Snapshot $name saved.\\"" >&2`);
    const saved = await saveSnapshot(host, settings);
    expect(saved.size).toBe(5);
    expect(saved.name).toMatch(/^railiance-s2-[0-9a-f]{4}-s1\.example-1795439532$/);
  });

  test("reads the coloured line of a terminal", async () => {
    await k3s(`${SAVE}; echo data > ${folder}/snapshots/$name
printf '\\033[36mINFO\\033[0m[0000] Snapshot %s saved. \\r\\n' "$name" >&2`);
    expect((await saveSnapshot(host, settings)).size).toBe(5);
  });

  test("gives the long flag names and keeps the configuration file out", async () => {
    await k3s(`echo no >&2; exit 1`);
    await expect(saveSnapshot(host, settings)).rejects.toThrow();
    const calls = await readFile(join(folder, "calls"), "utf8");
    expect(calls).toContain("--etcd-snapshot-dir=");
    expect(calls).toContain("--etcd-snapshot-compress=false");
    expect(calls).not.toContain(" --dir");
    expect((await readFile(join(folder, "env"), "utf8")).trim()).toBe("/dev/null");
  });

  test("does not believe exit 0 without a word, and gives the reason K3s recorded", async () => {
    await k3s(`if [ "$1" = kubectl ]; then
  name=$(sed -n 's/.*--name \\([^ ]*\\).*/\\1/p' ${folder}/calls | head -1)
  printf '{"items":[{"spec":{"snapshotName":"%s-s1-1"},"status":{"readyToUse":false,"error":{"message":"no space left on device"}}}]}' "$name"
fi`);
    await expect(saveSnapshot(host, settings)).rejects.toThrow(
      "k3s reported success but wrote no snapshot: no space left on device",
    );
  });

  test("does not believe a name whose file is not on this host", async () => {
    await k3s(`echo 'level=info msg="Snapshot railiance-s2-s2-1795439532 saved."' >&2`);
    await expect(saveSnapshot(host, settings)).rejects.toThrow("is not on this host");
  });

  test("tries again while another snapshot is being taken", async () => {
    await k3s(`if [ $(wc -l < ${folder}/calls) -lt 3 ]; then
  echo 'level=fatal msg="Error: see server log for details: Internal error occurred: etcd-snapshot error ID 86460"' >&2; exit 1
fi
${SAVE}; echo data > ${folder}/snapshots/$name; echo "msg=\\"Snapshot $name saved.\\"" >&2`);
    expect((await saveSnapshot(host, settings)).size).toBe(5);
  });

  const failures: [string, string, string][] = [
    [
      "K3S_DOWN",
      'Error: failed to get CA certs: Get \\"https://127.0.0.1:6443/cacerts\\": dial tcp 127.0.0.1:6443: connect: connection refused',
      "k3s does not answer on port 6443",
    ],
    [
      "TOKEN_FILE_MISSING",
      "Error: open /nonexist/server/token: no such file or directory",
      "there is no server token below",
    ],
    ["TOKEN_REFUSED", "Error: see server log for details: not authorized", "k3s refuses the token"],
    [
      "DATASTORE_UNSUPPORTED",
      "Error: see server log for details: etcd datastore disabled",
      "does not run on embedded etcd",
    ],
    ["SNAPSHOT_FAILED", "Error: something new", "something new"],
  ];
  for (const [code, said, sentence] of failures) {
    test(`${code}: "${sentence}" when K3s says "${said.slice(0, 60)}"`, async () => {
      await writeFile(join(folder, "said"), `time="x" level=fatal msg="${said}"\n`);
      await k3s(`cat ${folder}/said >&2; exit 1`);
      await expect(saveSnapshot(host, settings)).rejects.toThrow(sentence);
    });
  }

  test("asks on the port that the configuration sets", async () => {
    await k3s(`exit 1`);
    await expect(saveSnapshot(host, { ...settings, httpsPort: 7443 })).rejects.toThrow();
    expect(await readFile(join(folder, "calls"), "utf8")).toContain(
      "--etcd-server=https://127.0.0.1:7443",
    );
  });

  test("takes another name when the scheduled prefix begins like ours", async () => {
    await k3s(`exit 1`);
    await expect(saveSnapshot(host, { ...settings, snapshotName: "railiance" })).rejects.toThrow();
    expect(await readFile(join(folder, "calls"), "utf8")).toContain("--name s2-railiance-s2-");
  });
});

describe("saveSnapshot() when K3s's client gives up", () => {
  /** Go's words in K3s's log line, after two minutes. */
  const GAVE_UP = `echo 'time="x" level=fatal msg="Error: Post \\"https://127.0.0.1:6443/db/snapshot\\": context deadline exceeded (Client.Timeout exceeded while awaiting headers)"' >&2; exit 1`;
  const inBackground = (script: string): string =>
    `${SAVE}; cd ${folder}/snapshots; (${script}) >/dev/null 2>&1 &\n`;

  test("waits until the server has finished it, and says how much is there", async () => {
    await k3s(
      `${inBackground("echo half > $name.part; until [ -e seen ]; do sleep 0.05; done; rm seen; echo whole and sound > $name.part; mv $name.part $name")}${GAVE_UP}`,
    );
    const seen: number[] = [];
    const saved = await saveSnapshot(host, settings, {
      onLate(bytes) {
        if (seen.push(bytes) === 1) writeFileSync(join(folder, "snapshots", "seen"), "");
      },
    });
    expect(saved.name).toMatch(/^railiance-s2-[0-9a-f]{4}-s1\.example-1795439532$/);
    expect(saved.size).toBe(16);
    expect(seen[0]).toBeLessThan(16);
    expect(seen.at(-1)).toBe(16);
  });

  test("does not take a snapshot that was there before for its own", async () => {
    const name = "railiance-s2-0a1b";
    const before = new Set([`${name}-other-1795439532`]);
    for (const one of before) await writeFile(join(folder, "snapshots", one), "old");
    const order = { name, before, deadline: host.monotonic() + 60_000, patience: 20 };
    await expect(awaitLate(host, settings, order)).rejects.toThrow("gave up waiting");
  });

  test("a half that the server gives up is no snapshot", async () => {
    await k3s(`${inBackground("echo half > $name.part; sleep 0.5; rm $name.part")}${GAVE_UP}`);
    await expect(saveSnapshot(host, settings, { patience: 1_500 })).rejects.toThrow(
      "k3s's own client gave up waiting for the snapshot, and the server has not finished it since",
    );
  });

  test("a signal ends the waiting and says that K3s still writes", async () => {
    await k3s(`${inBackground("echo half > $name.part")}${GAVE_UP}`);
    const stop = new AbortController();
    const reason = new OperatorError("terminated", "INTERRUPTED", "stopped by SIGTERM");
    const saving = saveSnapshot(testHost({ signal: stop.signal }), settings, {
      onLate: () => stop.abort(reason),
    });
    await expect(saving).rejects.toThrow("k3s is still saving its snapshot");
  });

  test("a client that never reached the server is not waited for", async () => {
    await writeFile(
      join(folder, "said"),
      'time="x" level=fatal msg="Error: failed to get CA certs: Get \\"https://127.0.0.1:6443/cacerts\\": context deadline exceeded (Client.Timeout exceeded while awaiting headers)"\n',
    );
    await k3s(`cat ${folder}/said >&2; exit 1`);
    await expect(saveSnapshot(host, settings)).rejects.toThrow("k3s does not answer on port 6443");
  });
});

describe("saveSnapshot() after a signal", () => {
  const reason = new OperatorError("terminated", "INTERRUPTED", "stopped by SIGTERM");

  test("lets the save end and removes its snapshot", async () => {
    const stop = new AbortController();
    await k3s(`if [ "$2" = delete ]; then rm ${folder}/snapshots/*
  for word; do name=$word; done; echo "msg=\\"Snapshot $name deleted.\\"" >&2; exit; fi
touch ${folder}/saving; until [ -e ${folder}/go ]; do sleep 0.05; done; ${SAVE}; echo data > ${folder}/snapshots/$name
echo "msg=\\"Snapshot $name saved.\\"" >&2`);
    const saving = saveSnapshot(testHost({ signal: stop.signal }), settings);
    saving.catch(() => undefined);
    while (!(await readdir(folder)).includes("saving"))
      await new Promise((resolve) => setTimeout(resolve, 5));
    stop.abort(reason);
    await writeFile(join(folder, "go"), "");
    await expect(saving).rejects.toThrow("stopped by SIGTERM");
    expect(await readdir(join(folder, "snapshots"))).toEqual([]);
    expect(await readFile(join(folder, "calls"), "utf8")).toContain("etcd-snapshot delete");
  });

  test("does not wait for ever for K3s, and says what may be left", async () => {
    const stop = new AbortController();
    await k3s(`touch ${folder}/saving; sleep 100`);
    const saving = saveSnapshot(testHost({ signal: stop.signal }), settings, { stopGrace: 20 });
    saving.catch(() => undefined);
    while (!(await readdir(folder)).includes("saving"))
      await new Promise((resolve) => setTimeout(resolve, 5));
    stop.abort(reason);
    await expect(saving).rejects.toThrow("k3s is still saving its snapshot");
  });
});

describe("leftoverSnapshots()", () => {
  test("knows ours by name and node, and leaves everybody else's alone", async () => {
    const ours = ["railiance-s2-0a1b-host-1-1795439532", "s2-railiance-s2-0a1b-host-1-1795439532"];
    const others = [
      "railiance-s2-0a1b-host-2-1795439532",
      "railiance-s2-0a1b-host-1-20261123-1795439532",
      "railiance-s2-mine-host-1-1795439532",
      "etcd-snapshot-host-1-1795439532",
      "railiance-s2-0a1b-host-1-1795439532.part",
    ];
    for (const name of [...ours, ...others]) await writeFile(join(folder, "snapshots", name), "");
    const found = await leftoverSnapshots(testHost({ hostname: "Host-1" }), settings);
    expect(found.toSorted()).toEqual(ours.toSorted());
  });

  test("knows ours of a node whose own name ends like K3s's suffix", async () => {
    const name = "railiance-s2-0a1b-web-20261123-1795439532";
    await writeFile(join(folder, "snapshots", name), "");
    expect(await leftoverSnapshots(testHost({ hostname: "web-20261123" }), settings)).toEqual([
      name,
    ]);
  });

  test("looks behind K3s's suffix where the node is registered with one", async () => {
    const ours = ["railiance-s2-0a1b-web-0123abcd-1795439532", "railiance-s2-0a1b-web-1795439532"];
    for (const name of [...ours, "railiance-s2-0a1b-web-2-0123abcd-1795439532"]) {
      await writeFile(join(folder, "snapshots", name), "");
    }
    const withId = testSettings({ config: { "with-node-id": ["true"] } });
    const found = await leftoverSnapshots(testHost({ hostname: "web" }), {
      ...settings,
      one: withId.one,
    });
    expect(found.toSorted()).toEqual(ours);
  });
});

describe("removeTornSnapshots()", () => {
  test("removes what a power cut left of ours, and nothing else", async () => {
    const kept = [
      "etcd-snapshot-host-1-1795439532.part",
      "railiance-s2-0a1b-host-1-1795439532",
      "railiance-s2-0a1b-host-2-1795439532.part",
    ];
    for (const name of [...kept, "railiance-s2-0a1c-host-1-1795439533.part"]) {
      await writeFile(join(folder, "snapshots", name), "");
    }
    await removeTornSnapshots(testHost({ hostname: "Host-1" }), settings);
    expect((await readdir(join(folder, "snapshots"))).toSorted()).toEqual(kept);
  });
});

describe("reasonIn()", () => {
  test("copes with `items: null` and with garbage", () => {
    expect(reasonIn('{"items":null}', "x")).toBeUndefined();
    expect(reasonIn("not json", "x")).toBeUndefined();
  });
});
