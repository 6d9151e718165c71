/** Somebody who knows the format and has the recipient changes archive and manifest together; what they lack is the signing key. */
import { createHash } from "node:crypto";
import { parseManifest } from "../../../src/archive/manifest.ts";
import { END, join, member } from "../../helpers/tar.ts";
import { below, oneOf } from "./random.ts";
import type { Entry, Manifest } from "../../../src/archive/manifest.ts";
import type { Layers } from "./layers.ts";
import type { Mutation } from "./mutations.ts";
import type { Random } from "./random.ts";

interface Content {
  manifest: Manifest;
  /** By name. */
  readonly bodies: Map<string, Uint8Array>;
}

function contentOf({ tar, members }: Layers): Content {
  const bodies = new Map(
    members.map(({ name, body }) => [name, tar.slice(body.from, body.to)] as const),
  );
  return { manifest: parseManifest(bodies.get("manifest.json") ?? new Uint8Array()), bodies };
}

function tarOf({ manifest, bodies }: Content): Uint8Array {
  const of = (name: string): Uint8Array => bodies.get(name) ?? new Uint8Array();
  return join(
    member("RUNBOOK.md", of("RUNBOOK.md")),
    member("manifest.json", `${JSON.stringify(manifest, undefined, 2)}\n`),
    ...manifest.entries.map(({ path }) => member(path, of(path))),
    END,
  );
}

function changed(manifest: Manifest, path: string, fields: Partial<Entry>): Manifest {
  const entries = manifest.entries.map((one) => (one.path === path ? { ...one, ...fields } : one));
  return { ...manifest, entries };
}

/** Other bytes in an entry, with size and hash in the manifest mended. */
function rewritten(random: Random, content: Content): void {
  const { path } = oneOf(random, content.manifest.entries);
  const body = content.bodies.get(path) ?? new Uint8Array();
  const at = below(random, body.length + 1);
  const other = join(body.subarray(0, at), Uint8Array.of(below(random, 256)), body.subarray(at));
  content.bodies.set(path, other);
  const sha256 = createHash("sha256").update(other).digest("hex");
  content.manifest = changed(content.manifest, path, { size: other.length, sha256 });
}

function removed(random: Random, content: Content): void {
  const { path } = oneOf(
    random,
    content.manifest.entries.filter(({ kind }) => kind !== "datastore" && kind !== "token"),
  );
  const entries = content.manifest.entries.filter((one) => one.path !== path);
  content.manifest = { ...content.manifest, entries };
}

function redirected(random: Random, content: Content): void {
  const { path } = oneOf(
    random,
    content.manifest.entries.filter(({ source }) => source !== undefined),
  );
  const source = oneOf(random, ["/etc/cron.d/x", "/root/.ssh/authorized_keys", "/etc/shadow"]);
  content.manifest = changed(content.manifest, path, { source, mode: 0o4777 });
}

function retold(random: Random, content: Content): void {
  const { manifest } = content;
  const { datastore, k3s, cluster, host } = manifest;
  const others: readonly Partial<Manifest>[] = [
    { datastore: { ...datastore, revision: datastore.revision + 1 } },
    { datastore: { ...datastore, keys: datastore.keys - 1 } },
    { datastore: { ...datastore, members: [...datastore.members, ...datastore.members] } },
    { k3s: { ...k3s, version: "v1.20.0+k3s1" } },
    { cluster: { ...cluster, id: "0".repeat(64) } },
    { host: { ...host, dataDir: "/srv/k3s" } },
    { created: "2020-01-01T00:00:00Z" },
    { tokenHash: "000000000000" },
    { gaps: [...manifest.gaps, { code: "X", message: "x" }] },
    { helm: manifest.helm.slice(1) },
    { recipients: [...manifest.recipients, "age1other"] },
    { previous: { name: "x", sha256: "0".repeat(64) } },
  ];
  content.manifest = { ...manifest, ...oneOf(random, others) };
}

function runbookChanged(_random: Random, content: Content): void {
  const bytes = new TextEncoder().encode("# How to recover\n\nrm -rf /\n");
  content.bodies.set("RUNBOOK.md", bytes);
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  content.manifest = { ...content.manifest, runbook: { size: bytes.length, sha256 } };
}

/** Each with the old signature left in. */
export function manifestMutations(): Mutation[] {
  const ways: Readonly<Record<string, (random: Random, content: Content) => void>> = {
    "an entry rewritten, its hash mended": rewritten,
    "an entry removed, from the manifest too": removed,
    "an entry to be put elsewhere": redirected,
    "the manifest tells something else": retold,
    "the runbook rewritten, its hash mended": runbookChanged,
  };
  return Object.entries(ways).map(([name, change]) => ({
    name,
    layer: "tar",
    make(random, layers) {
      const content = contentOf(layers);
      change(random, content);
      return tarOf(content);
    },
  }));
}
