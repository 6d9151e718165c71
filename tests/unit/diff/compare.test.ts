import { createCipheriv } from "node:crypto";
import { Buffer } from "node:buffer";
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { compareObjects } from "../../../src/datastore/compare.ts";
import { custom, plainSide } from "./support.ts";
import type { PlainRecord } from "./support.ts";
import { named } from "./compare-support.ts";

const UIDS = [1, 2, 3].map((digit) => `00000000-0000-4000-8000-00000000000${digit}`);

async function compared(older: readonly PlainRecord[], newer: readonly PlainRecord[]) {
  return compareObjects(plainSide(older), plainSide(newer));
}

function object(name: string, options: Partial<PlainRecord> & { uid?: string } = {}): PlainRecord {
  const { uid = UIDS[0] ?? "", ...rest } = options;
  return { key: `/registry/example.com/xs/ns/${name}`, value: custom(uid, "same"), ...rest };
}

describe("compareObjects()", () => {
  const version = fc.record({
    uid: fc.constantFrom(...UIDS),
    content: fc.constantFrom("a", "b"),
    modified: fc.integer({ min: 1, max: 5 }),
  });
  const store = fc.dictionary(fc.string({ minLength: 1, maxLength: 6 }), version, { maxKeys: 40 });

  function recordsOf(
    from: Readonly<Record<string, { uid: string; content: string; modified: number }>>,
  ) {
    return Object.entries(from).map(([name, { uid, content, modified }]) => {
      const key = `/registry/example.com/xs/ns/${Buffer.from(name).toString("hex")}`;
      return { key, value: custom(uid, content), modified };
    });
  }

  test("agrees with a model of two sets of keys", async () => {
    await fc.assert(
      fc.asyncProperty(store, store, async (older, newer) => {
        const [left, right] = [recordsOf(older), recordsOf(newer)];
        const result = await compared(left, right);
        const model = new Map<string, string>();
        for (const { key } of left) model.set(key, "deleted");
        for (const { key, value, modified } of right) {
          const before = left.find((one) => one.key === key);
          const uid = (text: string): string => text.slice(0, text.indexOf('"content"'));
          if (before === undefined) model.set(key, "created");
          else if (uid(before.value) !== uid(value)) model.set(key, "recreated");
          else if (before.value !== value) model.set(key, "changed");
          else model.set(key, before.modified === modified ? "" : "churn");
        }
        const found = new Map(result.differences.map(({ key, change }) => [key, String(change)]));
        for (const { key } of result.churn) found.set(key, "churn");
        for (const [key, change] of model) expect(found.get(key) ?? "").toBe(change);
        const same = [...model.values()].filter((change) => change === "").length;
        expect(result.unchanged).toBe(same);
        expect(found.size + result.unchanged).toBe(model.size);
      }),
    );
  });

  test("turned round, created and deleted change places", async () => {
    await fc.assert(
      fc.asyncProperty(store, store, async (older, newer) => {
        const [left, right] = [recordsOf(older), recordsOf(newer)];
        const there = await compared(left, right);
        const back = await compared(right, left);
        expect(named(back, "deleted")).toEqual(named(there, "created"));
        expect(named(back, "changed")).toEqual(named(there, "changed"));
        expect(named(back, "recreated")).toEqual(named(there, "recreated"));
      }),
    );
  });

  test("sees other content under the same revision, as a restore leaves it", async () => {
    const older = object("a", { modified: 7 });
    const newer = { ...older, value: custom(UIDS[0] ?? "", "other") };
    expect(named(await compared([older], [newer]), "changed")).toEqual(["ns/xs.example.com/a"]);
  });

  test("takes an object that was only written again for noise", async () => {
    const result = await compared([object("a", { modified: 7 })], [object("a", { modified: 8 })]);
    expect(result.differences).toEqual([]);
    expect(result.churn.map(({ reason }) => reason)).toEqual(["written again unchanged"]);
  });

  test("takes a Secret encrypted anew with another key for unchanged", async () => {
    const plain = custom(UIDS[0] ?? "", "secret");
    const keys = ["old", "new"].map((name) => ({ name, secret: Buffer.alloc(32, name) }));
    const [older, newer] = keys.map(({ name, secret }, index) => {
      const iv = Buffer.alloc(16, index + 1);
      const cipher = createCipheriv("aes-256-cbc", secret, iv);
      const head = Buffer.from(`k8s:enc:aescbc:v1:${name}:`);
      const value = Buffer.concat([head, iv, cipher.update(plain), cipher.final()]);
      return { key: "/registry/secrets/ns/a", value, modified: index + 1 };
    });
    if (older === undefined || newer === undefined) throw new Error("two were made");
    const config = JSON.stringify({
      resources: [
        {
          providers: [
            {
              aescbc: {
                keys: keys.map(({ name, secret }) => ({ name, secret: secret.toString("base64") })),
              },
            },
          ],
        },
      ],
    });
    const content = new TextEncoder().encode(config);
    const bootstrap = new Map([["EncryptionConfig", { timestamp: undefined, content }]]);
    const result = await compareObjects(
      plainSide([older], bootstrap),
      plainSide([newer], bootstrap),
    );
    expect([result.differences.length, result.churn.length, result.unopened]).toEqual([0, 1, 0]);
  });

  test("lists a bootstrap key of another token, and not one that was only written again", async () => {
    const key = (hash: string) => ({ key: `/bootstrap/${hash}`, value: hash });
    const other = await compared([key("aaaaaaaaaaaa")], [key("bbbbbbbbbbbb")]);
    expect(other.differences.map(({ change }) => change)).toEqual(["created", "deleted"]);
    const again = await compared([key("a")], [{ ...key("a"), value: "sealed anew", modified: 9 }]);
    expect([again.differences.length, again.churn.length]).toEqual([0, 1]);
  });

  test("counts what K3s and the API server keep up by themselves, and lists what is beside it", async () => {
    const noise = [
      "/registry/configmaps/kube-system/k3s-etcd-snapshots",
      "/registry/endpointslices/default/kubernetes",
      "/registry/services/endpoints/default/kubernetes",
      "/registry/ranges/serviceips",
      "/registry/leases/kube-node-lease/s1",
      "/registry/events/default/x.1",
      "/registry/masterleases/10.0.0.1",
      "/registry/k3s.cattle.io/etcdsnapshotfiles/local-x",
      "compact_rev_key",
      "k3s/apiaddresses",
    ];
    const listed = [
      "/registry/configmaps/kube-system/coredns",
      "/registry/endpointslices/default/kubernetes-2",
      "/registry/services/endpoints/default/web",
      "/registry/example.com/leases/ns/x",
    ];
    const records = (value: string) => [...noise, ...listed].map((key) => ({ key, value }));
    const result = await compared(records("a"), records("b"));
    expect(result.churn.map(({ key }) => key)).toEqual(noise);
    expect(result.differences.map(({ key }) => key)).toEqual(listed);
  });

  test("follows helm releases: upgraded, gone, new, installed anew, in Secrets and ConfigMaps", async () => {
    const record = (
      release: string,
      revision: number,
      options: { uid?: string; in?: string } = {},
    ) => ({
      key: `/registry/${options.in ?? "secrets"}/ns/sh.helm.release.v1.${release}.v${revision}`,
      value: custom(options.uid ?? UIDS[0] ?? "", "record"),
    });
    const anew = { uid: UIDS[1] ?? "" };
    const older = [
      ...[8, 9, 10].map((revision) => record("up", revision)),
      record("gone", 4),
      record("same", 2),
      record("anew", 1),
      record("maps", 1, { in: "configmaps" }),
    ];
    const newer = [
      ...[9, 10, 11].map((revision) => record("up", revision)),
      record("same", 2),
      record("anew", 1, anew),
      record("fresh", 1),
      record("maps", 2, { in: "configmaps" }),
    ];
    const { helm } = await compared(older, newer);
    expect(
      helm.map(({ name, older: from, newer: to, reinstalled }) => [name, from, to, reinstalled]),
    ).toEqual([
      ["anew", 1, 1, true],
      ["fresh", undefined, 1, false],
      ["gone", 4, undefined, false],
      ["maps", 1, 2, false],
      ["up", 10, 11, false],
    ]);
  });

  test("takes 100,000 objects on each side (time and memory are reported, not judged)", async () => {
    function* many(step: number): Generator<PlainRecord> {
      for (let index = 0; index < 100_000; index += 1) {
        if (index % 1000 === step) continue;
        const uid = `00000000-0000-4000-8000-${String(index).padStart(12, "0")}`;
        const content = index % 500 === 7 ? `changed in ${step}` : "same".repeat(50);
        yield {
          key: `/registry/example.com/xs/namespace-${index % 100}/object-${index}`,
          value: custom(uid, content),
        };
      }
    }
    const began = performance.now();
    const result = await compareObjects(plainSide(many(1)), plainSide(many(2)));
    const seconds = (performance.now() - began) / 1000;
    process.stderr.write(`compared 2 x 99,900 objects in ${seconds.toFixed(2)} s\n`);
    expect([named(result, "created").length, named(result, "deleted").length]).toEqual([100, 100]);
    expect([named(result, "changed").length, result.unchanged]).toEqual([200, 99_600]);
  });
});
