/** `railiance-cluster show` */
import { showArchive } from "../app/show.ts";
import { count, sizeText } from "../words.ts";
import { COMMON_FLAGS, DIR, IDENTITY, archiveOf, directoryOf, pathsOf } from "./args.ts";
import { formatAge, formatTime, table } from "./format.ts";
import type { Sidecar } from "../archive/sidecar.ts";
import type { ShowResult } from "../app/show.ts";
import type { Command } from "./command.ts";

export const showCommand: Command = {
  name: "show",
  summary: "show what is in an archive (reads only its head)",
  about:
    "Shows what an archive says of itself: cluster, versions, helm releases, every file. Only the head of the archive is read, so this is quick and proves nothing of the rest: that is what verify does.",
  flags: [DIR, IDENTITY, ...COMMON_FLAGS],
  positionals: [
    {
      name: "ARCHIVE",
      help: "path, file name, or id of an archive (default: this host's newest)",
      count: "optional",
    },
  ],
  examples: [
    { does: "the newest archive", run: "show" },
    { does: "one from a USB stick", run: "show /media/usb/FILE.tar.zst.age -i /media/usb/key.txt" },
  ],
  exits: ["verifyFailed", "precondition", "key", "notFound"],
  keepsResult: false,
  async run(input, context) {
    const [name] = input.positionals;
    const result = await showArchive(context, {
      archive: name === undefined ? undefined : archiveOf(name, context),
      directory: directoryOf(input, context),
      identityFiles: pathsOf(input, "identity", context),
    });
    return {
      exit: "ok",
      lines: linesOf(result, context.host.now()),
      clusterId: result.manifest.cluster.id,
      fields: {
        archive: {
          path: result.path,
          bytes: result.size,
          signature: result.signature,
          manifest: result.manifest,
          ...(result.sidecar === undefined ? {} : { sidecar: sidecarFields(result.sidecar) }),
        },
      },
    };
  },
};

/** All but what no command notes yet. */
function sidecarFields(sidecar: Sidecar): Record<string, unknown> {
  return Object.fromEntries(Object.entries(sidecar).filter(([name]) => name !== "proven"));
}

function linesOf(result: ShowResult, now: Date): string[] {
  const { manifest, sidecar, signature } = result;
  const { cluster, host, k3s, datastore, entries, helm, gaps } = manifest;
  const facts = [
    ["archive", `${result.path}   ${sizeText(result.size)}`],
    ["created", `${formatTime(manifest.created)} (${formatAge(new Date(manifest.created), now)})`],
    ["cluster", `${cluster.name}   CA ${cluster.id}`],
    ["server", `${host.nodeName} (${host.hostname}, ${host.addresses.join(", ")})`],
    ["K3s", `${k3s.version}   data in ${host.dataDir}`],
    [
      "datastore",
      `${datastore.kind}, revision ${datastore.revision}, ${count(datastore.keys, "key")}, ${count(datastore.members.length, "member")}`,
    ],
    ["opens for", manifest.recipients.join(" ")],
    ["signed by", signature.state === "valid" ? signature.publicKey : "nobody"],
    ["verified", sidecar === undefined ? "unknown" : (sidecar.verified?.at ?? "never")],
  ];
  const releases = helm.map((one) => [
    `${one.namespace}/${one.name}`,
    `${one.chart} ${one.chartVersion}`,
    `revision ${one.revision}`,
    one.status,
  ]);
  const files = entries.map((entry) => [sizeText(entry.size), entry.path, entry.source ?? ""]);
  return [
    ...table(facts),
    ...section("helm releases", table(releases)),
    ...section("files", table(files, [0])),
    ...section(
      "missing",
      gaps.map(({ message }) => message),
    ),
  ];
}

function section(title: string, lines: readonly string[]): string[] {
  if (lines.length === 0) return [];
  return ["", `${title} (${lines.length})`, ...lines.map((line) => `  ${line}`)];
}
