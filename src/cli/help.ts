/** What `--help` prints: the same declarations the parser reads, so that it cannot lie. */
import { EXIT } from "../errors.ts";
import { PROGRAM } from "../version.ts";
import { table, wrap } from "./format.ts";
import type { ExitName } from "../errors.ts";
import { commandsOf } from "./route.ts";
import type { Command, CommandGroup, Flag, Positional } from "./command.ts";
import type { Topic } from "./route.ts";
import type { Style } from "./style.ts";

const COLUMNS = 96;

const MEANING: Readonly<Record<ExitName, string>> = {
  ok: "everything asked for was done",
  error: "a restore failed (the sentence says how it ended), or a fault in this program",
  usage: "wrong flags or configuration",
  partial: "the archive is valid, but an optional part is missing from it",
  verifyFailed: "an archive, or an encrypted values file, is damaged",
  precondition:
    "K3s down or missing, wrong datastore, disk full, a file unreadable, a tool missing, not root",
  replicateFailed: "saved here, but the upload failed",
  locked: "another run is active",
  key: "no recipient, or no identity opens the archive",
  notFound: "no such archive, or file",
  refused: "stopped at a safety gate (no consent, another cluster)",
  drift: "findings of lint or drift; with --strict, a component has to be proven anew",
  drillFailed: "a drill or a smoke check did not pass; with --strict, a component was never proven",
  interrupted: "stopped by SIGINT (143: by SIGTERM or SIGHUP)",
  terminated: "stopped by SIGTERM or SIGHUP",
};

const ALWAYS: readonly ExitName[] = ["ok", "error", "usage", "interrupted"];

/** The help of the program, of a group of commands, or of one command. */
export function helpOn(topic: Topic, commands: readonly Command[], style: Style): string {
  if (topic?.command !== undefined) return commandHelp(topic.command, style);
  if (topic?.group !== undefined) return groupHelp(topic.group, commands, style);
  return programHelp(commands, style);
}

/** The help of the whole program. */
export function programHelp(commands: readonly Command[], style: Style): string {
  return page(style, [
    [
      `${PROGRAM}: saves a K3s cluster's own state into one encrypted file, brings it back, and proves both.`,
    ],
    ["Usage", `  ${PROGRAM} COMMAND [flags]`],
    ["Commands", ...indent(commandRows(commands))],
    [
      "Examples",
      `  ${PROGRAM} backup`,
      `  ${PROGRAM} verify`,
      `  ${PROGRAM} restore --plan`,
      `  ${PROGRAM} restore --dir /media/usb -i /media/usb/key.txt`,
    ],
    ["Exit codes", ...exitLines(Object.keys(EXIT).filter(isExitName).filter(isUsed(commands)))],
    [`${PROGRAM} COMMAND --help shows the flags of a command; --version shows the version.`],
  ]);
}

/** The help of a group: what is in it, with an example of each. */
export function groupHelp(group: CommandGroup, commands: readonly Command[], style: Style): string {
  const inside = commandsOf(group, commands);
  const examples = inside.flatMap(({ examples: [first] }) => (first === undefined ? [] : [first]));
  return page(style, [
    wrap(group.about, COLUMNS),
    ["Usage", `  ${PROGRAM} ${group.name} COMMAND [flags]`],
    ["Commands", ...indent(inside.map((one) => [one.name, one.summary]))],
    ["Examples", ...exampleLines(examples)],
    ["Exit codes", ...exitLines(Object.keys(EXIT).filter(isExitName).filter(isUsed(inside)))],
    [`${PROGRAM} ${group.name} COMMAND --help shows the flags of a command.`],
  ]);
}

/** One line for each command, and one for each group where its first command stands. */
function commandRows(commands: readonly Command[]): string[][] {
  const seen = new Set<string>();
  return commands.flatMap(({ name, summary, group }) => {
    const row = group ?? { name, summary };
    if (seen.has(row.name)) return [];
    seen.add(row.name);
    return [[row.name, row.summary]];
  });
}

function exampleLines(examples: Command["examples"]): string[] {
  return examples.flatMap(({ run, does }) => [`  # ${does}`, `  ${PROGRAM} ${run}`]);
}

/** The help of one command. */
export function commandHelp(command: Command, style: Style): string {
  const usage = [PROGRAM, command.name, ...command.positionals.map(placeOf), "[flags]"].join(" ");
  return page(style, [
    wrap(command.about, COLUMNS),
    ["Usage", `  ${usage}`],
    command.positionals.length === 0
      ? []
      : ["Arguments", ...indent(command.positionals.map((one) => [one.name, one.help]))],
    ["Flags", ...indent(command.flags.map((flag) => [flagText(flag), flag.help]))],
    ["Examples", ...exampleLines(command.examples)],
    ...(command.samples ?? []).map(({ title, text }) => [
      title,
      ...text.split("\n").map((line) => `  ${line}`),
    ]),
    [
      "Exit codes",
      ...exitLines(
        Object.keys(EXIT)
          .filter(isExitName)
          .filter(isUsed([command])),
      ),
    ],
  ]);
}

function page(style: Style, sections: readonly (readonly string[])[]): string {
  return sections
    .filter((section) => section.length > 0)
    .map(([first = "", ...rest]) =>
      [rest.length === 0 || first.startsWith(" ") ? first : style.bold(first), ...rest].join("\n"),
    )
    .join("\n\n")
    .concat("\n");
}

function indent(rows: readonly (readonly string[])[]): string[] {
  return table(rows).map((row) => `  ${row}`);
}

function placeOf({ name, count }: Positional): string {
  if (count === "required") return name;
  return count === "many" ? `[${name}…]`.replace("…", "...") : `[${name}]`;
}

function flagText(flag: Flag): string {
  const short = flag.short === undefined ? "    " : `-${flag.short}, `;
  return `${short}--${flag.name}${flag.value === undefined ? "" : ` ${flag.value}`}`;
}

function isExitName(name: string): name is ExitName {
  return name in EXIT;
}

function isUsed(commands: readonly Command[]): (name: ExitName) => boolean {
  const used = new Set([...ALWAYS, ...commands.flatMap((command) => command.exits)]);
  return (name) => used.has(name);
}

function exitLines(names: readonly ExitName[]): string[] {
  return indent(
    table(
      names.map((name) => [String(EXIT[name]), MEANING[name]]),
      [0],
    ).map((line) => [line]),
  );
}
