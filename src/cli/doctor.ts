/** `railiance-cluster doctor` */
import { doctor } from "../app/doctor.ts";
import { OperatorError } from "../errors.ts";
import { count, sizeText, timeText } from "../words.ts";
import { COMMON_FLAGS, DATA_DIR, DIR, IDENTITY, directoryOf, pathOf, pathsOf } from "./args.ts";
import { backupCommand } from "./backup.ts";
import { formatTime, table } from "./format.ts";
import { chooseStyle } from "./style.ts";
import type { DoctorResult } from "../app/doctor.ts";
import type { Command, CommandContext, Flag } from "./command.ts";

type Check = DoctorResult["checks"][number];

/** As the backup has them, since that is what is looked at. */
const KEY_FLAGS: readonly Flag[] = backupCommand.flags.filter(({ name }) =>
  ["recipient", "recipients-file", "sops-config", "write-only"].includes(name),
);

export const doctorCommand: Command = {
  name: "doctor",
  summary: "say what is wrong on this host, and what to type",
  about:
    "Looks, and changes nothing: is a restore unfinished and K3s held back, has a restore by hand gone wrong and how does one get back, is this host ready for the next backup and restore, and what that was moved aside may be removed. Ends with the code of the first check that failed; warnings are no failure.",
  flags: [DIR, ...KEY_FLAGS, IDENTITY, DATA_DIR, ...COMMON_FLAGS],
  positionals: [],
  examples: [
    { does: "everything on one screen", run: "doctor" },
    { does: "only what is not in order", run: "doctor --quiet" },
    { does: "for a program", run: "doctor --json | jq '.checks[] | select(.outcome != \"ok\")'" },
  ],
  exits: ["precondition", "key", "refused"],
  keepsResult: false,
  async run(input, context) {
    const result = await doctor(context, {
      directory: directoryOf(input, context),
      dataDir: pathOf(input, "data-dir", context),
      recipients: input.list("recipient"),
      recipientFiles: pathsOf(input, "recipients-file", context),
      identityFiles: pathsOf(input, "identity", context),
      sopsConfig: pathOf(input, "sops-config", context),
      writeOnly: input.has("write-only"),
      workingDirectory: context.workingDirectory,
    });
    return {
      exit: result.exit,
      lines: linesOf(result, context, input.has("quiet")),
      failures: failuresOf(result),
      fields: { checks: result.checks.map(fieldsOf), removable: result.removable.map(pieceOf) },
    };
  },
};

/** One sentence for the envelope and for stderr; the checks themselves are on stdout. */
function failuresOf({ checks, exit }: DoctorResult): OperatorError[] {
  const failed = checks.filter(({ outcome }) => outcome === "fail");
  const [first] = failed;
  if (first === undefined) return [];
  const others =
    failed.length === 1 ? "" : `, and ${count(failed.length - 1, "other check")} failed`;
  return [new OperatorError(exit, "DOCTOR", `${first.detail}${others}`, hintOf(first))];
}

function hintOf({ hint }: Check): { readonly hint?: string } {
  return hint === undefined ? {} : { hint };
}

function linesOf(result: DoctorResult, context: CommandContext, quiet: boolean): string[] {
  const { isTerminal } = context.stdout;
  const { glyphs } = chooseStyle({ isTerminal, noColor: true, env: context.host.env });
  const marks = { ok: glyphs.done, warn: glyphs.warning, fail: glyphs.failed };
  const width = Math.max(...Object.values(marks).map((mark) => mark.length)) + 1;
  const shown = result.checks.filter(({ outcome }) => !quiet || outcome !== "ok");
  const lines = shown.flatMap(({ outcome, detail, hint }) => [
    `${marks[outcome].padEnd(width)}${detail}`,
    ...(hint === undefined ? [] : hint.split("\n").map((line) => " ".repeat(width) + line)),
  ]);
  return [...lines, ...(quiet ? [] : removableLines(result))];
}

function removableLines({ removable }: DoctorResult): string[] {
  if (removable.length === 0) return [];
  const bytes = removable.reduce((sum, piece) => sum + piece.bytes, 0);
  const rows = removable.map((piece) => [
    formatTime(timeText(piece.made)),
    sizeText(piece.bytes),
    piece.from === undefined ? piece.what : `${piece.what} (${nameOf(piece.from)})`,
    piece.command,
  ]);
  return [
    "",
    `kept aside, ${sizeText(bytes)}; when the cluster is as it should be, it may be removed:`,
    ...table(rows, [1]),
  ];
}

/** Archives are told apart by the end of their name: time and id. */
function nameOf(archive: string): string {
  return /_(\d{8}T\d{6}Z_[0-9a-f]{8})\.tar\.zst\.age$/.exec(archive)?.[1] ?? archive;
}

function fieldsOf({ id, outcome, detail, hint }: Check): Record<string, unknown> {
  return { id, outcome, detail, ...(hint === undefined ? {} : { hint }) };
}

function pieceOf(piece: DoctorResult["removable"][number]): Record<string, unknown> {
  const { path, what, made, from, bytes, command } = piece;
  return {
    path,
    what,
    made_at: timeText(made),
    bytes,
    ...(from === undefined ? {} : { restored_from: from }),
    command,
  };
}
