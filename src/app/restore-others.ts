/** The part of a restore that other machines have: none of them runs, and what is to be done there afterwards. */
import { OperatorError } from "../errors.ts";
import { readSettings } from "../k3s/settings.ts";
import { agentNodes, nextSteps, restoredUrl } from "./restore-next.ts";
import { authoritiesOf, findPeers, peerLines, requirePeersDown } from "./restore-peers.ts";
import type { Settings } from "../k3s/settings.ts";
import type { Context } from "./context.ts";
import type { PeerRecord, RestorePlan } from "./journal.ts";
import type { Proof } from "./proof.ts";

export interface OtherServers {
  readonly peers: readonly PeerRecord[];
  /** For the plan. */
  readonly lines: readonly string[];
  readonly next: readonly string[];
  /** Looks once more, and throws as at first. */
  again(): Promise<void>;
}

/**
 * Finds the other servers of the archive and of the database here, and refuses
 * while one runs. A plan alone only warns of it. Throws as `requirePeersDown`.
 */
export async function otherServers(
  context: Context,
  input: {
    readonly proof: Proof;
    readonly settings: Settings;
    readonly options: { readonly plan: boolean; readonly force: boolean };
  },
): Promise<OtherServers> {
  const { settings, options } = input;
  const { manifest, snapshot } = input.proof;
  const peers = await findPeers({ manifest, settings });
  const authorities = authoritiesOf(snapshot.bootstrap);
  const look = (): Promise<void> =>
    requirePeersDown(context, { peers, authorities, force: options.force });
  const url = await restoredUrl(settings, manifest.datastore.members);
  const next = peers.length === 0 ? [] : nextSteps(peers, { url, agents: undefined });
  const lines = await linesOf(context, { peers, look, onlyPlan: options.plan });
  return {
    peers,
    next,
    lines: [
      ...lines,
      ...next.map((text, index) => `${(index === 0 ? "afterwards" : "").padEnd(15)}${text}`),
    ],
    again: look,
  };
}

async function linesOf(
  context: Context,
  input: {
    readonly peers: readonly PeerRecord[];
    readonly look: () => Promise<void>;
    readonly onlyPlan: boolean;
  },
): Promise<string[]> {
  try {
    await input.look();
    return peerLines(input.peers);
  } catch (error) {
    if (!input.onlyPlan || !(error instanceof OperatorError)) throw error;
    const { code, message, hint } = error;
    context.talk({ type: "warning", code, message, ...(hint === undefined ? {} : { hint }) });
    return [`first          ${hint ?? message}`];
  }
}

/** After the restore: the same steps, with the agents by name. */
export async function stepsElsewhere(
  context: Context,
  { plan }: { readonly plan: RestorePlan },
): Promise<string[]> {
  const settings = await readSettings({ dataDir: plan.dataDir });
  const agents = await agentNodes(context, settings);
  return nextSteps(plan.peers, { url: await restoredUrl(settings), agents });
}
