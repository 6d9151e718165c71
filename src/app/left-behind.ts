/** Nodes and volumes of machines that are gone: named with what to type, never deleted. */
import { OperatorError, messageOf, systemCode } from "../errors.ts";
import { nodeVolumes, nodesSince } from "../k3s/left-behind.ts";
import { namesIn, statOf } from "../sys/files.ts";
import { count } from "../words.ts";
import { restoredUrl } from "./restore-next.ts";
import { shellWord } from "./shell-quote.ts";
import type { NodeVolume, SilentNode } from "../k3s/left-behind.ts";
import type { Settings } from "../k3s/settings.ts";
import type { Context, Warning } from "./context.ts";

/** More would bury the rest; all of them: `k3s kubectl get pv`. */
const SHOWN = 10;

/**
 * What the restored cluster still expects of machines that are not there. `since`
 * is when the restore began. Nothing here fails a restore: a list that cannot be
 * read becomes a warning too.
 */
export async function leftBehind(
  context: Context,
  from: { readonly settings: Settings; readonly since: Date; readonly nodeName: string },
): Promise<Warning[]> {
  const { settings, since, nodeName } = from;
  try {
    const { alive, silent } = await nodesSince(context.host, settings, since);
    const url = await restoredUrl(settings);
    const volumes = await nodeVolumes(context.host, settings);
    // Of a node that has no object any more too.
    const gone = volumes.filter(({ nodes }) => !nodes.some((node) => alive.has(node)));
    const here = volumes.filter(({ nodes }) => nodes.includes(nodeName) && alive.has(nodeName));
    const empty: NodeVolume[] = [];
    for (const one of here) if (await isEmpty(one.path)) empty.push(one);
    return [
      ...silent.map((one) => silentNode(one, { settings, url })),
      ...gone.slice(0, SHOWN).map((one) => goneVolume(one, { settings, nodeName })),
      ...hidden(gone),
      ...empty.slice(0, SHOWN).map(emptyVolume),
      ...hidden(empty),
    ];
  } catch (error) {
    // Also what a disk says of a volume's folder: a good restore is not undone for it.
    if (!(error instanceof OperatorError) && systemCode(error) === undefined) throw error;
    const code = "LEFT_BEHIND_UNKNOWN";
    const hint = `look at: ${settings.k3s} kubectl get nodes,pv`;
    return [{ code, message: `nodes and volumes could not be listed: ${messageOf(error)}`, hint }];
  }
}

/** A volume may be a file (`hostPath` of type File): that one has its data. */
async function isEmpty(path: string): Promise<boolean> {
  const info = await statOf(path);
  return info === undefined || (info.isDirectory() && (await namesIn(path)).length === 0);
}

function hidden(list: readonly unknown[]): Warning[] {
  if (list.length <= SHOWN) return [];
  const message = `and ${count(list.length - SHOWN, "more volume")} of the same kind`;
  return [{ code: "VOLUMES_MORE", message, hint: "all of them: k3s kubectl get pv" }];
}

function silentNode(
  { name, hasEtcd }: SilentNode,
  { settings, url }: { readonly settings: Settings; readonly url: string },
): Warning {
  const there = hasEtcd
    ? `do not start K3s on it, with its old data it would bring the old cluster back; on it: railiance-cluster restore --peer ${url}`
    : "systemctl restart k3s-agent (or k3s) on it";
  return {
    code: "NODE_SILENT",
    message: `node ${name} has not been heard of since the restore`,
    hint: `if its machine is there: ${there}; if it is gone for good: ${settings.k3s} kubectl delete node ${name}`,
  };
}

function goneVolume(
  { name, claim, path, nodes }: NodeVolume,
  { settings, nodeName }: { readonly settings: Settings; readonly nodeName: string },
): Warning {
  const { k3s } = settings;
  const [old = ""] = nodes;
  const file = `${name}.json`;
  // Its node cannot be changed, and it is not gone while a claim holds it: so it is made anew,
  // with the same claim, which finds it again.
  const move = [
    `copy ${path} from ${old} to the same place here`,
    `${k3s} kubectl get pv ${name} -o json | sed -e 's/"${old}"/"${nodeName}"/' -e '/"resourceVersion":/d' > ${file}`,
    `${k3s} kubectl delete pv ${name} --wait=false`,
    `${k3s} kubectl patch pv ${name} -p '{"metadata":{"finalizers":null}}'`,
    `${k3s} kubectl create -f ${file}`,
  ];
  return {
    code: "VOLUME_ELSEWHERE",
    message: `volume ${name}${held(claim)} lies in ${path} of ${nodes.join(", ")}, which is not there: its pods stay pending`,
    hint: `to move it: ${move.join("; ")}; to give it up: ${giveUp(k3s, { name, claim })}`,
  };
}

function giveUp(k3s: string, { name, claim }: Pick<NodeVolume, "name" | "claim">): string {
  const volume = `${k3s} kubectl delete pv ${name}`;
  if (claim === undefined) return volume;
  const [namespace = "", own = ""] = claim.split("/");
  return `${k3s} kubectl -n ${namespace} delete pvc ${own}; ${volume}`;
}

/** local-path makes a missing folder anew: its pods would begin with nothing, and nobody would be told. */
function emptyVolume({ name, claim, path }: NodeVolume): Warning {
  return {
    code: "VOLUME_EMPTY",
    message: `volume ${name}${held(claim)} belongs in ${path} on this host, and there is nothing in it: volumes are not in this archive`,
    hint: `stop what uses it, then copy its data from the old disk or its own backup: cp -a OLD/. ${shellWord(path)}`,
  };
}

function held(claim: string | undefined): string {
  return claim === undefined ? "" : ` of ${claim}`;
}
