/**
 * A bare server's disk: the build machine's Debian seen through an overlay,
 * with everything hidden that an operator's server would not have.
 */
import { randomBytes } from "node:crypto";
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  readdirSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { must } from "./command.ts";
import { BIN, k3sBinary, REPOSITORY } from "./places.ts";

/** What of the machine's own root a server sees. Everything else at the top is hidden. */
const KEPT = new Set([
  "bin",
  "boot",
  "dev",
  "etc",
  "lib",
  "lib32",
  "lib64",
  "libx32",
  "proc",
  "run",
  "sbin",
  "sys",
  "usr",
  "var",
]);
const HIDDEN = [
  "etc/fstab",
  "etc/machine-id",
  "etc/rancher",
  "etc/resolv.conf",
  "etc/systemd/system",
  "usr/local",
  "var/cache",
  "var/lib/apt",
  "var/lib/docker",
  "var/lib/containerd",
  "var/lib/rancher",
  "var/log",
  "var/tmp",
];
/** Programs a bare server may lack; the tool must not need them. A test that uses one says so in `tools`. */
const TOOLS = [
  "age",
  "age-keygen",
  "curl",
  "docker",
  "gpg",
  "node",
  "npm",
  "npx",
  "rage",
  "sops",
  "sqlite3",
  "tar",
  "unzstd",
  "wget",
  "zstd",
  "zstdcat",
  "zstdmt",
];
/** Units that only cost time in a machine without network, consoles or logins. */
const MASKED = [
  "console-getty.service",
  "dbus.service",
  "dbus.socket",
  "getty.target",
  "ldconfig.service",
  "systemd-firstboot.service",
  "systemd-hwdb-update.service",
  "systemd-journal-catalog-update.service",
  "systemd-journal-flush.service",
  "systemd-logind.service",
  "systemd-machine-id-commit.service",
  "systemd-sysusers.service",
  "systemd-update-done.service",
  "systemd-update-utmp.service",
  "systemd-update-utmp-runlevel.service",
  "systemd-user-sessions.service",
];

/** The unit as K3s's install.sh writes it (k3s.md 2.7). */
const UNIT = `[Unit]
Description=Lightweight Kubernetes
Documentation=https://k3s.io
Wants=network-online.target
After=network-online.target

[Install]
WantedBy=multi-user.target

[Service]
Type=notify
EnvironmentFile=-/etc/default/%N
EnvironmentFile=-/etc/sysconfig/%N
EnvironmentFile=-/etc/systemd/system/k3s.service.env
KillMode=process
Delegate=yes
User=root
LimitNOFILE=1048576
LimitNPROC=infinity
LimitCORE=infinity
TasksMax=infinity
TimeoutStartSec=0
Restart=always
RestartSec=5s
ExecStart=/usr/local/bin/k3s \\
    server \\

`;

export interface RootOptions {
  readonly name: string;
  /** Path on this machine, copied to /opt/railiance/bin. */
  readonly executable: string | undefined;
  readonly helm: boolean;
  /** Programs of this machine that the server shall have although a bare one may lack them. */
  readonly tools: readonly string[];
  /** config.yaml of K3s. */
  readonly config: string;
  /** Start K3s at boot. */
  readonly enabled: boolean;
  /** Run pods whose containers name a command, as local processes. */
  readonly pods?: boolean;
}

/** Fills an empty upper folder: white-outs first, then what a server has. Call before the overlay is mounted. */
export async function hideBuildMachine(upper: string, tools: readonly string[]): Promise<void> {
  const top = readdirSync("/").filter((name) => !KEPT.has(name));
  const programs = TOOLS.filter((name) => !tools.includes(name)).map((name) => `usr/bin/${name}`);
  const hidden = [...top, ...HIDDEN, ...programs];
  const [first = ""] = REPOSITORY.slice(1).split("/");
  if (KEPT.has(first)) hidden.push(REPOSITORY.slice(1));
  for (const path of hidden) {
    const folder = path.includes("/") ? path.slice(0, path.lastIndexOf("/")) : "";
    mkdirSync(`${upper}/${folder}`, { recursive: true });
  }
  // A character device 0/0 in the upper layer is overlayfs's sign for "not there".
  const script = hidden.map((path) => `mknod '${upper}/${path}' c 0 0`).join("\n");
  await must(["sh", "-ec", script]);
}

/** Writes a server's own files into the mounted root. */
export function furnish(root: string, options: RootOptions): void {
  for (const folder of [
    "home",
    "opt/railiance/bin",
    "usr/local/bin",
    "usr/local/lib/k3s-lab",
    "var/cache",
    "var/tmp",
    "var/log/journal",
    "var/lib/apt",
    "etc/rancher/k3s",
    "etc/systemd/system/multi-user.target.wants",
  ]) {
    mkdirSync(`${root}/${folder}`, { recursive: true });
  }
  mkdirSync(`${root}/root`, { mode: 0o700 });
  // nspawn lays a tmpfs over /tmp; one that is unmounted must not show the build machine's own.
  mkdirSync(`${root}/tmp`);
  for (const folder of ["tmp", "var/tmp"]) chmodSync(`${root}/${folder}`, 0o1777);
  writeFileSync(`${root}/etc/hostname`, `${options.name}\n`);
  writeFileSync(`${root}/etc/hosts`, `127.0.0.1 localhost\n127.0.1.1 ${options.name}\n`);
  writeFileSync(`${root}/etc/machine-id`, `${randomBytes(16).toString("hex")}\n`);
  writeFileSync(`${root}/etc/fstab`, "");
  writeFileSync(`${root}/etc/rancher/k3s/config.yaml`, options.config, { mode: 0o600 });
  if (options.pods === true) writeFileSync(`${root}/etc/k3s-lab-pods`, "");
  const units = `${root}/etc/systemd/system`;
  for (const unit of MASKED) symlinkSync("/dev/null", `${units}/${unit}`);
  writeFileSync(`${units}/k3s.service`, UNIT);
  writeFileSync(`${units}/k3s.service.env`, "", { mode: 0o600 });
  if (options.enabled)
    symlinkSync("/etc/systemd/system/k3s.service", `${units}/multi-user.target.wants/k3s.service`);
  installPrograms(root, options);
}

function installPrograms(root: string, options: RootOptions): void {
  const bin = `${root}/usr/local/bin`;
  copyFileSync(k3sBinary(), `${bin}/k3s`);
  chmodSync(`${bin}/k3s`, 0o755);
  symlinkSync("k3s", `${bin}/kubectl`);
  if (options.helm) symlinkSync("/usr/local/lib/k3s-lab/helm", `${bin}/helm`);
  for (const tool of options.tools) {
    if (["age", "age-keygen", "sops", "bbolt", "etcdctl", "etcdutl"].includes(tool)) {
      symlinkSync(`/usr/local/lib/k3s-lab/${tool}`, `${bin}/${tool}`);
    }
  }
  if (options.executable !== undefined) {
    copyFileSync(options.executable, `${root}/opt/railiance/bin/railiance-cluster`);
    chmodSync(`${root}/opt/railiance/bin/railiance-cluster`, 0o755);
  }
}

/** What nspawn binds into every server. */
export const BINDS = [`--bind-ro=${BIN}:/usr/local/lib/k3s-lab`];
