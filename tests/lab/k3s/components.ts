/** kine, kube-apiserver, controller-manager and scheduler with the flags K3s gives them. */
import type { ChildProcess } from "node:child_process";
import { existsSync } from "node:fs";
import { createConnection } from "node:net";
import { startPart } from "./parts.ts";
import type { Settings } from "./settings.ts";

/** Starts kine on `server/db/state.db` and waits for its socket; false when it ended before. */
export async function startKine(settings: Settings): Promise<ChildProcess> {
  const { paths } = settings;
  const kine = startPart(
    "kine",
    [
      "--endpoint=sqlite://",
      `--listen-address=unix://${paths.kineSocket}`,
      "--metrics-bind-address=0",
    ],
    // kine's default file is ./db/state.db.
    { cwd: paths.server },
  );
  while (kine.exitCode === null && !(await accepts(paths.kineSocket))) await Bun.sleep(50);
  return kine;
}

async function accepts(socket: string): Promise<boolean> {
  if (!existsSync(socket)) return false;
  return new Promise((resolve) => {
    const connection = createConnection(socket);
    connection.on("connect", () => {
      connection.destroy();
      resolve(true);
    });
    connection.on("error", () => resolve(false));
  });
}

/** The API server in front of etcd or kine. */
export function startApiServer(settings: Settings, datastore: "etcd" | "sqlite"): ChildProcess {
  const { paths, flags } = settings;
  const { tls } = paths;
  const storage =
    datastore === "etcd"
      ? [
          "--etcd-servers=https://127.0.0.1:2379",
          `--etcd-cafile=${paths.etcdCa}`,
          `--etcd-certfile=${paths.etcdClientCrt}`,
          `--etcd-keyfile=${paths.etcdClientKey}`,
        ]
      : [`--etcd-servers=unix://${paths.kineSocket}`];
  const encryption = flags.on("secrets-encryption")
    ? [
        `--encryption-provider-config=${paths.encryptionConfig}`,
        "--encryption-provider-config-automatic-reload=true",
      ]
    : [];
  return startPart("kube-apiserver", [
    ...storage,
    ...encryption,
    `--advertise-address=${flags.text("advertise-address") || settings.nodeIp}`,
    `--bind-address=${settings.apiHost}`, // other machines come through gate.ts,
    `--secure-port=${settings.apiPort}`,
    "--allow-privileged=true",
    "--anonymous-auth=false",
    "--authorization-mode=Node,RBAC",
    `--client-ca-file=${paths.clientCa}`,
    "--enable-admission-plugins=NodeRestriction",
    "--enable-bootstrap-token-auth=true",
    "--kubelet-preferred-address-types=InternalIP",
    "--profiling=false",
    `--proxy-client-cert-file=${tls}/client-auth-proxy.crt`,
    `--proxy-client-key-file=${tls}/client-auth-proxy.key`,
    "--requestheader-allowed-names=system:auth-proxy",
    `--requestheader-client-ca-file=${tls}/request-header-ca.crt`,
    "--requestheader-extra-headers-prefix=X-Remote-Extra-",
    "--requestheader-group-headers=X-Remote-Group",
    "--requestheader-username-headers=X-Remote-User",
    "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
    `--service-account-key-file=${tls}/service.key`,
    `--service-account-signing-key-file=${tls}/service.current.key`,
    `--service-cluster-ip-range=${flags.text("service-cidr")}`,
    `--tls-cert-file=${tls}/serving-kube-apiserver.crt`,
    `--tls-private-key-file=${tls}/serving-kube-apiserver.key`,
    ...flags.list("kube-apiserver-arg").map((argument) => `--${argument}`),
  ]);
}

/** Controller-manager and scheduler; `elect` when other servers run theirs too. */
export function startControllers(settings: Settings, elect: boolean): ChildProcess[] {
  const { paths, flags } = settings;
  const { tls, cred } = paths;
  const configs = (name: string): string[] =>
    ["kubeconfig", "authentication-kubeconfig", "authorization-kubeconfig"].map(
      (flag) => `--${flag}=${cred}/${name}.kubeconfig`,
    );
  const started: ChildProcess[] = [];
  if (!flags.on("disable-controller-manager")) {
    started.push(
      startPart("kube-controller-manager", [
        ...configs("controller"),
        "--allocate-node-cidrs=true",
        "--bind-address=127.0.0.1",
        `--cluster-cidr=${flags.text("cluster-cidr")}`,
        `--leader-elect=${elect}`,
        `--root-ca-file=${paths.serverCa}`,
        "--secure-port=10257",
        `--service-account-private-key-file=${tls}/service.current.key`,
        `--service-cluster-ip-range=${flags.text("service-cidr")}`,
        `--tls-cert-file=${tls}/kube-controller-manager/kube-controller-manager.crt`,
        `--tls-private-key-file=${tls}/kube-controller-manager/kube-controller-manager.key`,
        "--use-service-account-credentials=true",
        ...flags.list("kube-controller-manager-arg").map((argument) => `--${argument}`),
      ]),
    );
  }
  if (!flags.on("disable-scheduler")) {
    started.push(
      startPart("kube-scheduler", [
        ...configs("scheduler"),
        "--bind-address=127.0.0.1",
        `--leader-elect=${elect}`,
        "--secure-port=10259",
        `--tls-cert-file=${tls}/kube-scheduler/kube-scheduler.crt`,
        `--tls-private-key-file=${tls}/kube-scheduler/kube-scheduler.key`,
        ...flags.list("kube-scheduler-arg").map((argument) => `--${argument}`),
      ]),
    );
  }
  return started;
}
