/** One bare server on which the rows of k3s-observed.md are acted out, one after the other. */
import { startBareServer } from "../server.ts";
import type { BareServer, BareServerOptions } from "../server.ts";

export const DATA = "/var/lib/rancher/k3s";
const BASE = "/root/base";
const LOG = "/tmp/k3s.log";
/** The good snapshot. */
export const RESTORE = "--cluster-reset-restore-path=/root/good.snap";
/** What K3s says of a token that is not the datastore's. */
export const DIFFERENT =
  'level=fatal msg="bootstrap data already found and encrypted with different token"';
/** Saves time; no row is about controllers. */
const LEAN = [
  "--disable-controller-manager",
  "--disable-scheduler",
  "--disable=traefik,coredns,local-storage",
];

export interface Outcome {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
  /** stderr without the JSON lines of etcd and the klog lines of Kubernetes. */
  readonly said: string;
}

export interface StartOutcome {
  readonly state: "ready" | "exited" | "hangs";
  readonly exitCode: number | undefined;
  readonly said: string;
}

export interface Stage extends AsyncDisposable {
  readonly server: BareServer;
  /** The password of the server token. */
  readonly secret: string;
  /** A good snapshot that holds the config map `before` and not `after`. */
  readonly snapshot: string;
  /** The data dir as after a clean stop, and a configuration of these lines. */
  pristine(config?: string): Promise<void>;
  /** No data dir at all: a new host. */
  newHost(config?: string): Promise<void>;
  reset(args?: readonly string[], env?: Readonly<Record<string, string>>): Promise<Outcome>;
  /** `k3s server` by hand; stays up when ready until `stop`. */
  plain(
    args?: readonly string[],
    how?: { readonly patience?: number; readonly env?: Readonly<Record<string, string>> },
  ): Promise<StartOutcome>;
  /** SIGTERM; gives the exit code. */
  stop(): Promise<number>;
  sh(script: string): Promise<Outcome>;
  /** Names of a folder under the data dir, times replaced: `etcd-old-N`. */
  names(folder: string): Promise<string[]>;
  /** Names of the config maps in `default` that a test made. */
  objects(): Promise<string[]>;
  /** What server/token and cred/passwd say, the hash left out. */
  tokens(): Promise<{ readonly token: string; readonly passwd: string }>;
}

/** Starts a cluster, makes `before`, a snapshot, then `after`, stops it and keeps a copy of the data dir. */
export async function openStage(options: BareServerOptions = {}): Promise<Stage> {
  const server = await startBareServer({ executable: null, helm: false, ...options });
  const stage = stageOn(
    server,
    server.read(`${DATA}/server/cred/passwd`).split("\n")[1]?.split(",")[0] ?? "",
  );
  await server.kubectl("create", "configmap", "before");
  if (server.datastore === "etcd") {
    await server.must(
      "k3s etcd-snapshot save --name base && mv /var/lib/rancher/k3s/server/db/snapshots/base-* /root/good.snap",
    );
  }
  await server.kubectl("create", "configmap", "after");
  await server.stopCluster();
  await server.must(["systemctl", "mask", "--runtime", "--now", "k3s"]);
  await server.must(
    `cp -a --sparse=always ${DATA} ${BASE} && rm -f ${BASE}/server/kine.sock && mv /etc/rancher/k3s/config.yaml /root/config.yaml`,
  );
  return stage;
}

function stageOn(server: BareServer, secret: string): Stage {
  let running:
    | { readonly done: Promise<{ exitCode: number }>; signal(name: NodeJS.Signals): void }
    | undefined;
  const configure = (config: string): void => {
    server.write("/etc/rancher/k3s/config.yaml", config);
  };
  const clean = `rm -rf ${DATA} /etc/rancher/k3s; mkdir -p /etc/rancher/k3s`;
  const sh = async (
    script: string,
    env: Readonly<Record<string, string>> = {},
  ): Promise<Outcome> => {
    const result = await server.run(script, { env, timeout: 90_000 });
    return { ...result, said: said(result.stderr) };
  };
  return {
    server,
    secret,
    snapshot: "/root/good.snap",
    async pristine(config = "") {
      await server.must(`${clean}; cp -a --sparse=always ${BASE} ${DATA}`);
      configure(config);
    },
    async newHost(config = "") {
      await server.must(`${clean}; mkdir -p ${DATA}`);
      configure(config);
    },
    reset: (args = ["--cluster-reset-restore-path=/root/good.snap"], env = {}) =>
      sh(`timeout 60 k3s server --cluster-reset ${args.map(quoted).join(" ")}`, env),
    async plain(args = [], how = {}) {
      const line = ["exec", "k3s", "server", ...LEAN, ...args].map(quoted).join(" ");
      server.write(LOG, "");
      const started = server.start(`${line} >${LOG} 2>&1`, {
        env: how.env ?? {},
        timeout: 300_000,
      });
      let exitCode: number | undefined;
      void started.done.then((result) => (exitCode = result.exitCode));
      const until = Date.now() + (how.patience ?? 30_000);
      while (exitCode === undefined && Date.now() < until) {
        if (server.read(LOG).includes("k3s is up and running")) break;
        await Bun.sleep(50);
      }
      running = started;
      const ready = server.read(LOG).includes("k3s is up and running");
      return {
        state: exitCode !== undefined ? "exited" : ready ? "ready" : "hangs",
        exitCode,
        said: said(server.read(LOG)),
      };
    },
    async stop() {
      running?.signal("SIGTERM");
      return (await running?.done)?.exitCode ?? -1;
    },
    sh,
    async names(folder) {
      const { stdout } = await sh(`ls -A ${DATA}/${folder}`);
      return stdout
        .split("\n")
        .filter((name) => name !== "")
        .map((name) => name.replace(/-\d{10}/, "-N"));
    },
    async objects() {
      const names = await server.kubectl("get", "configmap", "--output=name");
      return names
        .split("\n")
        .map((name) => name.replace("configmap/", ""))
        .filter((name) => name !== "" && name !== "kube-root-ca.crt");
    },
    async tokens() {
      const { stdout } = await sh(
        `cat ${DATA}/server/token; grep -o '^[^,]*,server' ${DATA}/server/cred/passwd`,
      );
      const [token = "", passwd = ""] = stdout.split("\n");
      return {
        token: token.replace(/^K10[^:]*::server:/, ""),
        passwd: passwd.replace(",server", ""),
      };
    },
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
    },
  };
}

function quoted(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}

function said(text: string): string {
  return text
    .split("\n")
    .filter((line) => line.startsWith("time="))
    .join("\n");
}

/** Tells the client CA from another one. */
export function authorityOf({ server }: Stage): Promise<string> {
  return server.must(`md5sum < ${DATA}/server/tls/client-ca.crt`);
}

/** The same of the cluster whose snapshot it is. */
export function baseAuthorityOf({ server }: Stage): Promise<string> {
  return server.must(`md5sum < ${BASE}/server/tls/client-ca.crt`);
}
