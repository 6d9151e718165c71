/** Archives for the table: those of the first release taken apart, changed in one place, and written and signed anew. */
import { createHash } from "node:crypto";
import { canonicalJson } from "../../../src/archive/canonical-json.ts";
import { parseManifest, tokenPath } from "../../../src/archive/manifest.ts";
import { generateSigningKey, signManifest, withRunbook } from "../../../src/archive/signature.ts";
import { archiveStream } from "../../../src/archive/writer.ts";
import { tokenPassword } from "../../../src/datastore/token.ts";
import { collect, streamOf } from "../../helpers/archive.ts";
import { END, join, member } from "../../helpers/tar.ts";
import { layersOf, sealedTar } from "../corruption/layers.ts";
import { released } from "../old-archives/released.ts";
import type { Entry, Manifest } from "../../../src/archive/manifest.ts";
import type { Made } from "./row.ts";

export interface Base {
  readonly identity: string;
  readonly recipient: string;
  readonly file: string;
  /** Without its signature. */
  readonly manifest: Manifest;
  readonly runbook: string;
  /** By path. */
  readonly bodies: ReadonlyMap<string, Uint8Array>;
  readonly password: string;
}

/** What differs from the base. Sizes and hashes in the manifest follow the bodies, then `retell` has the last word. */
export interface Changes {
  readonly bodies?: Readonly<Record<string, Uint8Array | string>>;
  readonly datastore?: Uint8Array;
  /** More entries, before the datastore. */
  readonly more?: readonly {
    readonly entry: Pick<Entry, "path" | "kind">;
    readonly bytes: Uint8Array;
  }[];
  readonly retell?: (manifest: Manifest) => Manifest;
}

const signingKey = await generateSigningKey();
const bases = new Map<string, Promise<Base>>();

/** The parts of the released archive with that datastore. */
export function baseOf(kind: "etcd" | "sqlite"): Promise<Base> {
  const known = bases.get(kind) ?? takeApart(kind);
  bases.set(kind, known);
  return known;
}

async function takeApart(kind: "etcd" | "sqlite"): Promise<Base> {
  const archive = released(kind === "etcd" ? "0.1.0/everything" : "0.1.0/sqlite");
  const { tar, members, recipient } = await layersOf(archive.bytes, archive.identity);
  const bodies = new Map(members.map(({ name, body }) => [name, tar.slice(body.from, body.to)]));
  const text = (name: string): string => new TextDecoder().decode(bodies.get(name));
  const { signature: _, ...manifest } = parseManifest(
    bodies.get("manifest.json") ?? new Uint8Array(),
  );
  return {
    identity: archive.identity,
    recipient,
    file: archive.file,
    manifest,
    runbook: text("RUNBOOK.md"),
    bodies,
    password: tokenPassword(text(tokenPath(manifest))),
  };
}

/** The bytes of the base's datastore, to be changed. */
export async function datastoreOf(kind: "etcd" | "sqlite"): Promise<Uint8Array> {
  const { manifest, bodies } = await baseOf(kind);
  return (bodies.get(manifest.datastore.entry) ?? new Uint8Array()).slice();
}

export interface Content {
  readonly base: Base;
  readonly manifest: Manifest;
  readonly bodies: ReadonlyMap<string, Uint8Array>;
}

/** Manifest, signed unless `retell` says otherwise, and bodies. */
export async function contentOf(kind: "etcd" | "sqlite", changes: Changes = {}): Promise<Content> {
  const base = await baseOf(kind);
  const bodies = new Map(base.bodies);
  for (const [path, body] of Object.entries(changes.bodies ?? {})) bodies.set(path, bytesOf(body));
  const store = base.manifest.datastore.entry;
  if (changes.datastore !== undefined) bodies.set(store, changes.datastore);
  const listed = base.manifest.entries.map((entry) => described(entry, bodies));
  const more = (changes.more ?? []).map(({ entry, bytes }) => {
    bodies.set(entry.path, bytes);
    return described({ ...entry, mode: 0o600, size: 0, sha256: "" }, bodies);
  });
  const entries = [...listed.slice(0, -1), ...more, ...listed.slice(-1)];
  const whole = withRunbook({ ...base.manifest, entries }, base.runbook);
  const retold = changes.retell?.(whole) ?? whole;
  return { base, manifest: await signed(retold), bodies };
}

/** An archive by the real writer. */
export async function archiveWith(kind: "etcd" | "sqlite", changes: Changes): Promise<Made> {
  const { base, manifest, bodies } = await contentOf(kind, changes);
  const { recipient, identity, runbook } = base;
  const entries = manifest.entries.map((entry) => ({
    entry,
    open: () => streamOf(bodies.get(entry.path) ?? new Uint8Array()),
  }));
  const stream = await archiveStream({ runbook, manifest, entries, recipients: [recipient] });
  return { bytes: await collect(stream), identity };
}

/** An archive that the real writer refuses to make: its tar by hand, the rest as ever. */
export async function archiveOfTar(
  { base }: Content,
  ...parts: readonly Uint8Array[]
): Promise<Made> {
  return { bytes: await sealedTar(join(...parts), base.recipient), identity: base.identity };
}

/** The members of a tar: runbook, manifest, entries, end mark. `json` in place of the manifest's text. */
export function partsOf({ base, manifest, bodies }: Content, json?: Uint8Array): Uint8Array[] {
  return [
    member("RUNBOOK.md", base.runbook),
    member("manifest.json", json ?? `${JSON.stringify(manifest, undefined, 2)}\n`),
    ...manifest.entries.map(({ path }) => member(path, bodies.get(path) ?? new Uint8Array())),
    END,
  ];
}

/** As archiveWith(), but for manifests that the writer would refuse to write. */
export async function archiveByHand(kind: "etcd" | "sqlite", changes: Changes): Promise<Made> {
  const content = await contentOf(kind, changes);
  return archiveOfTar(content, ...partsOf(content));
}

function described(entry: Entry, bodies: ReadonlyMap<string, Uint8Array>): Entry {
  const bytes = bodies.get(entry.path) ?? new Uint8Array();
  return { ...entry, size: bytes.length, sha256: sha256Of(bytes) };
}

export function sha256Of(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** Signed as the real program does it; one without runbook is signed all the same. */
async function signed(manifest: Manifest): Promise<Manifest> {
  if (manifest.runbook !== undefined) return signManifest(manifest, signingKey);
  const pkcs8 = Buffer.from(signingKey.privateKey, "base64");
  const key = await crypto.subtle.importKey("pkcs8", pkcs8, "Ed25519", false, ["sign"]);
  const bytes = new TextEncoder().encode(canonicalJson(manifest));
  const value = Buffer.from(await crypto.subtle.sign("Ed25519", key, bytes)).toString("base64");
  return { ...manifest, signature: { publicKey: signingKey.publicKey, value } };
}

function bytesOf(content: Uint8Array | string): Uint8Array {
  return typeof content === "string" ? new TextEncoder().encode(content) : content;
}
