/** What a start and a reset have in common: folders, users, certificates, what is said about them. */
import { mkdirSync } from "node:fs";
import { ensureCertificates } from "./certificates.ts";
import { writeAdminConfig, writeComponentConfigs } from "./kubeconfig.ts";
import { FrontError, log } from "./log.ts";
import type { Settings } from "./settings.ts";
import { ensureEncryption, ensureSecrets, ensureUsers } from "./users.ts";
import type { Passwords } from "./users.ts";

export function makeFolders(settings: Settings): void {
  const { paths } = settings;
  mkdirSync(paths.dataDir, { recursive: true });
  for (const folder of [paths.server, paths.db, paths.cred, paths.tls, paths.etc, paths.agent]) {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  }
}

/** Users, secrets, certificates, kubeconfigs: made where they are missing, renewed where they no longer fit. */
export async function prepare(settings: Settings): Promise<Passwords> {
  const passwords = ensureUsers(settings);
  ensureSecrets(settings);
  if (encrypted(settings))
    ensureEncryption(settings.paths, settings.flags.text("secrets-encryption-provider"));
  await ensureCertificates(settings);
  writeComponentConfigs(settings);
  return passwords;
}

/** The lines about the tokens, and the administrator's kubeconfig. */
export function announce(settings: Settings, passwords: Passwords): void {
  const { paths, nodeIp } = settings;
  log.info(`Server node token is available at ${paths.token}`);
  log.info(
    `To join server node to cluster: k3s server -s https://${nodeIp}:6443 -t \${SERVER_NODE_TOKEN}`,
  );
  log.info(`Agent node token is available at ${paths.agentToken}`);
  if (passwords.node !== "") {
    log.info(
      `To join agent node to cluster: k3s agent -s https://${nodeIp}:6443 -t \${AGENT_NODE_TOKEN}`,
    );
  }
  writeAdminConfig(settings);
}

export function encrypted(settings: Settings): boolean {
  return settings.flags.on("secrets-encryption");
}

/** Runs an action; a FrontError of it gets `text: ` in front, as Go wraps errors. */
export async function prefix(text: string, action: () => Promise<void>): Promise<void> {
  try {
    await action();
  } catch (error) {
    if (error instanceof FrontError) throw new FrontError(`${text}: ${error.message}`);
    throw error;
  }
}
