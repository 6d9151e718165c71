/** Whether this server has become a voter of the restored cluster: ready alone is not enough, an empty cluster is ready too. */
import { tokenPassword } from "../datastore/bootstrap.ts";
import { OperatorError } from "../errors.ts";
import { field } from "../k3s/json.ts";
import { joinRefusal } from "../k3s/join-refusal.ts";
import { kubectlJson } from "../k3s/kubectl.ts";
import { localMembership } from "../k3s/members.ts";
import { untilReady } from "../k3s/ready.ts";
import { lastServiceLines, waitFor } from "../k3s/service.ts";
import { readSettings } from "../k3s/settings.ts";
import { fetchAuthority, remoteMembers } from "../k3s/supervisor.ts";
import { findTokens } from "../k3s/tokens.ts";
import type { Settings } from "../k3s/settings.ts";
import type { RemoteMember } from "../k3s/supervisor.ts";
import type { Context } from "./context.ts";
import type { RestorePlan } from "./journal.ts";

type Join = NonNullable<RestorePlan["join"]>;

/** A learner has to catch up first, and K3s looks every few seconds. */
const VOTER_TIMEOUT = 180_000;

/**
 * Waits until K3s is ready, its member a voter by the restored server's list and
 * by the database here, and the data the restored server's. Returns what was
 * seen; throws an OperatorError `HEALTH` or `JOIN_REFUSED` with the reason.
 */
export async function untilVoter(
  context: Context,
  { dataDir, join }: { readonly dataDir: string; readonly join: Join },
): Promise<string> {
  const { host } = context;
  const settings = await readSettings({ dataDir });
  const problem = await untilReady(host, settings);
  if (problem !== undefined) throw await notReady(context, { join, problem });
  let missing = "";
  const seen = await waitFor(
    host,
    async () => {
      const found = await whatIsMissing(context, { settings, join });
      missing = found ?? "";
      return found === undefined ? true : undefined;
    },
    { timeout: VOTER_TIMEOUT, interval: 1_000 },
  );
  if (seen !== true) {
    throw new OperatorError(
      "error",
      "HEALTH",
      `K3s is ready, but it did not join ${join.url}: ${missing}`,
      { hint: "look at: journalctl -u k3s" },
    );
  }
  const members = (await localMembership(dataDir))?.members.length ?? 0;
  return `voter among ${members} members, same data as ${join.url}`;
}

async function notReady(
  context: Context,
  { join, problem }: { readonly join: Join; readonly problem: string },
): Promise<OperatorError> {
  const refusal = joinRefusal(await lastServiceLines(context.host, 300));
  if (refusal === undefined) {
    return new OperatorError("error", "HEALTH", `K3s did not join ${join.url}: ${problem}`, {
      hint: "look at: journalctl -u k3s",
    });
  }
  return new OperatorError("error", "JOIN_REFUSED", `${join.url}: ${refusal.message}`, {
    hint: `${refusal.hint}, then again: railiance-cluster restore --peer ${join.url}`,
  });
}

/** A phrase; undefined when everything is as it must be. */
async function whatIsMissing(
  context: Context,
  { settings, join }: { readonly settings: Settings; readonly join: Join },
): Promise<string | undefined> {
  const here = await localMembership(settings.dataDir);
  if (here === undefined) return "it runs on a datastore of its own, which is empty";
  const { own } = here;
  if (own === undefined || here.members.length < 2) {
    return "its etcd is a cluster of its own, which is empty";
  }
  const list = await membersAt(context, { settings, join });
  if (typeof list === "string")
    return `the restored server could not be asked for its members (${list})`;
  const there = list.find(({ id }) => id === own.id);
  if (there === undefined) {
    const names = list.map(({ name, id }) => `${name} ${id}`).join(", ");
    return `the restored server does not have ${own.name} ${own.id} among its members (${names})`;
  }
  if (there.isLearner || !here.isVoter) return "it is a learner still, without a vote";
  try {
    return await dataDiffers(context, { settings, join });
  } catch (error) {
    if (error instanceof OperatorError) return error.message;
    throw error;
  }
}

/** The members by the restored server's list, or why there is none: it may be busy with a new member. */
async function membersAt(
  context: Context,
  { settings, join }: { readonly settings: Settings; readonly join: Join },
): Promise<readonly RemoteMember[] | string> {
  try {
    const authority = await fetchAuthority(context.host, join.url);
    for (const { token } of await findTokens(settings)) {
      const access = { authority: authority.pem, password: tokenPassword(token) };
      const members = await remoteMembers(context.host, join.url, access);
      if (members !== undefined) return members;
    }
    return "it takes none of the tokens of this host";
  } catch (error) {
    if (error instanceof OperatorError) return error.message;
    throw error;
  }
}

/** The node's own condition, and an object that both servers must have as the same one. */
async function dataDiffers(
  context: Context,
  { settings, join }: { readonly settings: Settings; readonly join: Join },
): Promise<string | undefined> {
  const read = (path: string, ...flags: readonly string[]): Promise<unknown> =>
    kubectlJson(context.host, settings, ["get", `--raw=${path}`, ...flags], { timeout: 15_000 });
  const node = await read(`/api/v1/nodes/${join.nodeName}`);
  if (conditionOf(node, "EtcdIsVoter") !== "True") {
    return `node ${join.nodeName} does not say EtcdIsVoter`;
  }
  const path = "/api/v1/namespaces/kube-system";
  const [here, there] = [await read(path), await read(path, `--server=${join.url}`)];
  const uid = (object: unknown): unknown => field(field(object, "metadata"), "uid");
  return uid(here) === uid(there) ? undefined : "its data is not that of the restored server";
}

function conditionOf(node: unknown, type: string): unknown {
  const conditions = field(field(node, "status"), "conditions");
  if (!Array.isArray(conditions)) return undefined;
  return field(
    conditions.find((one: unknown) => field(one, "type") === type),
    "status",
  );
}
