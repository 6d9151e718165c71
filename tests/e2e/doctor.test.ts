/** `doctor` on a running server: well, and with one thing wrong after the other. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { skipWithoutLab, startBareServer } from "../lab/server.ts";
import { checkOf, commandOf, examine, type } from "./doctor-host.ts";
import {
  DATA,
  STATE,
  expectRefusal,
  hostMovedOn,
  isActive,
  objectsOf,
  restore,
  until,
} from "./restore-host.ts";
import { ARCHIVES, KEY_FILE, PROGRAM, giveKey } from "./workload.ts";
import type { BareServer } from "../lab/server.ts";

/** What is wrong, made and mended by commands, and what `doctor` says of it. */
const BROKEN: readonly {
  readonly name: string;
  readonly make: string;
  readonly mend: string;
  readonly exit: number;
  readonly id: string;
  readonly says: string;
}[] = [
  {
    name: "an archive folder that is open to others",
    make: `chmod 755 ${ARCHIVES}`,
    mend: `chmod 700 ${ARCHIVES}`,
    exit: 10,
    id: "archives.folder",
    says: "is open to other users",
  },
  {
    name: "no key at all",
    make: `mv ${KEY_FILE} /root/kept-key`,
    mend: `mv /root/kept-key ${KEY_FILE}`,
    exit: 8,
    id: "keys.recipients",
    says: "no recipients",
  },
  {
    name: "another key than that of the newest archive",
    make: `mv ${KEY_FILE} /root/kept-key; echo 'AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX' > ${KEY_FILE}; chmod 600 ${KEY_FILE}`,
    mend: `mv /root/kept-key ${KEY_FILE}`,
    exit: 8,
    id: "keys.newest",
    says: "no identity on this host opens the newest archive",
  },
  {
    name: "a k3s program that is gone",
    make: "mv /usr/local/bin/k3s /root/kept-k3s",
    mend: "mv /root/kept-k3s /usr/local/bin/k3s",
    exit: 5,
    id: "k3s.version",
    says: "k3s.service starts /usr/local/bin/k3s, but that is not there",
  },
  {
    name: "a configuration that cannot be read",
    make: "cp /etc/rancher/k3s/config.yaml /root/kept-config; echo '{' >> /etc/rancher/k3s/config.yaml",
    mend: "mv /root/kept-config /etc/rancher/k3s/config.yaml",
    exit: 2,
    id: "k3s.configuration",
    says: "config.yaml",
  },
  {
    name: "no token that opens the datastore",
    make: `cd ${DATA}/server && cp -a token /root/kept-token && cp -a cred/passwd /root/kept-passwd && echo wrong > token && sed -i 's/^[^,]*,server/wrong,server/' cred/passwd`,
    mend: `cd ${DATA}/server && mv /root/kept-token token && mv /root/kept-passwd cred/passwd`,
    exit: 5,
    id: "k3s.token",
    says: "no server token on this host opens the datastore",
  },
];

describe.skipIf(skipWithoutLab())("doctor on a running server", () => {
  let server: BareServer;
  let before = "";

  beforeAll(async () => {
    ({ server, before } = await hostMovedOn());
  }, 120_000);
  afterAll(() => server[Symbol.asyncDispose]());
  afterEach(async () => {
    server.faults("");
    expect(await isActive(server)).toBe(true);
  }, 120_000);

  test("a host that is ready: nothing fails, exit 0, and the one key that is only here is a warning", async () => {
    const found = await examine(server);
    expect(found.exit).toBe(0);
    const other = found.checks.filter(({ outcome }) => outcome !== "ok").map(({ id }) => id);
    expect(other).toEqual(["keys.elsewhere", "archives.verified"]);
    expect(checkOf(found, "k3s.token").detail).toBe("the server token opens the datastore");
    expect(checkOf(found, "keys.identity").detail).toContain("tried on a real age file");
    await type(server, commandOf(checkOf(found, "archives.verified"), ""));
    expect(checkOf(await examine(server), "archives.verified").outcome).toBe("ok");
  }, 60_000);

  test("files that killed runs left: named, and wiped by the next backup", async () => {
    server.write("/dev/shm/railiance-stage-x1/token", "secret");
    server.write(`${STATE}/restore-20260101T000000Z-aaaa0000/archive/k3s/token`, "secret");
    const check = checkOf(await examine(server), "host.leftovers");
    expect(check.outcome).toBe("warn");
    expect(check.detail).toContain("/dev/shm/railiance-stage-x1");
    expect(check.detail).toContain("/archive, which may hold secrets");
    await type(server, commandOf(check, "the next backup wipes it: "));
    expect(checkOf(await examine(server), "host.leftovers").outcome).toBe("ok");
  }, 60_000);

  for (const { name, make, mend, exit, id, says } of BROKEN) {
    test(`${name}: said, with exit ${exit}, and everything else all the same`, async () => {
      await server.must(make);
      try {
        const found = await examine(server);
        expect({ exit: found.exit, ...checkOf(found, id) }).toMatchObject({
          exit,
          outcome: "fail",
          detail: expect.stringContaining(says),
        });
        expect(found.checks.length).toBeGreaterThan(8);
      } finally {
        await server.must(mend);
      }
      expect((await examine(server)).exit).toBe(0);
    }, 60_000);
  }

  test("a K3s that ended: its own last words, and files newer than the datastore with the command that helps", async () => {
    await server.must("systemctl stop k3s");
    // As a reset without its agent token leaves it (k3s-observed.md 15).
    const passwd = `${DATA}/server/cred/passwd`;
    await server.must(
      `cp -a ${passwd} /root/kept-passwd && sed -i 's/,node,node/x,node,node/' ${passwd} && touch -d '+1 hour' ${passwd}; systemctl start --no-block k3s`,
    );
    await until(
      "K3s to end",
      async () =>
        (
          await server.run("journalctl -u k3s -n 200 | grep -c 'newer than datastore'")
        ).stdout.trim() !== "0",
    );
    const check = checkOf(await examine(server), "k3s.service");
    expect(check.outcome).toBe("fail");
    expect(check.detail).toContain("newer than datastore");
    await type(
      server,
      commandOf(check, `move ${passwd} aside and start, K3s makes it from the datastore: `),
    );
    expect(await isActive(server)).toBe(true);
    await server.must(`rm ${passwd}.aside /root/kept-passwd`);
    expect(await objectsOf(server)).toBe(before);
  }, 120_000);

  test("not root: one sentence", async () => {
    const result = await server.run(
      `cp ${PROGRAM} /usr/local/bin/as-other && chmod 755 /usr/local/bin/as-other && setpriv --reuid=65534 --regid=65534 --clear-groups /usr/local/bin/as-other doctor`,
    );
    expect(result.exitCode).toBe(5);
    expect(result.stdout).toContain("doctor needs root");
    await server.must("rm /usr/local/bin/as-other");
  });

  test("a write-only host: no identity is asked for", async () => {
    await server.must(`mv ${KEY_FILE} /root/kept-key`);
    const recipient = /public key: (\S+)/.exec(server.read("/root/kept-key"))?.[1] ?? "";
    try {
      const refused = await examine(server, `-r ${recipient}`);
      expect({ exit: refused.exit, ...checkOf(refused, "keys.identity") }).toMatchObject({
        exit: 8,
        outcome: "fail",
      });
      expect((await examine(server, `-r ${recipient} --write-only`)).exit).toBe(0);
    } finally {
      await server.must(`mv /root/kept-key ${KEY_FILE}`);
    }
  }, 60_000);

  test("a reset by hand that goes on right now: no backup, no verdict", async () => {
    await server.must("systemctl stop k3s");
    server.faults("reset-slow 120");
    const running = server.start("k3s server --cluster-reset", { timeout: 200_000 });
    await until("the reset", () => Promise.resolve(server.exists(`${DATA}/server/db/reset-flag`)));
    const { detail } = checkOf(await examine(server), "k3s.service");
    const [, pid = ""] = /^a k3s server --cluster-reset runs \(process (\d+)\)$/.exec(detail) ?? [];
    expect(pid).not.toBe("");
    expectRefusal(await server.run(`${PROGRAM} backup`), {
      exit: 10,
      says: `a k3s server --cluster-reset runs on this host (process ${pid})`,
      hint: "railiance-cluster doctor",
    });
    expectRefusal(await restore(server, "--yes"), {
      exit: 10,
      says: "a k3s server --cluster-reset runs on this host",
      hint: "nothing was changed",
    });
    await server.must(`kill -KILL ${pid}`);
    await running.done;
    server.faults("");
    await server.must("systemctl start k3s", { timeout: 60_000 });
    expect(await objectsOf(server)).toBe(before);
  }, 120_000);
});

describe.skipIf(skipWithoutLab())("doctor on a machine that waits for a restore", () => {
  test("K3s installed and never started: warned, not failed, and not told to start it", async () => {
    await using server = await startBareServer({ cluster: false });
    await giveKey(server);
    const found = await examine(server);
    expect(found.checks.filter(({ outcome }) => outcome === "fail")).toEqual([]);
    expect(found.exit).toBe(0);
    const datastore = checkOf(found, "k3s.datastore");
    expect(datastore.detail).toContain("nothing to back up, and a restore can bring a cluster");
    expect(datastore.hint).toContain("railiance-cluster restore --plan");
    expect(checkOf(found, "k3s.service").hint).toContain("it would begin an empty cluster");
    // What is left of a database that was here makes it another case.
    await server.must(`mkdir -p ${DATA}/server/db && touch ${DATA}/server/db/state.db.migrated`);
    const left = await examine(server);
    expect(checkOf(left, "attempt.migrated").outcome).toBe("fail");
    expect(checkOf(left, "k3s.service").hint).toContain("do not start it before");
  }, 60_000);
});
