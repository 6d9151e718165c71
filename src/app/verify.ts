/** `verify`: proves archives and writes down when. */
import { basename } from "node:path";
import { parseArchiveName } from "../archive/names.ts";
import { serializeSidecar, sidecarOf, sidecarPath } from "../archive/sidecar.ts";
import { OperatorError, systemCode } from "../errors.ts";
import { writeFileAtomic } from "../sys/atomic.ts";
import { PROGRAM, VERSION } from "../version.ts";
import { readSidecar, requireArchives, resolveArchive } from "./archives.ts";
import { openingKeys } from "./opening-keys.ts";
import { proveArchive } from "./proof.ts";
import type { Manifest } from "../archive/manifest.ts";
import type { Sidecar } from "../archive/sidecar.ts";
import type { SignatureState } from "../archive/signature.ts";
import type { Check } from "./archive-checks.ts";
import type { Context } from "./context.ts";
import type { Proof } from "./proof.ts";

export interface VerifyOptions {
  /** Paths, file names or ids; when empty, see `Wanted`. */
  readonly archives: readonly string[];
  /** All archives of the folder instead. */
  readonly all: boolean;
  readonly directory: string;
  readonly identityFiles: readonly string[];
  /** See `ProofOptions.stageParent`. */
  readonly stageParent?: string | undefined;
}

/** Without secrets: safe to print. */
export type VerifyResult =
  | {
      readonly path: string;
      readonly ok: true;
      readonly size: number;
      readonly sha256: string;
      readonly manifest: Manifest;
      readonly signature: SignatureState;
      readonly checks: readonly Check[];
      /** All the counted things that were checked, and each of the others as one. */
      readonly checked: number;
    }
  | { readonly path: string; readonly ok: false; readonly error: OperatorError };

/**
 * Proves each archive; one that fails does not keep the others from being
 * looked at. Throws an OperatorError when there is nothing to look at, no key,
 * or a signal came.
 */
export async function verifyArchives(
  context: Context,
  options: VerifyOptions,
): Promise<readonly VerifyResult[]> {
  const paths = await pathsOf(context, options);
  const identities = await openingKeys(context, options.identityFiles);
  const results: VerifyResult[] = [];
  for (const path of paths) {
    context.host.signal.throwIfAborted();
    context.talk({ type: "step", text: `verifying ${basename(path)}` });
    results.push(await verifyOne(context, path, { identities, stageParent: options.stageParent }));
  }
  return results;
}

async function pathsOf({ host }: Context, options: VerifyOptions): Promise<readonly string[]> {
  const { directory } = options;
  if (options.all) return (await requireArchives(directory)).archives.map(({ path }) => path);
  const wanted = options.archives.length === 0 ? [undefined] : options.archives;
  const paths: string[] = [];
  for (const archive of wanted) paths.push(await resolveArchive(host, { directory, archive }));
  return [...new Set(paths)];
}

async function verifyOne(
  context: Context,
  path: string,
  options: { readonly identities: readonly string[]; readonly stageParent: string | undefined },
): Promise<VerifyResult> {
  try {
    const sha256 = (await readSidecar(path))?.sha256;
    const proof = await proveArchive(context, { path, sha256, ...options });
    await recordVerified(context, proof);
    const { size, manifest, signature, checks } = proof;
    const checked = checks.reduce((sum, { count }) => sum + (count ?? 1), 0);
    return { path, ok: true, size, sha256: proof.sha256, manifest, signature, checks, checked };
  } catch (error) {
    context.host.signal.throwIfAborted();
    if (!(error instanceof OperatorError)) throw error;
    return { path, ok: false, error };
  }
}

/** Renews the sidecar, or makes it when it is missing or broken. A folder that cannot be written to is no failure. */
async function recordVerified(context: Context, proof: Proof): Promise<void> {
  const known = await readSidecar(proof.path);
  const name = basename(proof.path);
  if (known === undefined && parseArchiveName(name) === undefined) return;
  const { size, sha256, manifest } = proof;
  const at = context.host
    .now()
    .toISOString()
    .replace(/\.\d+Z$/, "Z");
  const sidecar: Sidecar = {
    ...(known ?? sidecarOf(manifest, { name, size, sha256 })),
    verified: { at, tool: `${PROGRAM} ${VERSION}`, level: "snapshot" },
  };
  try {
    await writeFileAtomic(sidecarPath(proof.path), serializeSidecar(sidecar));
  } catch (error) {
    const code = systemCode(error);
    if (code === undefined) throw error;
    context.talk({
      type: "note",
      text: `the result could not be noted beside ${proof.path} (${code})`,
    });
  }
}
