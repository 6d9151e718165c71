/** `k3s token rotate` and `k3s secrets-encrypt status`: the client's side. */
import { field } from "./api.ts";
import { connect, tokenFrom } from "./client.ts";
import { configurationArguments } from "./config.ts";
import { parseFlags, text, UsageError, usageText } from "./flags.ts";
import type { Flags, FlagSpec } from "./flags.ts";
import { fatal, FrontError, textOf } from "./log.ts";
import { defaultDataDir, pathsOf } from "./paths.ts";

const FLAGS: readonly FlagSpec[] = [
  text("config c", "K3S_CONFIG_FILE"),
  text("data-dir d", "K3S_DATA_DIR"),
  text("token t", "K3S_TOKEN"),
  text("server s", "K3S_URL", "https://127.0.0.1:6443"),
  text("new-token", "K3S_NEW_TOKEN"),
  text("kubeconfig"),
];

/** `k3s token …`; ends the process itself on failure. */
export function tokenCommand(args: readonly string[]): Promise<void> {
  const [verb = "", ...rest] = args;
  return guarded(`token ${verb}`, rest, async (flags) => {
    if (verb === "list") {
      process.stdout.write("TOKEN     TTL       EXPIRES   USAGES    DESCRIPTION   EXTRA GROUPS\n");
      return;
    }
    if (verb !== "rotate") throw new UsageError(`No help topic for '${verb}'`);
    const server = await connectWith(flags);
    process.stdout.write(
      "\u001b[33mWARNING\u001b[0m: Recommended to keep a record of the old token. If restoring from a snapshot, you must use the token associated with that snapshot.\n",
    );
    await asked(() => server.post("/v1-k3s/token", { newToken: flags.text("new-token") }));
    process.stdout.write("Token rotated, restart k3s nodes with new token\n");
  });
}

/** `k3s secrets-encrypt status`; ends the process itself on failure. */
export function encryptCommand(args: readonly string[]): Promise<void> {
  const [verb = "", ...rest] = args;
  return guarded(`secrets-encrypt ${verb}`, rest, async (flags) => {
    if (verb !== "status")
      throw new UsageError(`No help topic for '${verb}' (the lab has status only)`);
    const server = await connectWith(flags);
    const status = await asked(() => server.get("/v1-k3s/encrypt/status"));
    if (field(status, "enable") !== true) {
      process.stdout.write("Encryption Status: Disabled, no configuration file found\n");
      return;
    }
    process.stdout.write(
      `Encryption Status: Enabled
Current Rotation Stage: ${String(field(status, "stage"))}
Server Encryption Hashes: All hashes match

Active  Key Type  Name
------  --------  ----
 *      ${String(field(status, "type"))}   ${String(field(status, "key"))}
`,
    );
  });
}

function connectWith(flags: Flags) {
  const paths = pathsOf(flags.text("data-dir") || defaultDataDir());
  return connect(flags.text("server"), { token: flags.text("token") || tokenFrom(paths.token) });
}

async function asked(action: () => Promise<unknown>): Promise<unknown> {
  try {
    return await action();
  } catch (error) {
    throw new FrontError(`see server log for details: ${textOf(error)}`);
  }
}

async function guarded(
  name: string,
  args: readonly string[],
  action: (flags: Flags) => Promise<void>,
): Promise<void> {
  try {
    await action(parseFlags(FLAGS, [...configurationArguments(FLAGS, args), ...args]));
  } catch (error) {
    if (error instanceof UsageError) process.stdout.write(usageText(name, FLAGS));
    if (error instanceof FrontError) fatal(`Error: ${textOf(error)}`);
    throw error;
  }
}
