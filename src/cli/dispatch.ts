/** citty finds the command and runs it; what it would let pass, our own parser refuses (facts/style.md 5). */
import { defineCommand, runCommand } from "citty";
import { PROGRAM } from "../version.ts";
import { parseInput } from "./argv.ts";
import type { CommandDef } from "citty";
import type { Command, CommandContext, Outcome } from "./command.ts";

/**
 * Runs `argv` (command name first) and returns its outcome, which citty itself
 * would lose. Throws the OperatorErrors of `parseInput` and of the command.
 */
export async function dispatch(
  argv: readonly string[],
  options: { readonly commands: readonly Command[]; readonly context: CommandContext },
): Promise<Outcome> {
  const outcomes: Outcome[] = [];
  const define = (command: Command): CommandDef =>
    defineCommand({
      meta: { name: command.name, description: command.summary },
      async run({ rawArgs }) {
        outcomes.push(await command.run(parseInput(rawArgs, command), options.context));
      },
    });
  const main = defineCommand({
    meta: { name: PROGRAM },
    subCommands: Object.fromEntries(
      options.commands.map((command) => [command.name, define(command)]),
    ),
  });
  await runCommand(main, { rawArgs: [...argv] });
  const [outcome] = outcomes;
  if (outcome === undefined) throw new TypeError(`no command ran for ${argv[0] ?? ""}`);
  return outcome;
}
