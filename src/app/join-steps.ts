/** The steps by which a server gives up its old database and joins the restored one; each can be run again after a cut. */
import { enableService } from "../k3s/service.ts";
import { ensureFolder } from "../sys/remove.ts";
import { COMMON_STEPS, putFiles } from "./restore-steps.ts";
import { stepsFor } from "./restore-act.ts";
import { TOKEN_FOLDER } from "./join-config.ts";
import { untilVoter } from "./join-voter.ts";
import type { Context } from "./context.ts";
import type { JournalState } from "./journal.ts";
import type { BoundStep } from "./restore-act.ts";
import type { HostInput, Step } from "./restore-steps.ts";

const { GUARD, STOP, ASIDE, START } = COMMON_STEPS;

const FINISH: Step<HostInput> = { ...COMMON_STEPS.FINISH, run: finish };

export const JOIN_STEPS: readonly Step<HostInput>[] = [
  GUARD,
  STOP,
  ASIDE,
  { name: "files", doing: "writing the configuration to join with", run: writeFiles },
  START,
  { name: "check", doing: "waiting for a vote in the restored cluster", run: check },
  FINISH,
];

async function writeFiles(input: HostInput): Promise<string> {
  const { files } = input.plan;
  if (files.some(({ target }) => target.startsWith(`${TOKEN_FOLDER}/`))) {
    await ensureFolder(TOKEN_FOLDER, 0o700);
  }
  await putFiles(input);
  return files.length === 0
    ? "its configuration is right as it is"
    : `written: ${files.map(({ target }) => target).join(", ")}`;
}

async function check({ context, plan }: HostInput): Promise<string> {
  const { dataDir, join } = plan;
  if (join === undefined) throw new TypeError("this journal is not of a server that joins");
  return await untilVoter(context, { dataDir, join });
}

/** Its unit was to be disabled before the restore, against the old data. */
async function finish(input: HostInput): Promise<string> {
  await enableService(input.context.host);
  return `${await COMMON_STEPS.FINISH.run(input)}, and starts at boot`;
}

/**
 * What is left after a cut. Once K3s was started here its database may hold a
 * vote: it is neither stopped nor moved again, K3s goes on with it.
 */
export function joinStepsLeft(context: Context, { plan, done }: JournalState): BoundStep[] {
  const again = ["guard", "start", "check", "finish"];
  if (!done.has("aside")) again.push("stop");
  const left = done.has("check")
    ? [START, FINISH]
    : JOIN_STEPS.filter(({ name }) => again.includes(name) || !done.has(name));
  return stepsFor(left, { context, plan });
}
