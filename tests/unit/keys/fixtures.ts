/** A throw-away home for key tests: nothing of the tester's own environment gets in. */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import {
  generateHybridIdentity,
  generateX25519Identity,
  identityToRecipient,
} from "age-encryption";
import { OperatorError } from "../../../src/errors.ts";
import { discoverIdentities } from "../../../src/keys/identities.ts";
import { testHost } from "../../helpers/host.ts";
import type { DiscoverOptions } from "../../../src/keys/identities.ts";
import type { FoundIdentities } from "../../../src/keys/found.ts";

export interface KeyPair {
  readonly secret: string;
  readonly recipient: string;
}

export async function keyPair(kind: "x25519" | "post-quantum" = "x25519"): Promise<KeyPair> {
  const secret = await (kind === "x25519" ? generateX25519Identity() : generateHybridIdentity());
  return { secret, recipient: await identityToRecipient(secret) };
}

export interface Sandbox extends AsyncDisposable {
  readonly path: string;
  readonly home: string;
  /** Writes a file below the sandbox (folders as needed); returns its absolute path. */
  write(path: string, content: string | Uint8Array, mode?: number): Promise<string>;
  /** discoverIdentities() with only HOME set, plus `env`. */
  discover(
    env?: Readonly<Record<string, string | undefined>>,
    options?: Partial<DiscoverOptions>,
  ): Promise<FoundIdentities>;
}

export async function sandbox(): Promise<Sandbox> {
  const path = await mkdtemp(join(tmpdir(), "keys-"));
  const home = join(path, "home");
  await mkdir(home);
  return {
    path,
    home,
    async write(name, content, mode = 0o600) {
      const target = join(path, name);
      await mkdir(dirname(target), { recursive: true });
      await writeFile(target, content, { mode });
      return target;
    },
    discover: (env = {}, options = {}) =>
      discoverIdentities(testHost({ env: { HOME: home, ...env } }), {
        files: [],
        workingDirectory: path,
        homeWithoutEnvironment: () => undefined,
        ...options,
      }),
    [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }),
  };
}

/** The OperatorError that an action throws; anything else fails the test. */
export async function refusal(action: () => Promise<unknown>): Promise<OperatorError> {
  try {
    await action();
  } catch (error) {
    if (error instanceof OperatorError) return error;
    throw error;
  }
  throw new Error("nothing was refused");
}

/** FoundIdentities of key pairs that a test made itself. */
export function foundHere(...pairs: readonly KeyPair[]): FoundIdentities {
  const identities = pairs.map(({ secret, recipient }, index) => ({
    secret,
    recipient,
    kind: recipient.startsWith("age1pq1") ? ("post-quantum" as const) : ("x25519" as const),
    source: `keys.txt line ${index + 1}`,
  }));
  return {
    identities,
    problems: [],
    places: ["SOPS_AGE_KEY (not set)", "/home/.config/sops/age/keys.txt"],
  };
}
