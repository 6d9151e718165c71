/** What K3s's etcd does beside serving: the leader makes learners voters, and `/db/info` names the members (pkg/etcd/etcd.go). */
import { etcdctl } from "./etcd.ts";
import { log } from "./log.ts";
import type { Settings } from "./settings.ts";
import type { Answer } from "./supervisor.ts";

/** K3s looks every 5 s. */
const INTERVAL = 3_000;

/** On the leader: promotes whoever has caught up; also a server that was killed between joining and that. */
export function startManagingLearners(settings: Settings): void {
  let busy = false;
  setInterval(() => {
    if (busy) return;
    busy = true;
    promoteLearners(settings)
      .catch(() => log.error("Failed to check local etcd status for learner management"))
      .finally(() => (busy = false));
  }, INTERVAL);
}

async function promoteLearners(settings: Settings): Promise<void> {
  const list = ["member", "list", "--write-out=simple", "--command-timeout=2s"];
  const { exitCode, stdout } = await etcdctl(settings, list);
  const learners = stdout.split("\n").filter((line) => line.endsWith(", true"));
  if (exitCode !== 0 || learners.length === 0 || !(await isLeader(settings))) return;
  for (const line of learners) {
    // Refused while it has not caught up; then it is tried again.
    const promoted = await etcdctl(settings, ["member", "promote", line.split(", ")[0] ?? ""]);
    if (promoted.exitCode === 0) log.info(`Promoted learner ${line.split(", ")[2] ?? ""}`);
  }
}

async function isLeader(settings: Settings): Promise<boolean> {
  const { stdout } = await etcdctl(settings, ["endpoint", "status", "--write-out=fields"]);
  const [, member = "?"] = /"MemberID" : (\d+)/.exec(stdout) ?? [];
  return stdout.includes(`"Leader" : ${member}\n`);
}

/** `{ members: [{ ID, name, peerURLs, clientURLs, isLearner }] }`, ids as numbers of 64 bits. */
export async function memberInfo(settings: Settings): Promise<Answer> {
  const { exitCode, stdout } = await etcdctl(settings, [
    "member",
    "list",
    "--write-out=json",
    "--command-timeout=2s",
  ]);
  if (exitCode !== 0) return { status: 500, body: "failed to get etcd MemberList" };
  // Not through JSON.parse: it would round the ids.
  const members = stdout.slice(stdout.indexOf('"members":') + 10).replace(/\}\s*$/, "");
  return { status: 200, body: new RawJson(`{"members":${members}}`) };
}

/** JSON that is sent as it stands. */
export class RawJson {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}
