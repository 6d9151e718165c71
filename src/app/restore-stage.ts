/** The archive to restore from: chosen, proven to its end, and laid out as plaintext where a reset can use it. */
import { createHash } from "node:crypto";
import { parseManifest, serializeManifest, tokenPath } from "../archive/manifest.ts";
import { release } from "../buffers.ts";
import { agentTokenOf, bootstrapFile, tokenPassword } from "../datastore/bootstrap.ts";
import { OperatorError, systemCode } from "../errors.ts";
import { lazyFileStream, readBytesIfPresent, readTextIfPresent } from "../sys/files.ts";
import { moveDurably } from "../sys/moves.ts";
import { createStage } from "../sys/stage.ts";
import { findArchives, resolveArchive } from "./archives.ts";
import { inspectDatastoreAt } from "./inspect-datastore.ts";
import { wipeLeftovers } from "./make-stage.ts";
import { foundKeys, secretsOf } from "./opening-keys.ts";
import { STATE_FOLDER } from "./places.ts";
import { authoritiesOf } from "./restore-peers.ts";
import { findWholeArchive } from "./restore-previous.ts";
import { proveArchive } from "./proof.ts";
import { isRestored } from "./read-content.ts";
import { stagedPath } from "./restore-steps.ts";
import { wipeStaleSafetyBackups } from "./stale-archives.ts";
import type { Manifest } from "../archive/manifest.ts";
import type { DatastoreFacts } from "../datastore/facts.ts";
import type { FoundIdentities } from "../keys/found.ts";
import type { Context } from "./context.ts";
import type { RestorePlan } from "./journal.ts";
import type { Proof } from "./proof.ts";
import type { RestoreOptions } from "./restore.ts";
import type { StepInput } from "./restore-steps.ts";

export interface RestoreStage extends AsyncDisposable {
  readonly path: string;
  readonly proof: Proof;
  /** Lays a file of ours (0600) beside what came out of the archive. */
  write(entry: string, content: string): Promise<string>;
  /** All that this host has to open archives with. */
  readonly keys: FoundIdentities;
  /** Gives the plaintext its place for the time of the restore: disposing does not wipe it any more. */
  keepAs(folder: string): Promise<void>;
}

/**
 * Proves the archive that is meant and lays it out. A damaged newest archive is
 * never passed over silently. Throws what `proveArchive` throws.
 */
export async function stageForRestore(
  context: Context,
  options: RestoreOptions,
): Promise<RestoreStage> {
  const keys = await foundKeys(context, options.identityFiles);
  const identities = secretsOf(keys);
  await wipeLeftovers();
  await wipeStaleSafetyBackups(context, options.directory);
  let path = await resolveArchive(context.host, options);
  if (options.archive === undefined) await sayPassedOver(context, options.directory, path);
  try {
    return await stageOne(context, { path, keys });
  } catch (error) {
    const damaged = error instanceof OperatorError && error.exit === "verifyFailed";
    if (!damaged || options.archive !== undefined) throw located(error, path);
    path = await findWholeArchive(context, { options, identities, damaged: path, error });
    return stageOne(context, { path, keys });
  }
}

/** In a folder that hosts share, a later archive of another host may know what this host's own do not. */
async function sayPassedOver(context: Context, directory: string, taken: string): Promise<void> {
  const [newest] = await findArchives(directory);
  if (newest === undefined || newest.path === taken) return;
  context.talk({
    type: "warning",
    code: "NEWER_OF_OTHER_HOST",
    message: `this host's newest archive is taken, and ${newest.name} of host ${newest.host} is newer`,
    hint: `to restore that one: give its path, ${newest.path}`,
  });
}

async function stageOne(
  context: Context,
  input: { readonly path: string; readonly keys: FoundIdentities },
): Promise<RestoreStage> {
  const { path, keys } = input;
  const stage = await createStage(STATE_FOLDER);
  try {
    context.talk({ type: "step", text: `verifying ${path}` });
    const identities = secretsOf(keys);
    const proof = await proveArchive(context, { path, identities, into: stage });
    await stage.write("manifest.json", serializeManifest(proof.manifest), { sync: true });
    const checks = proof.checks.reduce((sum, check) => sum + (check.count ?? 1), 0);
    context.talk({ type: "done", text: `archive verified to its end: ${checks} checks` });
    return {
      path,
      proof,
      write: (entry, content) => stage.write(entry, content, { sync: true }),
      keys,
      keepAs: (folder) => moveDurably(stage.path, `${folder}/archive`),
      [Symbol.asyncDispose]: () => stage[Symbol.asyncDispose](),
    };
  } catch (error) {
    await stage[Symbol.asyncDispose]();
    throw error;
  }
}

/** Says which archive is meant, where the sentence does not. */
function located(error: unknown, path: string): unknown {
  if (!(error instanceof OperatorError) || error.message.includes(path)) return error;
  if (error.exit !== "verifyFailed" && error.exit !== "key") return error;
  const otherwise =
    error.exit === "key"
      ? "give the key it was made for with -i FILE"
      : "nothing was changed; take another copy of it, or an older one: railiance-cluster list";
  return new OperatorError(error.exit, error.code, `${path} cannot be used: ${error.message}`, {
    hint: error.hint ?? otherwise,
    cause: error,
  });
}

/** What the steps need, read from the laid-out archive; so it is the same after a cut. */
export async function stagedInput(
  context: Context,
  plan: RestorePlan,
  known?: DatastoreFacts,
): Promise<StepInput> {
  const bytes = await readBytesIfPresent(stagedPath(plan, "manifest.json"));
  if (bytes === undefined) throw nothingStaged(plan);
  const manifest = parseManifest(bytes);
  if (known === undefined) await requireStaged(plan, manifest);
  const facts = known ?? (await inspectStaged(context, plan, manifest));
  const { bootstrap } = facts;
  const authority = bootstrap === undefined ? undefined : bootstrapFile(bootstrap, "ServerCA");
  if (bootstrap === undefined || authority === undefined) throw nothingStaged(plan);
  return {
    context,
    plan,
    manifest,
    serverCa: new TextDecoder().decode(authority),
    agentToken: agentTokenOf(bootstrap),
    authorities: authoritiesOf(bootstrap),
  };
}

/** After a power cut what was unpacked may be empty or half there: it was not synced file by file. */
async function requireStaged(plan: RestorePlan, manifest: Manifest): Promise<void> {
  const fitted = plan.files.map(({ entry, sha256 }) => ({ path: entry, sha256 }));
  for (const { path, sha256 } of [...manifest.entries.filter(isRestored), ...fitted]) {
    if (sha256 === undefined) continue; // of the archive: it is among the entries
    const hash = createHash("sha256");
    try {
      for await (const chunk of lazyFileStream(stagedPath(plan, path))) {
        hash.update(chunk);
        release([chunk]);
      }
    } catch (error) {
      if (systemCode(error) !== "ENOENT") throw error;
    }
    if (hash.digest("hex") !== sha256) throw nothingStaged(plan);
  }
}

async function inspectStaged(
  context: Context,
  plan: RestorePlan,
  manifest: Manifest,
): Promise<DatastoreFacts> {
  const { entry, kind } = manifest.datastore;
  const token = await readTextIfPresent(stagedPath(plan, tokenPath(manifest)));
  if (token === undefined) throw nothingStaged(plan);
  return await inspectDatastoreAt(stagedPath(plan, entry), {
    kind,
    password: tokenPassword(token),
    signal: context.host.signal,
  });
}

function nothingStaged(plan: RestorePlan): OperatorError {
  return new OperatorError(
    "precondition",
    "STAGE_GONE",
    `what was unpacked of the archive is not whole any more in ${plan.folder}`,
    { hint: "go back: railiance-cluster restore --rollback; then begin the restore anew" },
  );
}
