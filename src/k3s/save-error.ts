/** What K3s means when it does not save a snapshot, as one sentence. */
import { OperatorError } from "../errors.ts";
import { tailOf } from "../sys/exec.ts";
import { field, itemsIn } from "./json.ts";
import type { Host } from "../sys/host.ts";
import type { RunResult } from "../sys/exec.ts";
import type { Settings } from "./settings.ts";

const LOOK_AT_LOG = "the reason is in: journalctl -u k3s";

/**
 * Exit 0, no "saved": the reason is then in the ETCDSnapshotFile object
 * (k3s-observed.md 2), which may come late, and in the log.
 */
export async function silentFailure(
  host: Host,
  settings: Settings,
  name: string,
): Promise<OperatorError> {
  const reason =
    (await recordedReason(host, settings, name)) ??
    (await afterInLog(host, "Failed to take etcd snapshot: "));
  const why = reason === undefined ? "" : `: ${reason}`;
  return failed("SNAPSHOT_SILENT", `k3s reported success but wrote no snapshot${why}`, {
    hint: `nothing was changed; check the free space of ${settings.snapshotDir} (df -h), and journalctl -u k3s, then run this again`,
  });
}

async function recordedReason(
  host: Host,
  settings: Settings,
  name: string,
): Promise<string | undefined> {
  const result = await host.run(
    [
      settings.k3s,
      "kubectl",
      "get",
      "etcdsnapshotfiles.k3s.cattle.io",
      "-o",
      "json",
      "--request-timeout=10s",
      `--kubeconfig=${settings.kubeconfig}`,
    ],
    { timeout: 20_000 },
  );
  return result.exitCode === 0 ? reasonIn(result.stdout, name) : undefined;
}

/** The newest error among the ETCDSnapshotFile objects whose snapshot name starts with `name`. */
export function reasonIn(text: string, name: string): string | undefined {
  let list: unknown;
  try {
    list = JSON.parse(text);
  } catch {
    return undefined;
  }
  for (const item of itemsIn(list).reverse()) {
    const spec = field(item, "spec");
    const message = field(field(field(item, "status"), "error"), "message");
    const snapshot = field(spec, "snapshotName");
    if (typeof snapshot === "string" && snapshot.startsWith(name) && typeof message === "string") {
      return message;
    }
  }
  return undefined;
}

interface Case {
  readonly matches: RegExp;
  readonly code: string;
  readonly message: (settings: Settings, said: string) => string;
  readonly hint: string;
}

/** Words of K3s 1.36 (k3s-observed.md 2), the first that fits. */
const CASES: readonly Case[] = [
  {
    matches: /connection refused|failed to get CA certs/,
    code: "K3S_DOWN",
    message: ({ httpsPort }) => `k3s does not answer on port ${httpsPort}`,
    hint: "start it (systemctl start k3s), wait until it is ready, then run this again",
  },
  {
    matches: /\/token: no such file/,
    code: "TOKEN_FILE_MISSING",
    message: ({ dataDir }) => `there is no server token below ${dataDir}`,
    hint: "give K3s's data folder with --data-dir; if it is the right one: systemctl restart k3s writes the token again",
  },
  {
    matches: /etcd datastore disabled/,
    code: "DATASTORE_UNSUPPORTED",
    message: () => "this K3s does not run on embedded etcd",
    hint: "is db/etcd an old copy beside SQLite? What runs is in: journalctl -u k3s",
  },
  {
    matches: /not authorized|does not match the Cluster CA|invalid token/,
    code: "TOKEN_REFUSED",
    message: ({ dataDir }, said) => `k3s refuses the token in ${dataDir}/server/token (${said})`,
    hint: "after k3s token rotate, K3s must be restarted once; otherwise put the cluster's own token back",
  },
];

/** The sentence for a save that did not end with 0. */
export async function saveError(
  host: Host,
  settings: Settings,
  result: RunResult,
): Promise<OperatorError> {
  if (result.timedOut) {
    return failed("SNAPSHOT_TIMEOUT", "k3s etcd-snapshot save did not end within 20 minutes", {
      hint: "look at: journalctl -u k3s; k3s may still write it, the next backup removes it then",
    });
  }
  const text = stripColour(result.stderr);
  const said =
    /(?:msg=")?(?:Error: )((?:[^"\\]|\\.)+)/
      .exec(text)?.[1]
      ?.replaceAll('\\"', '"')
      .replace("see server log for details: ", "") ?? tailOf(result);
  const known = CASES.find(({ matches }) => matches.test(text));
  if (known !== undefined) {
    return failed(known.code, known.message(settings, said), { hint: known.hint });
  }
  if (/already in progress/.test(text)) return busy();
  const id = /error ID (\d+)/.exec(text)?.[1];
  if (id === undefined) {
    const why = said === "" ? `exit ${result.exitCode}` : said;
    return failed("SNAPSHOT_FAILED", `k3s etcd-snapshot save failed (${why})`, {
      hint: LOOK_AT_LOG,
    });
  }
  // K3s tells its client only a number, and its log the reason beside it.
  const reason = await afterInLog(host, `error ID ${id}: `);
  if (reason === undefined) {
    return failed("SNAPSHOT_UNEXPLAINED", `k3s could not save a snapshot (${said})`, {
      hint: LOOK_AT_LOG,
    });
  }
  if (reason.includes("already in progress")) return busy();
  return failed("SNAPSHOT_FAILED", `k3s could not save a snapshot: ${reason}`, {
    hint: "mend that, then run this again; more is in: journalctl -u k3s",
  });
}

function busy(): OperatorError {
  return failed("SNAPSHOT_BUSY", "k3s has been taking another snapshot all the time", {
    hint: "see which one: k3s etcd-snapshot ls, and journalctl -u k3s; then run this again",
  });
}

/** What stands behind `words` in the last line of K3s's log that holds them; undefined when there is none to be read. */
async function afterInLog(host: Host, words: string): Promise<string | undefined> {
  try {
    const result = await host.run(
      ["journalctl", "-u", "k3s", "--since=-10min", "-o", "cat", "--no-pager", "-n", "2000"],
      { timeout: 10_000 },
    );
    const line = result.stdout.split("\n").findLast((one) => one.includes(words));
    return line
      ?.slice(line.indexOf(words) + words.length)
      .replace(/"\s*$/, "")
      .replaceAll('\\"', '"');
  } catch (error) {
    if (error instanceof OperatorError && error.code === "TOOL_MISSING") return undefined;
    throw error;
  }
}

function failed(code: string, message: string, options: { readonly hint: string }): OperatorError {
  return new OperatorError("precondition", code, message, options);
}

/** Without the colour codes K3s prints on a terminal. */
export function stripColour(text: string): string {
  // oxlint-disable-next-line no-control-regex -- that is what they are
  return text.replace(/\u001b\[[0-9;]*m/g, "");
}
