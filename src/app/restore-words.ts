/** The plan of a restore in sentences. */
import { extraManifestNames } from "./restore-extra.ts";
import { keptFolders } from "./restore-plan.ts";
import { count, spanText } from "../words.ts";
import type { Manifest } from "../archive/manifest.ts";
import type { RestorePlan } from "./journal.ts";

/** What will happen, a line each. */
export function describePlan(plan: RestorePlan, manifest: Manifest, now: Date): string[] {
  const age = spanText(now.getTime() - new Date(manifest.created).getTime());
  const kept = keptFolders(plan);
  const members = manifest.datastore.members.length;
  const extra = extraManifestNames(plan.moves);
  return [
    `archive        ${plan.archive}`,
    `state of       ${manifest.created} (${age} ago), revision ${manifest.datastore.revision}, ${count(manifest.datastore.keys, "key")}, ${count(manifest.helm.length, "helm release")}`,
    `cluster        ${manifest.cluster.name} (CA ${manifest.cluster.id.slice(0, 8)}), server ${manifest.host.nodeName}, K3s ${manifest.k3s.version}, ${count(members, "member")}`,
    kept.length === 0
      ? "data           none here yet"
      : `data           today's is kept in ${kept.join(" and ")}`,
    plan.files.length === 0
      ? "files          all as in the archive already"
      : `files          ${plan.files.length} put back: ${plan.files.map(({ target, kept }) => (kept === null ? `${target} (new)` : target)).join(", ")}`,
    ...(extra.length === 0
      ? []
      : [
          `manifests      ${extra.length} not in the archive moved aside too, or K3s would apply them: ${extra.join(", ")}`,
        ]),
    `what happens   hold K3s back, stop it, move data aside, put files back, ${restoreText(manifest)}, start, check`,
    "way back       automatic if a check fails; while it is unfinished: railiance-cluster restore --rollback; once it has ended: the safety backup",
  ];
}

function restoreText({ datastore }: Manifest): string {
  return datastore.kind === "sqlite" ? "put the database in place" : "reset from the snapshot";
}
