/**
 * Settings the old server ran with that the archive's configuration does not
 * give, because they stood on a command line only, or came from the host name.
 * Without them K3s would come up as another node, empty, or not at all; so they
 * go into a drop-in before it starts.
 */
import { dirname } from "node:path";
import { parse, stringify } from "yaml";
import { agentTokenOf, bootstrapFile } from "../datastore/bootstrap.ts";
import { encryptionProvider } from "../datastore/secrets-encryption.ts";
import { serverPassword } from "../k3s/tokens.ts";
import type { Manifest } from "../archive/manifest.ts";
import type { BootstrapData } from "../datastore/bootstrap.ts";
import type { FileView } from "../k3s/file-view.ts";
import type { Settings } from "../k3s/settings.ts";

export interface Pin {
  readonly key: string;
  readonly value: string;
  /** A clause: why it is needed. */
  readonly why: string;
}

export interface Pins {
  readonly list: readonly Pin[];
  /** Password of the agents, to be written to `agentTokenFile`. Secret. */
  readonly agentToken: string | undefined;
}

/** Sorts after what operators usually have, and wins over it (k3s-observed.md 8: a later file replaces). */
const DROP_IN = "90-railiance-restore.yaml";

const HEADER = `# Put here by railiance-cluster restore: what the restored server needs and its configuration did not say.
# The next restore writes it anew: settings of your own belong into another file.
`;

export function dropInOf(settings: Settings): string {
  return `${settings.configPath}.d/${DROP_IN}`;
}

export function agentTokenFileOf(settings: Settings): string {
  return `${dirname(settings.configPath)}/railiance/agent-token`;
}

/** What has to be pinned; `settings` are those K3s will read once the archive's files are in place. */
export function pinsFor(
  settings: Settings,
  from: {
    readonly manifest: Pick<Manifest, "host">;
    readonly bootstrap: BootstrapData | undefined;
    readonly hostname: string;
    /** Register under this host's own name instead. */
    readonly newNode: boolean;
  },
): Pins {
  const { manifest, bootstrap } = from;
  const list: Pin[] = [];
  if (settings.dataDir !== manifest.host.dataDir) {
    const why = "the cluster's data lay there, and nothing in the archive's configuration says so";
    list.push({ key: "data-dir", value: manifest.host.dataDir, why });
  }
  if (!from.newNode && nameWouldChange(settings, from)) {
    const why = `this host is called ${from.hostname}, and would register as a new node`;
    list.push({ key: "node-name", value: manifest.host.nodeName, why });
  }
  const agentToken = bootstrap === undefined ? undefined : agentTokenOf(bootstrap);
  const needsToken = agentToken !== undefined && !namesAgentToken(settings);
  if (needsToken) {
    const why = "the cluster's agents have a token of their own, and the configuration lacks it";
    list.push({ key: "agent-token-file", value: agentTokenFileOf(settings), why });
  }
  list.push(...encryptionPins(settings, bootstrap));
  return { list, agentToken: needsToken ? agentToken : undefined };
}

/** K3s then adds an id of the host to the name, and nothing says which the old one was. */
export function addsNodeId(settings: Settings): boolean {
  return settings.one("with-node-id") === "true";
}

/** K3s adds an id of the host to the name with `with-node-id`: then a pinned name would not be the old one. */
export function nameWouldChange(
  settings: Settings,
  { manifest, hostname }: { readonly manifest: Pick<Manifest, "host">; readonly hostname: string },
): boolean {
  if (settings.one("node-name") !== undefined || addsNodeId(settings)) {
    return false;
  }
  return hostname.toLowerCase() !== manifest.host.nodeName;
}

/** Whether configuration, flags or environment give the agents' token. */
export function namesAgentToken(settings: Settings): boolean {
  return (
    settings.one("agent-token") !== undefined || settings.one("agent-token-file") !== undefined
  );
}

/**
 * Whether the configuration gives the agents another token than the restored database
 * has: K3s takes it at the next start and ends at the one after that, because its
 * `cred/passwd` is then newer than the database (seen in the lab; k3s-observed.md 15).
 */
export async function agentTokenDiffers(
  settings: Settings,
  from: { readonly view: FileView; readonly bootstrap: BootstrapData | undefined },
): Promise<boolean> {
  const { bootstrap, view } = from;
  const users = bootstrap === undefined ? undefined : bootstrapFile(bootstrap, "PasswdFile");
  const file = settings.one("agent-token-file");
  const given = file === undefined ? settings.one("agent-token") : await view.text(file);
  if (bootstrap === undefined || users === undefined || given === undefined) return false;
  const kept = agentTokenOf(bootstrap) ?? serverPassword(new TextDecoder().decode(users));
  return given.trim().replace(/^K10[^:]*::[^:]*:/, "") !== kept;
}

/** Without it the API server never becomes ready (k3s-observed.md 3). */
function encryptionPins(settings: Settings, bootstrap: BootstrapData | undefined): Pin[] {
  const file = bootstrap === undefined ? undefined : bootstrapFile(bootstrap, "EncryptionConfig");
  if (bootstrap === undefined || file === undefined || file.byteLength === 0) return [];
  const pins: Pin[] = [];
  const why = "the cluster's secrets are encrypted, and the configuration does not say so";
  if (settings.one("secrets-encryption") !== "true") {
    pins.push({ key: "secrets-encryption", value: "true", why });
  }
  const provider = encryptionProvider(bootstrap);
  const set = settings.one("secrets-encryption-provider") ?? "aescbc";
  if (provider !== undefined && provider !== set) {
    pins.push({ key: "secrets-encryption-provider", value: provider, why });
  }
  return pins;
}

/** The drop-in with these keys added to what an earlier restore put there. */
export function dropInText(before: string | undefined, pins: readonly Pin[]): string {
  const known: unknown = before === undefined ? {} : parse(before);
  const values: Record<string, unknown> =
    typeof known === "object" && known !== null && !Array.isArray(known) ? { ...known } : {};
  for (const { key, value } of pins) values[key] = value === "true" ? true : value;
  return Object.keys(values).length === 0 ? HEADER : HEADER + stringify(values);
}
