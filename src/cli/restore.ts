/** `railiance-cluster restore` */
import { restore } from "../app/restore.ts";
import {
  COMMON_FLAGS,
  DATA_DIR,
  DIR,
  IDENTITY,
  archiveOf,
  directoryOf,
  pathOf,
  pathsOf,
} from "./args.ts";
import { usage } from "./argv.ts";
import { FIT_FLAGS, fitFields, fitOptionsOf, givesFit } from "./restore-fit.ts";
import type { RestoreResult } from "../app/restore.ts";
import type { AppEvent } from "../app/context.ts";
import type { Command, CommandContext, Input, Outcome } from "./command.ts";

export const restoreCommand: Command = {
  name: "restore",
  summary: "bring this server's cluster back from an archive",
  about:
    "Proves the archive whole, shows what will happen and what would be lost, asks, saves what is here now as an archive of its own, and restores: stops K3s, moves today's data aside (nothing is deleted), puts files and datastore back, starts K3s and checks it. When that fails, what ran before runs again.",
  flags: [
    { name: "plan", kind: "boolean", help: "only say what would happen" },
    { name: "yes", short: "y", kind: "boolean", help: "do not ask" },
    { name: "resume", kind: "boolean", help: "go on with a restore that was cut off" },
    {
      name: "rollback",
      kind: "boolean",
      help: "go back to what was there before, while a restore is unfinished",
    },
    {
      name: "previous",
      kind: "boolean",
      help: "when the newest archive is damaged, take the newest that is whole",
    },
    {
      name: "force",
      kind: "boolean",
      help: "go on although a safety rule says no (another cluster, an older K3s)",
    },
    {
      name: "keep",
      kind: "boolean",
      help: "keep the restored cluster even when a check of its health fails",
    },
    ...FIT_FLAGS,
    {
      name: "peer",
      kind: "text",
      value: "URL",
      help: "on each OTHER server of a restored cluster: give up its old data and join the restored server at this URL",
    },
    DIR,
    DATA_DIR,
    IDENTITY,
    ...COMMON_FLAGS,
  ],
  positionals: [
    {
      name: "ARCHIVE",
      help: "path, file name, or id of an archive (default: this host's newest)",
      count: "optional",
    },
  ],
  examples: [
    { does: "what would happen", run: "restore --plan" },
    { does: "the newest archive, in a script", run: "restore --yes" },
    { does: "from a USB stick", run: "restore --dir /media/usb -i /media/usb/key.txt" },
    {
      does: "on a server with another address",
      run: "restore --edit-address 192.0.2.10=192.0.2.20",
    },
    { does: "after a power cut: go on, or go back", run: "restore --resume" },
    {
      does: "on s2, then s3, once s1 (10.0.0.1) is restored",
      run: "restore --peer https://10.0.0.1:6443",
    },
  ],
  exits: ["verifyFailed", "precondition", "locked", "key", "notFound", "refused"],
  keepsResult: true,
  async run(input, context) {
    checkCombination(input, context);
    const [name] = input.positionals;
    const plan = input.has("plan");
    const options = {
      archive: name === undefined ? undefined : archiveOf(name, context),
      directory: directoryOf(input, context),
      workingDirectory: context.workingDirectory,
      dataDir: pathOf(input, "data-dir", context),
      identityFiles: pathsOf(input, "identity", context),
      yes: input.has("yes"),
      plan,
      rollback: input.has("rollback"),
      resume: input.has("resume"),
      force: input.has("force"),
      keep: input.has("keep"),
      previous: input.has("previous"),
      ...fitOptionsOf(input, restoreCommand),
      peer: peerUrl(input),
    };
    return plan ? planOnly(context, options) : outcomeOf(await restore(context, options));
  },
};

function checkCombination(input: Input, context: CommandContext): void {
  const ways = ["plan", "resume", "rollback"].filter((name) => input.has(name));
  const [way, second] = ways;
  if (second !== undefined) {
    throw usage(`restore takes either --${String(way)} or --${second}`, restoreCommand);
  }
  if ((way === "resume" || way === "rollback") && input.positionals.length > 0) {
    throw usage(`restore --${way} goes on with the archive it began with`, restoreCommand);
  }
  // Going on knocks at the other servers again, and only the operator knows whose an address is by now.
  const fixed = (way === "resume" ? ["keep", "previous"] : ["force", "keep", "previous"]).find(
    (name) => input.has(name),
  );
  if ((way === "resume" || way === "rollback") && fixed !== undefined) {
    throw usage(
      `restore --${way} keeps to the plan it began with: leave --${fixed} out`,
      restoreCommand,
    );
  }
  if ((way === "resume" || way === "rollback") && givesFit(input)) {
    throw usage(
      `restore --${way} keeps to the plan it began with; begin anew for other settings`,
      restoreCommand,
    );
  }
  if (input.text("peer") !== undefined) checkPeer(input, way);
  if (input.has("quiet") && !input.has("yes") && way === undefined && context.ask !== undefined) {
    throw usage("restore --quiet hides the plan it asks about: add --yes", restoreCommand);
  }
}

function checkPeer(input: Input, way: string | undefined): void {
  if (way === "resume" || way === "rollback") {
    throw usage(
      `restore --${way} goes on with what it began with: leave --peer out`,
      restoreCommand,
    );
  }
  const other =
    ["force", "keep", "previous"].find((name) => input.has(name)) ??
    (input.text("dir") === undefined ? undefined : "dir") ??
    (input.list("identity").length === 0 ? undefined : "identity");
  if (other !== undefined || input.positionals.length > 0) {
    throw usage(
      `restore --peer takes no archive: leave ${other === undefined ? "ARCHIVE" : `--${other}`} out`,
      restoreCommand,
    );
  }
}

/** As K3s writes it in `server:`; the address alone is enough. */
function peerUrl(input: Input): string | undefined {
  const given = input.text("peer");
  if (given === undefined) return undefined;
  const text = given.includes("://") ? given : `https://${given}`;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (
    url?.protocol !== "https:" ||
    url.hostname === "" ||
    url.pathname !== "/" ||
    url.username !== ""
  ) {
    throw usage(
      `--peer ${given} is not the URL of a server: write https://ADDRESS:6443`,
      restoreCommand,
    );
  }
  return `https://${url.hostname}:${/:443\/?$/.test(text) ? "443" : url.port || "6443"}`;
}

/** The plan is the data that was asked for, so it goes to stdout and is not said on stderr too. */
async function planOnly(
  context: CommandContext,
  options: Parameters<typeof restore>[1],
): Promise<Outcome> {
  const notes: Extract<AppEvent, { type: "note" }>[] = [];
  const talk = (event: AppEvent): void => {
    if (event.type === "note") notes.push(event);
    else context.talk(event);
  };
  let planned: readonly string[] = [];
  try {
    const result = await restore({ ...context, talk }, options);
    planned = result.plan;
    return { ...outcomeOf(result), lines: planned };
  } finally {
    for (const note of notes) if (!planned.includes(note.text)) context.talk(note);
  }
}

function outcomeOf(result: RestoreResult): Outcome {
  const kept = result.kept.map((path) => `what was there before is kept in ${path}`);
  const path = result.safetyBackup?.path ?? null;
  const saved = path === null ? [] : [`and saved, to be restored as any archive, in ${path}`];
  const done = {
    restored: [
      `restored from ${result.archive}`,
      ...kept,
      ...saved,
      ...result.next,
      ...(result.restart?.sentences ?? []).map((text) => `left to do: ${text}`),
    ],
    joined: [`this server is a voter of the cluster at ${result.archive}`, ...kept],
    "rolled-back": ["went back: what was there before the restore is there again"],
    planned: [],
  };
  return {
    exit: "ok",
    lines: done[result.outcome],
    warnings: result.warnings,
    fields: {
      outcome: result.outcome,
      archive: result.archive,
      plan: result.plan,
      steps: result.steps.map(({ name, detail, milliseconds }) => ({
        name,
        detail,
        duration_ms: milliseconds,
      })),
      kept: result.kept,
      ...(result.restart === undefined
        ? {}
        : {
            restart: {
              agents: result.restart.agents,
              workloads: result.restart.watchers,
              commands: result.restart.commands,
            },
          }),
      ...fitFields(result.fit),
      ...(result.safetyBackup === undefined ? {} : { safety_backup: result.safetyBackup }),
      next: result.next,
    },
  };
}
