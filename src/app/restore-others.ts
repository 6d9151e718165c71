/** The part of a restore that other machines have: none of them runs, and what is to be done there afterwards. */
import { OperatorError } from "../errors.ts";
import { readSettings } from "../k3s/settings.ts";
import { peerSteps, restoredUrl } from "./restore-next.ts";
import {
  authoritiesOf,
  findPeers,
  peerLines,
  peersOutside,
  requirePeersDown,
} from "./restore-peers.ts";
import type { Authorities } from "../k3s/peers.ts";
import type { Settings } from "../k3s/settings.ts";
import type { Context } from "./context.ts";
import type { JournalState, PeerRecord, RestorePlan } from "./journal.ts";
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
  const look = (told?: true): Promise<void> =>
    requirePeersDown(context, {
      peers,
      authorities,
      force: options.force,
      ...(told === undefined ? {} : { told }),
    });
  const url = await restoredUrl(settings, manifest.datastore.members);
  const last = "last, on every agent node: systemctl restart k3s-agent";
  const next = peers.length === 0 ? [] : [...peerSteps(peers, url), last];
  const lines = await linesOf(context, { peers, look, onlyPlan: options.plan });
  return {
    peers,
    next,
    lines: [
      ...lines,
      ...next.map((text, index) => `${(index === 0 ? "afterwards" : "").padEnd(15)}${text}`),
    ],
    again: () => look(true),
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

/**
 * Before a restore goes on after a cut: power may have come back on the other servers
 * too, and their K3s with it. Throws as `requirePeersDown`; nothing was changed then.
 */
export async function requireStillDown(
  context: Context,
  { plan, done }: JournalState,
  authorities: Authorities,
): Promise<void> {
  const peers = done.has("reset") ? await peersOutside(plan) : plan.peers;
  try {
    await requirePeersDown(context, { peers, authorities, force: plan.forced });
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error;
    throw new OperatorError(error.exit, error.code, error.message, {
      hint: `${error.hint ?? ""}; then go on: railiance-cluster restore --resume; or go back: railiance-cluster restore --rollback`,
      cause: error,
    });
  }
}

/** After the restore: what is left to do on the other servers; agents are named by `restartElsewhere`. */
export async function stepsOnPeers({ dataDir, peers }: RestorePlan): Promise<string[]> {
  return peerSteps(peers, await restoredUrl(await readSettings({ dataDir })));
}
