/**
 * What a K3s server tells others on its port: its authority to anybody
 * (`/cacerts`), the members of its etcd to whoever has the token (`/db/info`,
 * k3s pkg/etcd/etcd.go infoHandler).
 */
import * as v from "valibot";
import { Buffer } from "node:buffer";
import { caHash } from "../datastore/ca-hash.ts";
import { OperatorError, messageOf } from "../errors.ts";
import { httpsGet } from "../sys/https.ts";
import type { HttpsAnswer } from "../sys/https.ts";
import type { Host } from "../sys/host.ts";

const TIMEOUT = 10_000;

const infoSchema = v.object({
  members: v.array(
    v.object({
      ID: v.string(),
      name: v.optional(v.string(), ""),
      peerURLs: v.optional(v.array(v.string()), []),
      isLearner: v.optional(v.boolean(), false),
    }),
  ),
});

export interface RemoteMember {
  /** 16 hex digits, as in the database. */
  readonly id: string;
  readonly name: string;
  readonly peerUrls: readonly string[];
  readonly isLearner: boolean;
}

export interface RemoteAuthority {
  readonly pem: string;
  /** As a `K10…` token has it. */
  readonly hash: string;
}

/** Asks without trust. Throws an OperatorError `RESTORED_SILENT` (exit precondition) when nobody answers as K3s does. */
export async function fetchAuthority(host: Host, url: string): Promise<RemoteAuthority> {
  const { status, body } = await get(host, { url, path: "/cacerts", authority: undefined });
  if (status !== 200 || !body.includes("BEGIN CERTIFICATE")) {
    throw silent(url, `/cacerts answers with ${status}`);
  }
  return { pem: body, hash: caHash(body) };
}

/**
 * The members of the etcd behind a server; undefined when it does not take the
 * password. The password goes only to a server of this authority. Throws an
 * OperatorError `RESTORED_SILENT` when there is no answer, `RESTORED_NO_QUORUM`
 * when its etcd does not give any.
 */
export async function remoteMembers(
  host: Host,
  url: string,
  access: { readonly authority: string; readonly password: string },
): Promise<RemoteMember[] | undefined> {
  const authorization = `Basic ${Buffer.from(`server:${access.password}`).toString("base64")}`;
  const { status, body } = await get(host, {
    url,
    path: "/db/info",
    authority: access.authority,
    headers: { authorization },
  });
  if (status === 401 || status === 403) return undefined;
  if (status !== 200) {
    throw new OperatorError(
      "precondition",
      "RESTORED_NO_QUORUM",
      `the server at ${url} answers, but its etcd does not (status ${status})`,
      { hint: "look there first: journalctl -u k3s; is that server restored and well?" },
    );
  }
  return parseMembers(url, body);
}

function parseMembers(url: string, body: string): RemoteMember[] {
  // Ids are u64: JSON.parse would round them.
  const exact = body.replaceAll(/"ID":\s*(\d+)/g, '"ID":"$1"');
  let parsed: unknown;
  try {
    parsed = JSON.parse(exact);
  } catch {
    parsed = undefined;
  }
  const result = v.safeParse(infoSchema, parsed);
  if (!result.success) throw silent(url, "/db/info gives no list of members");
  return result.output.members.map(({ ID, name, peerURLs, isLearner }) => ({
    id: BigInt(ID).toString(16).padStart(16, "0"),
    name,
    peerUrls: peerURLs,
    isLearner,
  }));
}

async function get(
  host: Host,
  ask: {
    readonly url: string;
    readonly path: string;
    readonly authority: string | undefined;
    readonly headers?: Readonly<Record<string, string>>;
  },
): Promise<HttpsAnswer> {
  const { url, path, ...options } = ask;
  try {
    return await httpsGet(`${url}${path}`, { ...options, timeout: TIMEOUT, signal: host.signal });
  } catch (error) {
    host.signal.throwIfAborted();
    throw silent(url, messageOf(error), error);
  }
}

function silent(url: string, why: string, cause?: unknown): OperatorError {
  return new OperatorError(
    "precondition",
    "RESTORED_SILENT",
    `no K3s server answers at ${url} (${why})`,
    {
      hint: "give the address of the restored server as its own restore printed it; K3s has to run there: systemctl status k3s",
      cause,
    },
  );
}
