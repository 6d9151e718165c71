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
    { name: "rollback", kind: "boolean", help: "go back to what was there before the restore" },
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
    DIR,
    DATA_DIR,
    IDENTITY,
    ...COMMON_FLAGS,
  ],
  positionals: [
    {
      name: "ARCHIVE",
      help: "path, file name, or id of an archive (default: the newest)",
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
  if ((way === "resume" || way === "rollback") && givesFit(input)) {
    throw usage(
      `restore --${way} keeps to the plan it began with; begin anew for other settings`,
      restoreCommand,
    );
  }
  if (input.has("quiet") && !input.has("yes") && way === undefined && context.ask !== undefined) {
    throw usage("restore --quiet hides the plan it asks about: add --yes", restoreCommand);
  }
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
      ...(result.restart?.sentences ?? []).map((text) => `left to do: ${text}`),
    ],
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
    },
  };
}
