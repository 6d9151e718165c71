/** `railiance-cluster backup` */
import { backup } from "../app/backup.ts";
import { count, sizeText } from "../words.ts";
import { COMMON_FLAGS, DATA_DIR, DIR, IDENTITY, directoryOf, pathOf, pathsOf } from "./args.ts";
import type { BackupResult } from "../app/backup.ts";
import type { Command, Flag, Outcome } from "./command.ts";

const FLAGS: readonly Flag[] = [
  DIR,
  {
    name: "output",
    short: "o",
    kind: "text",
    value: "FILE",
    help: "write the archive to this file instead of a name of its own in the folder",
  },
  {
    name: "recipient",
    short: "r",
    kind: "list",
    value: "RECIPIENT",
    help: "age recipient that can open the archive; may be repeated",
  },
  {
    name: "recipients-file",
    short: "R",
    kind: "list",
    value: "FILE",
    help: "file with one age recipient a line; may be repeated",
  },
  IDENTITY,
  {
    name: "sops-config",
    kind: "text",
    value: "FILE",
    help: "take the recipients from this .sops.yaml (default: looked for upwards from here)",
  },
  {
    name: "write-only",
    kind: "boolean",
    help: "this host cannot open its archives, on purpose: do not ask for proof that it can",
  },
  DATA_DIR,
  {
    name: "cluster-name",
    kind: "text",
    value: "NAME",
    help: "name of the cluster in the file name (default: made from its CA)",
  },
  ...COMMON_FLAGS,
];

export const backupCommand: Command = {
  name: "backup",
  summary: "write an encrypted backup of this server's cluster",
  about:
    "Saves the K3s datastore and what a restore needs besides it (tokens, configuration, helm releases, kubeconfig) into one encrypted file, reads it back, and prints its path. Recipients are found as SOPS finds them unless given.",
  flags: FLAGS,
  positionals: [],
  examples: [
    { does: "with the key that SOPS uses, to the default folder", run: "backup" },
    {
      does: "for two recipients, to a USB stick",
      run: "backup -r age1... -r age1... --dir /media/usb",
    },
    { does: "only the path on stdout", run: "backup --quiet" },
  ],
  exits: ["partial", "precondition", "locked", "key", "verifyFailed", "refused"],
  keepsResult: true,
  async run(input, context) {
    const result = await backup(context, {
      directory: directoryOf(input, context),
      dataDir: pathOf(input, "data-dir", context),
      recipients: input.list("recipient"),
      recipientFiles: pathsOf(input, "recipients-file", context),
      identityFiles: pathsOf(input, "identity", context),
      sopsConfig: pathOf(input, "sops-config", context),
      writeOnly: input.has("write-only"),
      clusterName: input.text("cluster-name"),
      output: pathOf(input, "output", context),
      workingDirectory: context.workingDirectory,
    });
    context.talk({ type: "note", text: summaryOf(result) });
    return outcomeOf(result);
  },
};

function summaryOf(result: BackupResult): string {
  const missing = result.gaps.length === 0 ? "" : `, ${count(result.gaps.length, "part")} missing`;
  return `${sizeText(result.bytes)}, opens for ${count(result.recipients.length, "recipient")}${missing}`;
}

/** stdout is the path alone, so that a script can take it. */
function outcomeOf(result: BackupResult): Outcome {
  return {
    exit: result.gaps.length > 0 ? "partial" : "ok",
    lines: [result.path],
    clusterId: result.clusterId,
    warnings: [...result.warnings, ...result.gaps],
    fields: {
      artifacts: [
        {
          path: result.path,
          bytes: result.bytes,
          sha256: result.sha256,
          created_at: result.created,
          encrypted_to: result.recipients,
          recipient_source: result.recipientSource,
          contents: result.entries,
          helm_releases: result.helm,
        },
      ],
      gaps: result.gaps,
    },
  };
}
