/** One damaged archive: made, and shown to `verify` and to the beginning of `restore`. */
import { mkdirSync, writeFileSync } from "node:fs";
import { proveArchive } from "../../../src/app/proof.ts";
import { verifyArchives } from "../../../src/app/verify.ts";
import { OperatorError } from "../../../src/errors.ts";
import { createStage } from "../../../src/sys/stage.ts";
import { testContext } from "../../helpers/context.ts";
import { treeOf, withFolder } from "../../helpers/folder.ts";
import { contentDigest, sealed, sealedTar } from "./layers.ts";
import { MUTATIONS } from "./mutations.ts";
import { randomFrom } from "./random.ts";
import type { Layers } from "./layers.ts";
import type { Mutation } from "./mutations.ts";

export interface Damaged {
  readonly mutation: Mutation;
  readonly bytes: Uint8Array;
}

/** The archive of a round: the kinds of damage take turns, everything else is chance. */
export async function damagedArchive(
  layers: Layers,
  { seed, round }: { readonly seed: number; readonly round: number },
): Promise<Damaged> {
  const mutation = MUTATIONS[round % MUTATIONS.length];
  if (mutation === undefined) throw new TypeError("no mutations");
  const random = randomFrom(Math.imul(seed, 0x9e3779b1) + round);
  for (;;) {
    const made = mutation.make(random, layers);
    // Two equal blocks exchanged are no damage: drawn again.
    if (Buffer.from(made).equals(layers[mutation.layer])) continue;
    if (mutation.layer === "file") return { mutation, bytes: made };
    const seal = mutation.layer === "tar" ? sealedTar : sealed;
    return { mutation, bytes: await seal(made, layers.recipient) };
  }
}

/**
 * `refused` by both; `same` when it was accepted and a reader gets exactly what was
 * in the sound archive; `accepted` for anything else.
 */
export type Outcome = "refused" | "same" | "accepted";

export interface Seen {
  readonly outcome: Outcome;
  /** Code of the refusal, or what went wrong. */
  readonly said: string;
}

/** Shows it to `verify`, and to the proof into a stage that a restore begins with. */
export function tried(
  bytes: Uint8Array,
  sound: { readonly layers: Layers; readonly name: string; readonly digest: string },
): Promise<Seen> {
  const { identity } = sound.layers;
  return withFolder(async (folder) => {
    const directory = `${folder}/archives`;
    const stageParent = `${folder}/stage`;
    for (const one of [directory, stageParent]) mkdirSync(one, { mode: 0o700 });
    const path = `${directory}/${sound.name}`;
    writeFileSync(path, bytes);
    const context = testContext({ env: { SOPS_AGE_KEY: identity } });
    const verified = await refusal(async () => {
      const options = { archives: [path], all: false, directory, identityFiles: [], stageParent };
      const [result] = await verifyArchives(context, options);
      if (result?.ok === false) throw result.error;
    });
    const restored = await refusal(async () => {
      await using into = await createStage(stageParent);
      await proveArchive(context, { path, identities: [identity], into });
    });
    const left = treeOf(stageParent);
    if (left.length > 0) return { outcome: "accepted", said: `left in the stage: ${left.join()}` };
    if (verified !== undefined && restored !== undefined) {
      return { outcome: "refused", said: verified };
    }
    const said = `verify: ${verified ?? "accepted"}, restore: ${restored ?? "accepted"}`;
    const same = (await contentDigest(bytes, identity)) === sound.digest;
    return { outcome: same && verified === restored ? "same" : "accepted", said };
  });
}

/** The code of a refusal with exit verifyFailed or key; undefined when there is none. Throws any other error. */
async function refusal(action: () => Promise<void>): Promise<string | undefined> {
  try {
    await action();
    return undefined;
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error;
    if (error.exit !== "verifyFailed" && error.exit !== "key") throw error;
    return error.code;
  }
}
