/** Which token the agents have at a reset. */
import { writeFileAtomic } from "../sys/atomic.ts";
import { namesAgentToken } from "./fit-pins.ts";
import type { ResetFiles } from "../k3s/reset.ts";
import type { Settings } from "../k3s/settings.ts";

/**
 * The agents' token as the bootstrap data has it, whatever configuration and flags
 * say: a reset writes `cred/passwd`, and when that is not the database's own, the
 * next start takes it for newer and ends (k3s-observed.md 15). Without one of their
 * own (`agentToken` undefined) it is the server's, and only a setting that says
 * otherwise has to be overruled.
 */
export async function agentTokenFor(
  settings: Settings,
  from: {
    /** Where an entry of the archive is laid out. */
    readonly staged: (entry: string) => string;
    /** Entry of the server's token. */
    readonly serverToken: string;
    readonly agentToken: string | undefined;
  },
): Promise<Pick<ResetFiles, "agentTokenFile">> {
  const { staged, agentToken } = from;
  if (agentToken === undefined) {
    return namesAgentToken(settings) ? { agentTokenFile: staged(from.serverToken) } : {};
  }
  const path = staged("fitted-agent-token");
  await writeFileAtomic(path, `${agentToken}\n`);
  return { agentTokenFile: path };
}
