/** `railiance-cluster extract` */
import { extractFiles } from "../app/extract.ts";
import { OperatorError } from "../errors.ts";
import { COMMON_FLAGS, DIR, IDENTITY, archiveOf, directoryOf, pathOf, pathsOf } from "./args.ts";
import { usage } from "./argv.ts";
import type { ExtractResult } from "../app/extract.ts";
import type { Command, CommandContext, Input } from "./command.ts";

export const extractCommand: Command = {
  name: "extract",
  summary: "take files out of an archive",
  about:
    "Takes files out of an archive, all or those that match. The archive is read to its end first, so nothing comes out of a damaged one. Files are written 0600 and nothing is overwritten: they hold secrets.",
  flags: [
    {
      name: "output",
      short: "o",
      kind: "text",
      value: "FOLDER",
      help: "where to write the files; - prints one file (required)",
    },
    {
      name: "archive",
      kind: "text",
      value: "ARCHIVE",
      help: "path, file name, or id of the archive (default: this host's newest)",
    },
    DIR,
    IDENTITY,
    ...COMMON_FLAGS,
  ],
  positionals: [
    {
      name: "PATH",
      help: "paths, folders or globs inside the archive, as show lists them (default: all)",
      count: "many",
    },
  ],
  examples: [
    { does: "how to recover by hand", run: "extract RUNBOOK.md -o -" },
    { does: "the values of every helm release", run: "extract 'helm/**/values.yaml' -o ./values" },
  ],
  exits: ["verifyFailed", "precondition", "key", "notFound", "refused"],
  keepsResult: false,
  async run(input, context) {
    const archive = input.text("archive");
    await using result = await extractFiles(context, {
      archive: archive === undefined ? undefined : archiveOf(archive, context),
      directory: directoryOf(input, context),
      identityFiles: pathsOf(input, "identity", context),
      paths: input.positionals,
      output: outputOf(input, context),
    });
    await printStream(result, context);
    const { output } = result;
    return {
      exit: "ok",
      lines: output === "-" ? [] : result.files.map(({ path }) => `${output}/${path}`),
      fields: {
        archive: result.archive,
        output,
        files: result.files.map(({ path, size }) => ({ path, bytes: size })),
      },
    };
  },
};

function outputOf(input: Input, context: CommandContext): string {
  const given = input.text("output");
  if (given === undefined) {
    throw usage("extract needs --output FOLDER, or --output - to print one file", extractCommand);
  }
  if (given !== "-") return pathOf(input, "output", context) ?? given;
  if (input.has("json")) {
    throw usage("--json and --output - both want standard output", extractCommand);
  }
  return given;
}

async function printStream({ stream }: ExtractResult, context: CommandContext): Promise<void> {
  if (stream === undefined) return;
  for await (const chunk of stream) {
    if (context.stdout.isTerminal) refuseBinary(chunk);
    await context.stdout.write(chunk);
  }
}

/** A terminal acts on control characters; what an archive holds is not for it to act on. */
function refuseBinary(chunk: Uint8Array): void {
  const isText = chunk.every((byte) =>
    byte >= 0x20 && byte !== 0x7f ? true : byte === 9 || byte === 10 || byte === 13,
  );
  if (isText) return;
  throw new OperatorError("refused", "BINARY_TO_TERMINAL", "this file is no plain text", {
    hint: "send it to a file: add > FILE, or give a folder with --output",
  });
}
