/** The server's side of `k3s token rotate` and `k3s secrets-encrypt status`. */
import { existsSync, readFileSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { field } from "./api.ts";
import { readFromDisk, rotateBootstrap } from "./bootstrap.ts";
import { isInitialized } from "./etcd.ts";
import type { Settings } from "./settings.ts";
import { etcdArguments, kineArguments, openStore } from "./store.ts";
import { internalError } from "./supervisor.ts";
import type { Supervisor } from "./supervisor.ts";
import { parseToken, randomToken } from "./token.ts";
import { writeTokens } from "./users.ts";
import type { Passwords } from "./users.ts";

/** The running server keeps the old password until it is started again (k3s-observed.md 2). */
export function serveTokens(
  settings: Settings,
  supervisor: Supervisor,
  passwords: Passwords,
): void {
  supervisor.handle("/v1-k3s/token", async (body) => {
    try {
      const given = field(body, "newToken");
      const to = parseToken(
        typeof given === "string" && given !== "" ? given : randomToken(),
      ).password;
      await rotate(settings, passwords, to);
      return { status: 200, body: "ok" };
    } catch (error) {
      return internalError("token rotate", error);
    }
  });
  supervisor.handle("/v1-k3s/encrypt/status", () => {
    if (!settings.withAgent) {
      return Promise.resolve(internalError("secret-encrypt", new Error("runtime core not ready")));
    }
    return Promise.resolve({ status: 200, body: encryptionStatus(settings) });
  });
}

async function rotate(settings: Settings, old: Passwords, to: string): Promise<void> {
  const { paths } = settings;
  const next = { server: to, node: old.node === old.server ? to : old.node };
  writeFileSync(
    paths.passwd,
    `${next.node},node,node,k3s:agent\n${next.server},server,server,k3s:server\n`,
  );
  writeTokens(paths, next);
  const connection = isInitialized(settings) ? etcdArguments(paths) : kineArguments(paths);
  const json = readFromDisk(paths, settings.flags.on("secrets-encryption"));
  await rotateBootstrap(openStore(connection), { from: old.server, to, json });
  // The copy in the datastore carries this very time, so the next start finds nothing newer.
  const { mtime } = statSync(paths.passwd);
  utimesSync(paths.passwd, mtime, mtime);
}

function encryptionStatus(settings: Settings) {
  const { encryptionConfig, encryptionState } = settings.paths;
  if (!settings.flags.on("secrets-encryption") || !existsSync(encryptionConfig))
    return { enable: false };
  const secretbox = readFileSync(encryptionConfig, "utf8").includes("secretboxkey");
  return {
    enable: true,
    stage: readFileSync(encryptionState, "utf8").split("-")[0],
    type: secretbox ? "XSalsa20-POLY1305" : "AES-CBC",
    key: secretbox ? "secretboxkey" : "aescbckey",
  };
}
