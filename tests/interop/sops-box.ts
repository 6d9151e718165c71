/** A folder of its own for each test, and the real sops in it. */
import { afterEach, beforeAll, beforeEach } from "bun:test";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import * as v from "valibot";
import { generateHybridIdentity, generateIdentity, identityToRecipient } from "age-encryption";
import { statOf } from "../../src/sys/files.ts";
import { testHost } from "../helpers/host.ts";

const LAB_BIN = resolve(process.env["LAB_BIN"] ?? join(import.meta.dirname, "../../.lab/bin"));
const SOPS = join(LAB_BIN, "sops");

export type Env = Readonly<Record<string, string>>;

/** What sops writes with `--output-type json`, as far as age goes. */
export const Encrypted = v.object({
  sops: v.object({
    age: v.nullish(v.array(v.object({ recipient: v.string(), enc: v.string() })), []),
  }),
});

export class SopsBox {
  path = "";

  get home(): string {
    return join(this.path, "home");
  }

  /** Gives the absolute path. */
  async write(path: string, content: string): Promise<string> {
    const target = join(this.path, path);
    await mkdir(dirname(target), { recursive: true });
    await writeFile(target, content, { mode: 0o600 });
    return target;
  }

  /** Runs sops in the box with HOME and `env` alone. */
  async sops(
    args: readonly string[],
    env: Env = {},
  ): Promise<{ ok: boolean; stdout: string; stderr: string }> {
    const result = await testHost({ home: this.home }).run([SOPS, ...args], {
      cwd: this.path,
      env: { HOME: this.home, ...env },
    });
    return { ok: result.exitCode === 0, stdout: result.stdout, stderr: result.stderr };
  }
}

/** One that is made before each test of the file and removed after it. */
export function boxForEachTest(): SopsBox {
  const box = new SopsBox();
  beforeAll(async () => {
    if ((await statOf(SOPS)) === undefined)
      throw new Error(`there is no ${SOPS}; run: make lab-build`);
  });
  beforeEach(async () => {
    box.path = await mkdtemp(join(tmpdir(), "sops-"));
    await mkdir(box.home);
  });
  afterEach(() => rm(box.path, { recursive: true, force: true }));
  return box;
}

export async function pair(
  kind: "classic" | "post-quantum" = "classic",
): Promise<{ secret: string; recipient: string }> {
  const secret = await (kind === "classic" ? generateIdentity() : generateHybridIdentity());
  return { secret, recipient: await identityToRecipient(secret) };
}
