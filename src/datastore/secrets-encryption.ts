/**
 * Values that the API server encrypts (`--secrets-encryption`), opened with the
 * keys in K3s's bootstrap data (facts k3s-observed.md 19). In memory only: what
 * open() returns is plaintext and its caller wipes it.
 */
import { Buffer } from "node:buffer";
import { createDecipheriv } from "node:crypto";
import { secretbox } from "@noble/ciphers/salsa.js";
import * as v from "valibot";
import { bootstrapFile } from "./bootstrap.ts";
import type { BootstrapData } from "./bootstrap.ts";

export interface SealedValues {
  /** The plaintext of an encrypted value; undefined when its key is not known or does not fit. */
  open(value: Uint8Array): Uint8Array | undefined;
}

const PREFIX = new TextEncoder().encode("k8s:enc:");
/** `k8s:enc:<provider>:v1:<key name>:`; names of keys are the administrator's, K3s's are short. */
const LONGEST_HEAD = 512;
const HEAD = /^k8s:enc:([a-z0-9]+):v[0-9]+:([^:]+):/;
const CBC_IV = 16;
const BOX_NONCE = 24;

const keyed = v.optional(
  v.object({ keys: v.array(v.object({ name: v.string(), secret: v.string() })) }),
);
const schema = v.object({
  resources: v.array(
    v.object({ providers: v.array(v.object({ aescbc: keyed, secretbox: keyed })) }),
  ),
});

/** Whether the API server stored this value encrypted. */
export function isSealed(value: Uint8Array): boolean {
  return PREFIX.every((byte, index) => value[index] === byte);
}

/** What opens the encrypted values of the cluster these bootstrap files are of; without keys in them it opens nothing. */
export function sealedValues(bootstrap: BootstrapData | undefined): SealedValues {
  const config = bootstrap === undefined ? undefined : bootstrapFile(bootstrap, "EncryptionConfig");
  const keys = config === undefined ? new Map<string, Uint8Array>() : keysIn(config);
  return { open: (value) => openWith(keys, value) };
}

/** Which provider the cluster encrypts with (`--secrets-encryption-provider`); undefined when its configuration names none with keys. */
export function encryptionProvider(bootstrap: BootstrapData): "aescbc" | "secretbox" | undefined {
  const config = bootstrapFile(bootstrap, "EncryptionConfig");
  const parsed = v.safeParse(schema, config === undefined ? undefined : parseJson(config));
  if (!parsed.success) return undefined;
  const providers = parsed.output.resources.flatMap((resource) => resource.providers);
  // The first that has keys is the one new values are written with.
  const first = providers.find(({ aescbc, secretbox: box }) => aescbc ?? box);
  if (first === undefined) return undefined;
  return first.aescbc === undefined ? "secretbox" : "aescbc";
}

/** Keys by `<provider>/<name>`. */
function keysIn(config: Uint8Array): Map<string, Uint8Array> {
  const keys = new Map<string, Uint8Array>();
  const parsed = v.safeParse(schema, parseJson(config));
  if (!parsed.success) return keys;
  for (const { providers } of parsed.output.resources) {
    for (const { aescbc, secretbox: box } of providers) {
      for (const { name, secret } of aescbc?.keys ?? [])
        keys.set(`aescbc/${name}`, Buffer.from(secret, "base64"));
      for (const { name, secret } of box?.keys ?? [])
        keys.set(`secretbox/${name}`, Buffer.from(secret, "base64"));
    }
  }
  return keys;
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return undefined; // the parser's message would quote keys
  }
}

function openWith(
  keys: ReadonlyMap<string, Uint8Array>,
  value: Uint8Array,
): Uint8Array | undefined {
  const head = HEAD.exec(Buffer.from(value.subarray(0, LONGEST_HEAD)).toString("latin1"));
  if (head === null) return undefined;
  const [prefix, provider, name] = head;
  const key = keys.get(`${provider}/${name}`);
  if (key === undefined) return undefined;
  const sealed = value.subarray(prefix.length);
  try {
    return provider === "aescbc" ? openCbc(key, sealed) : openBox(key, sealed);
  } catch {
    return undefined; // wrong key or damage
  }
}

function openCbc(key: Uint8Array, sealed: Uint8Array): Uint8Array {
  const cipher = createDecipheriv(`aes-${key.length * 8}-cbc`, key, sealed.subarray(0, CBC_IV));
  const head = cipher.update(sealed.subarray(CBC_IV));
  const tail = cipher.final();
  const plain = Buffer.concat([head, tail]);
  head.fill(0);
  tail.fill(0);
  return plain;
}

function openBox(key: Uint8Array, sealed: Uint8Array): Uint8Array {
  return secretbox(key, sealed.subarray(0, BOX_NONCE)).open(sealed.subarray(BOX_NONCE));
}
