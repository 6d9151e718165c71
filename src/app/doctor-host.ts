/** Is K3s here as a backup and a restore need it, and is there room? */
import { leftoverSnapshots } from "../k3s/snapshot-leftovers.ts";
import { findTokens } from "../k3s/tokens.ts";
import { k3sVersion } from "../k3s/version.ts";
import { tokenHash, tokenPassword } from "../datastore/token.ts";
import { OperatorError } from "../errors.ts";
import { freeBytes, statOf } from "../sys/files.ts";
import { findProgram } from "../sys/find-program.ts";
import { count, sizeText } from "../words.ts";
import { fail, guarded, ok, warn } from "./doctor-check.ts";
import { requireDatastore } from "./preflight.ts";
import { roomForRestore } from "./restore-target.ts";
import { shellWord } from "./shell-quote.ts";
import type { DoctorCheck } from "./doctor-check.ts";
import type { Settings } from "../k3s/settings.ts";
import type { Host } from "../sys/host.ts";
import type { SavableKind } from "./save-datastore.ts";

/** An archive is smaller than its datastore as a rule; helm records and the rest come on top. */
const REST_OF_ARCHIVE = 64 * 1024 * 1024;

const FOR_A_RESTORE =
  "to restore a server here, install K3s of its archive's version (railiance-cluster show) without starting it (INSTALL_K3S_SKIP_START=true), then: railiance-cluster restore";

export interface HostInput {
  readonly settings: Settings;
  readonly directory: string;
  /** Hashes of the tokens that open the datastore; undefined when it could not be read. */
  readonly tokenHashes: readonly string[] | undefined;
  /** The datastore is in doubt already: an attempt by hand says so. */
  readonly inDoubt: boolean;
  /** There is no datastore and never was, and K3s does not run: a machine that waits for a restore. */
  readonly isNew: boolean;
}

/** Program, datastore, tokens, room, helm; in this order. */
export async function hostChecks(host: Host, input: HostInput): Promise<readonly DoctorCheck[]> {
  const { settings } = input;
  const version = await guarded(host, "k3s.version", async () => {
    const found = await k3sVersion(host, settings.k3s, { advice: FOR_A_RESTORE });
    return ok("k3s.version", `K3s ${found} (${settings.k3s})`);
  });
  if (input.inDoubt) return [...version, ...(await helmChecks(host))];
  if (input.isNew) return [...version, nothingYet(settings), ...(await helmChecks(host))];
  let kind: SavableKind | undefined;
  const datastore = await guarded(host, "k3s.datastore", async () => {
    kind = await requireDatastore(settings);
    const name = kind.kind === "etcd" ? "embedded etcd" : "SQLite";
    return ok("k3s.datastore", `${name} in ${settings.dataDir}/server/db`);
  });
  const rest =
    kind === undefined
      ? []
      : [
          ...(await tokenChecks(host, input)),
          ...(await roomChecks(host, input, kind)),
          ...(await snapshotChecks(host, settings)),
        ];
  return [...version, ...datastore, ...rest, ...(await helmChecks(host))];
}

/** No failure: a new machine is what a restore needs. */
function nothingYet({ dataDir }: Settings): DoctorCheck {
  return warn(
    "k3s.datastore",
    `K3s has no data in ${dataDir} yet: there is nothing to back up, and a restore can bring a cluster here`,
    "railiance-cluster restore --plan --dir FOLDER; if its data is elsewhere, give that folder with --data-dir",
  );
}

async function tokenChecks(host: Host, input: HostInput): Promise<readonly DoctorCheck[]> {
  const id = "k3s.token";
  return guarded(host, id, async () => {
    const tokens = await findTokens(input.settings);
    const hashes = input.tokenHashes;
    if (hashes === undefined || hashes.length === 0) {
      const [first] = tokens;
      return ok(
        id,
        `a server token is here (${first?.source ?? ""}); the backup proves that it opens the datastore`,
      );
    }
    const [fit, wrong]: [string[], string[]] = [[], []];
    for (const { token, source } of tokens) (opens(token, hashes) ? fit : wrong).push(source);
    if (fit.length === 0) {
      return fail(
        id,
        `no server token on this host opens the datastore (looked in ${wrong.join(", ")})`,
        {
          hint: "put the right one into server/token; every archive holds it: railiance-cluster extract k3s/token -o FOLDER",
        },
      );
    }
    if (wrong.length === 0) return ok(id, "the server token opens the datastore");
    return warn(
      id,
      `the token in ${wrong.join(", ")} does not open the datastore, the one in ${fit.join(", ")} does`,
      "if K3s runs: systemctl restart k3s, which writes server/token again; a wrong one in the configuration has to be put right by hand",
    );
  });
}

function opens(token: string, hashes: readonly string[]): boolean {
  try {
    return hashes.includes(tokenHash(tokenPassword(token)));
  } catch (error) {
    if (error instanceof OperatorError) return false;
    throw error;
  }
}

async function roomChecks(
  host: Host,
  { settings, directory }: HostInput,
  datastore: SavableKind,
): Promise<readonly DoctorCheck[]> {
  const db = `${settings.dataDir}/server/db`;
  const file = datastore.kind === "etcd" ? `${db}/etcd/member/snap/db` : datastore.path;
  const size = (await statOf(file))?.size ?? 0;
  const looks: (readonly [string, string, number, string])[] = [
    ["room.archive", directory, size + REST_OF_ARCHIVE, "the next archive"],
    ...(datastore.kind === "etcd"
      ? ([["room.snapshot", settings.snapshotDir, size, "K3s's snapshot"]] as const)
      : []),
    ["room.restore", db, roomForRestore(datastore.kind, size), "a restore"],
  ];
  const checks: DoctorCheck[] = [];
  for (const [id, wanted, needed, what] of looks) {
    checks.push(
      ...(await guarded(host, id, async () => {
        const folder = await existingAbove(wanted);
        const free = await freeBytes(folder);
        const text = `${folder} has ${sizeText(free)} free, ${what} needs about ${sizeText(needed)}`;
        if (free >= needed) return ok(id, text);
        return fail(id, text, { hint: `free some space: df -h ${shellWord(folder)}` });
      })),
    );
  }
  return checks;
}

async function existingAbove(path: string): Promise<string> {
  let folder = path;
  while (folder !== "/" && (await statOf(folder)) === undefined) {
    folder = folder.slice(0, folder.lastIndexOf("/")) || "/";
  }
  return folder;
}

async function snapshotChecks(host: Host, settings: Settings): Promise<readonly DoctorCheck[]> {
  const left = await leftoverSnapshots(host, settings);
  if (left.length === 0) return [];
  return [
    warn(
      "k3s.snapshots",
      `${count(left.length, "snapshot")} of a backup that was cut off ${left.length === 1 ? "lies" : "lie"} in ${settings.snapshotDir} (${left.join(", ")})`,
      "the next backup removes it: railiance-cluster backup",
    ),
  ];
}

async function helmChecks(host: Host): Promise<readonly DoctorCheck[]> {
  const path = await findProgram("helm", host.env["PATH"]);
  if (path !== undefined) return [ok("helm", `helm is ${path}`)];
  const text = "helm is not here: releases are saved from their records alone, through k3s kubectl";
  return [ok("helm", text)];
}
