/**
 * What K3s's configuration has to say so that a server without a database joins
 * the restored one. Without `server:` one with `cluster-init` makes a second,
 * empty cluster (k3s-observed.md 14.3); with its token only in `server/token` it
 * comes up alone and empty, and says that it is ready (14.1).
 */
import { tokenPassword } from "../datastore/bootstrap.ts";
import { OperatorError } from "../errors.ts";
import { parseFlags } from "../k3s/flags.ts";
import { readTextIfPresent } from "../sys/files.ts";
import type { Settings } from "../k3s/settings.ts";

/** Private, below the folder that every backup takes along: a drop-in that names a missing file makes K3s wait. */
export const TOKEN_FOLDER = "/etc/rancher/k3s/railiance";
const TOKEN_FILE = `${TOKEN_FOLDER}/token`;

export interface JoinFile {
  readonly target: string;
  readonly content: string;
  /** What it is for, in the plan. */
  readonly purpose: string;
}

/**
 * The files to be written: none when the configuration is right as it stands.
 * Throws an OperatorError `UNIT_FLAG` when the unit's command line says otherwise,
 * which no file overrides.
 */
export async function joinFiles(
  settings: Settings,
  join: { readonly url: string; readonly token: string },
): Promise<JoinFile[]> {
  const dropIn = `${settings.configPath}.d/zz-railiance-join.yaml`;
  const otherServer = !isSameServer(settings.one("server"), join.url);
  const otherToken = !(await givesToken(settings, join.token));
  if (!otherServer && !otherToken) return [];
  // A drop-in of an earlier time is replaced as a whole.
  const before = settings.config.files.includes(dropIn);
  const needsServer = otherServer || before;
  const needsToken = otherToken || (before && settings.one("token-file") === TOKEN_FILE);
  const flags = new Set(parseFlags(settings.unit?.flags ?? []).map(({ name }) => name));
  if (otherServer && flags.has("server")) throw unitFlag("--server", join.url);
  if (otherToken && flags.has("token-file")) throw unitFlag("--token-file", join.url);
  const lines = [
    `# Written by railiance-cluster when this server joined the restored one.`,
    `# Once it has joined, K3s needs neither; keep them, or say the same in your own configuration.`,
    ...(needsServer ? [`server: ${join.url}`] : []),
    ...(needsToken ? [`token-file: ${TOKEN_FILE}`] : []),
  ];
  const purpose = [
    ...(needsServer ? [`server: ${join.url}`] : []),
    ...(needsToken ? ["token-file:"] : []),
  ].join(" and ");
  return [
    ...(needsToken
      ? [{ target: TOKEN_FILE, content: `${join.token}\n`, purpose: "the token, 0600" }]
      : []),
    {
      target: dropIn,
      content: `${lines.join("\n")}\n`,
      purpose,
    },
  ];
}

function isSameServer(set: string | undefined, url: string): boolean {
  if (set === undefined || !URL.canParse(set)) return false;
  const [one, other] = [new URL(set), new URL(url)];
  return one.hostname === other.hostname && (one.port || "443") === (other.port || "443");
}

/** `token-file` beats `token` wherever either comes from; `server/token` does not count (k3s-observed.md 8, 9.2). */
async function givesToken(settings: Settings, token: string): Promise<boolean> {
  const file = settings.one("token-file");
  const given =
    file === undefined || file === "" ? settings.one("token") : await readTextIfPresent(file);
  if (given === undefined || given.trim() === "") return false;
  return tokenPassword(given) === tokenPassword(token);
}

function unitFlag(flag: string, url: string): OperatorError {
  return new OperatorError(
    "precondition",
    "UNIT_FLAG",
    `the command line in k3s.service says ${flag} otherwise, and it wins over every configuration file`,
    {
      hint: `take ${flag} out of it (systemctl cat k3s), systemctl daemon-reload, then again: railiance-cluster restore --peer ${url}`,
    },
  );
}
