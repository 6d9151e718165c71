/** PostgreSQL as a StatefulSet of two and pgpool as a Deployment, on a lab server that runs pods. */
import { readFileSync } from "node:fs";
import type { BareServer } from "../../lab/server.ts";

const NAMESPACE = "db";
/** The pool as a drill file names it. */
export const POOL = "pgpool.db:5432";
/** Of the service network's static part; pods know them by /etc/hosts, for the lab has no DNS. */
const ADDRESSES = { "pg-0": "10.43.0.101", "pg-1": "10.43.0.102" };
const HOSTS = `127.0.0.1 localhost\n${Object.entries(ADDRESSES)
  .map(([name, address]) => `${address} ${name}\n`)
  .join("")}`;

function script(name: string): string {
  return readFileSync(new URL(name, import.meta.url), "utf8");
}

function named(kind: string, name: string, rest: Readonly<Record<string, unknown>>) {
  const apiVersion = ["StatefulSet", "Deployment"].includes(kind) ? "apps/v1" : "v1";
  return { apiVersion, kind, metadata: { name, namespace: NAMESPACE }, ...rest };
}

const POD_FIELDS = [
  { name: "POD_NAME", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } },
  { name: "POD_IP", valueFrom: { fieldRef: { fieldPath: "status.podIP" } } },
];
const FILES = { name: "files", configMap: { name: "files" } };
const MOUNTS = [
  { name: "files", mountPath: "/etc/hosts", subPath: "hosts" },
  { name: "files", mountPath: "/scripts" },
];

/** A pod's template. The user is `postgres`, for neither program runs as root. */
function template(
  app: string,
  input: {
    readonly user: number;
    readonly container: Readonly<Record<string, unknown>>;
    readonly volumes: readonly unknown[];
    readonly mounts: readonly unknown[];
    readonly env?: readonly unknown[];
  },
) {
  return {
    metadata: { labels: { app, "app.kubernetes.io/instance": "pg", "railiance.io/drill": "yes" } },
    spec: {
      terminationGracePeriodSeconds: 5,
      securityContext: { runAsUser: input.user },
      containers: [
        {
          name: app,
          image: "lab",
          env: [...POD_FIELDS, ...(input.env ?? [])],
          volumeMounts: [...MOUNTS, ...input.mounts],
          ...input.container,
        },
      ],
      volumes: [FILES, ...input.volumes],
    },
  };
}

function objects(user: number, password: string) {
  const ask = 'exec /usr/lib/postgresql/15/bin/pg_isready -q -h "$POD_IP"';
  const database = template("pg", {
    user,
    container: {
      command: ["sh", "/scripts/start-postgres.sh"],
      readinessProbe: { exec: { command: ["sh", "-c", ask] }, periodSeconds: 1, timeoutSeconds: 5 },
    },
    volumes: [{ name: "data", hostPath: { path: "/var/lib/pods-data" } }],
    mounts: [{ name: "data", mountPath: "/data", subPathExpr: "$(POD_NAME)" }],
  });
  const pool = template("pgpool", {
    user,
    container: {
      command: ["sh", "/scripts/start-pgpool.sh"],
      readinessProbe: { tcpSocket: { port: 5432 }, periodSeconds: 1, timeoutSeconds: 5 },
    },
    env: [
      {
        name: "SR_CHECK_PASSWORD",
        valueFrom: { secretKeyRef: { name: "pgpool", key: "sr-check-password" } },
      },
    ],
    volumes: [{ name: "pool", emptyDir: {} }],
    mounts: [{ name: "pool", mountPath: "/pool" }],
  });
  return [
    { apiVersion: "v1", kind: "Namespace", metadata: { name: NAMESPACE } },
    named("Secret", "pgpool", { stringData: { "sr-check-password": password } }),
    named("ConfigMap", "files", {
      data: {
        hosts: HOSTS,
        "start-postgres.sh": script("start-postgres.sh"),
        "start-pgpool.sh": script("start-pgpool.sh"),
      },
    }),
    ...Object.entries(ADDRESSES).map(([pod, clusterIP]) =>
      named("Service", pod, {
        spec: {
          clusterIP,
          // A standby copies from a primary, and a primary is asked, before either is ready.
          publishNotReadyAddresses: true,
          selector: { "statefulset.kubernetes.io/pod-name": pod },
          ports: [{ port: 5432 }],
        },
      }),
    ),
    named("Service", "pg", {
      spec: { clusterIP: "None", selector: { app: "pg" }, ports: [{ port: 5432 }] },
    }),
    named("Service", "pgpool", { spec: { selector: { app: "pgpool" }, ports: [{ port: 5432 }] } }),
    named("StatefulSet", "pg", {
      spec: {
        serviceName: "pg",
        replicas: 2,
        podManagementPolicy: "Parallel",
        selector: { matchLabels: { app: "pg" } },
        template: database,
      },
    }),
    named("Deployment", "pgpool", {
      spec: { replicas: 1, selector: { matchLabels: { app: "pgpool" } }, template: pool },
    }),
  ];
}

/** Both databases run and stream, and the pool is ready, with that password in its Secret; the right one is `right`. */
export async function startPostgres(server: BareServer, password: string): Promise<void> {
  const user = Number((await server.must(["id", "-u", "postgres"])).trim());
  const list = { apiVersion: "v1", kind: "List", items: objects(user, password) };
  server.write("/root/postgres.json", JSON.stringify(list));
  await server.kubectl("apply", "-f", "/root/postgres.json");
  await rolledOut(server, "statefulset/pg");
  const role = "create role srcheck login password 'right' in role pg_monitor";
  await sql(server, "pg-0", role);
  await rolledOut(server, "deployment/pgpool");
}

/** Waits until the pool knows a primary and a standby that streams. */
export async function untilWell(server: BareServer): Promise<void> {
  const deadline = performance.now() + 120_000;
  let nodes = "";
  while (!/\|primary\|primary\|/.test(nodes) || !nodes.includes("streaming")) {
    if (performance.now() > deadline) throw new Error(`the pool was never well: ${nodes}`);
    await new Promise((resolve) => setTimeout(resolve, 300));
    // The pool answers a moment later than it is ready, or hangs up while it turns around.
    nodes = await sql(server, "deployment/pgpool", "show pool_nodes").catch(String);
  }
}

/** A new password in the Secret, and a pool that has read it. */
export async function setPassword(server: BareServer, password: string): Promise<void> {
  // A pool that starts without the primary never takes it back: only standbys fail back.
  await rolledOut(server, "statefulset/pg");
  const patch = JSON.stringify({ stringData: { "sr-check-password": password } });
  await server.kubectl("-n", NAMESPACE, "patch", "secret", "pgpool", "-p", patch);
  await server.kubectl("-n", NAMESPACE, "rollout", "restart", "deployment/pgpool");
  await rolledOut(server, "deployment/pgpool");
}

function rolledOut(server: BareServer, what: string): Promise<string> {
  return server.kubectl("-n", NAMESPACE, "rollout", "status", what, "--timeout=180s");
}

/** SQL in a database's pod. Gives unaligned rows. */
export async function sql(server: BareServer, pod: string, text: string): Promise<string> {
  const command = 'exec psql -XAt -v ON_ERROR_STOP=1 -h "$POD_IP" -U postgres -d postgres -c "$0"';
  return await server.kubectl("-n", NAMESPACE, "exec", pod, "--", "sh", "-c", command, text);
}
