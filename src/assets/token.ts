/** The server token that opens this snapshot, and the agent token where it is one of its own. */
import { linkStatOf, readTextIfPresent } from "../sys/files.ts";
import type { Asset } from "./asset.ts";
import type { Settings } from "../k3s/settings.ts";

/** Where the server token is in every archive. */
export const TOKEN_ENTRY = "k3s/token";
export const AGENT_TOKEN_ENTRY = "k3s/agent-token";

/** `token` is the one that was seen to open the bootstrap data. */
export function tokenAsset(settings: Settings, token: string): Asset {
  return {
    name: "tokens",
    async collect(_source, collector) {
      await collector.add(
        {
          path: TOKEN_ENTRY,
          kind: "token",
          mode: 0o600,
          source: `${settings.dataDir}/server/token`,
        },
        `${token}\n`,
      );
      // Without an agent token of its own it is a link to server/token (k3s-observed.md 1, 15).
      const path = `${settings.dataDir}/server/agent-token`;
      if (!(await linkStatOf(path))?.isFile()) return "server token";
      const agentToken = await readTextIfPresent(path);
      if (agentToken === undefined) return "server token";
      await collector.add(
        { path: AGENT_TOKEN_ENTRY, kind: "agent-token", mode: 0o600, source: path },
        agentToken,
      );
      return "server and agent token";
    },
  };
}
