/**
 * What the restore of one server cannot restart, and what goes on with what it saw
 * before: K3s restores without a jump of the revision (etcd#16028, kubernetes#118501),
 * so a client that stayed alive takes up its watch in the future, is told nothing
 * until the cluster gets there, and never learns what was undone
 * (tests/e2e/stale-watchers.test.ts).
 */
import { OperatorError } from "../errors.ts";
import { listAll } from "../k3s/kubectl.ts";
import { field, textIn } from "../k3s/json.ts";
import { findWatchers } from "../k3s/watchers.ts";
import { count } from "../words.ts";
import { shellWord } from "./shell-quote.ts";
import type { JsonObject } from "../k3s/kubectl.ts";
import type { Settings } from "../k3s/settings.ts";
import type { Watcher } from "../k3s/watchers.ts";
import type { Context } from "./context.ts";

export interface RestartElsewhere {
  /** Nodes that are no servers, by name. */
  readonly agents: readonly string[];
  /** Workloads that may hold a cache of before the restore. */
  readonly watchers: readonly Watcher[];
  /** One a namespace of `watchers`. */
  readonly commands: readonly string[];
  /** For the operator, in the order in which to follow them; empty when nothing is to be done. */
  readonly sentences: readonly string[];
}

/** A server carries one of these labels. */
const SERVER_LABELS = [
  "node-role.kubernetes.io/control-plane",
  "node-role.kubernetes.io/master",
  "node-role.kubernetes.io/etcd",
];
/** Names on one line; `--json` has all. */
const NAMES_SHOWN = 12;
const NAMESPACES_SHOWN = 6;

/**
 * Asks the restored cluster for its agents and for the workloads that may watch it.
 * Nothing of it fails a restore: when the cluster cannot be asked, the sentences
 * say what to look for.
 */
export async function restartElsewhere(
  context: Context,
  settings: Settings,
): Promise<RestartElsewhere> {
  const { host } = context;
  try {
    const nodes = await Array.fromAsync(listAll(host, settings, "/api/v1/nodes", { limit: 50 }));
    const agents = agentNames(nodes);
    const watchers = await findWatchers(host, settings);
    const commands = restartCommands(watchers);
    return { agents, watchers, commands, sentences: restartSentences({ agents, commands }) };
  } catch (error) {
    // Also when a signal came: by now the restore is over.
    if (!(error instanceof OperatorError)) throw error;
    return { agents: [], watchers: [], commands: [], sentences: [unknown(error.message)] };
  }
}

/** Names of the nodes that are no servers, sorted. */
export function agentNames(nodes: readonly JsonObject[]): string[] {
  return nodes
    .map((node) => field(node, "metadata"))
    .filter((metadata) => {
      const labels = field(metadata, "labels");
      return SERVER_LABELS.every((label) => field(labels, label) === undefined);
    })
    .map((metadata) => textIn(metadata, "name") ?? "")
    .toSorted();
}

/** Agents first: an agent that is deaf does not start the pods that the next commands make. */
export function restartSentences({
  agents,
  commands,
}: Pick<RestartElsewhere, "agents" | "commands">): string[] {
  const sentences: string[] = [];
  if (agents.length > 0) {
    sentences.push(`on each agent (${shown(agents)}): systemctl restart k3s-agent`);
  }
  for (const command of commands.slice(0, NAMESPACES_SHOWN)) {
    sentences.push(`what may still go by what it saw before: ${command}`);
  }
  const more = commands.length - NAMESPACES_SHOWN;
  if (more > 0) sentences.push(`and in ${count(more, "more namespace")}: --json has the commands`);
  if (sentences.length > 0) {
    sentences.push(
      "the same for programs elsewhere that watch this cluster (GitOps, CI, monitoring)",
    );
  }
  return sentences;
}

/** One command a namespace, with every name in it. */
export function restartCommands(watchers: readonly Watcher[]): string[] {
  const spaces = new Map<string, string[]>();
  for (const { kind, namespace, name } of watchers) {
    const names = spaces.get(namespace) ?? [];
    names.push(shellWord(`${kind.toLowerCase()}/${name}`));
    spaces.set(namespace, names);
  }
  return [...spaces].map(
    ([namespace, names]) =>
      `k3s kubectl -n ${shellWord(namespace)} rollout restart ${names.join(" ")}`,
  );
}

function shown(names: readonly string[]): string {
  const rest = names.length - NAMES_SHOWN;
  const more = rest > 0 ? ` and ${rest} more (--json has all)` : "";
  return names.slice(0, NAMES_SHOWN).join(", ") + more;
}

function unknown(reason: string): string {
  return `restart what watches this cluster (agents, operators): which ones could not be read (${reason})`;
}
