/** OpenSSH's own server on lab servers, so that a drill reaches the other servers as an operator's would. */
import { chmodSync, copyFileSync, existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { must } from "../../lab/command.ts";
import { LAB } from "../../lab/places.ts";
import type { BareServer } from "../../lab/server.ts";

const KEY = "/root/.ssh/drill";
/** Words that bring a command to the server of the primary: for `through` of a drill file. */
export const THROUGH = [
  "ssh",
  "-i",
  KEY,
  "-o",
  "BatchMode=yes",
  "-o",
  "ConnectTimeout=5",
  "-o",
  "StrictHostKeyChecking=accept-new",
  "root@{host}",
];

const CONFIG = `Port 22
HostKey /etc/ssh/lab_host_key
PermitRootLogin prohibit-password
PasswordAuthentication no
UsePAM no
PidFile none
`;
const UNIT = `[Service]
RuntimeDirectory=sshd
ExecStart=/usr/sbin/sshd -D -f /etc/ssh/lab_sshd_config

[Install]
WantedBy=multi-user.target
`;

/** Debian's sshd out of its package, unpacked and not installed: no service of the build machine starts. */
async function sshd(): Promise<string> {
  if (existsSync("/usr/sbin/sshd")) return "/usr/sbin/sshd";
  const kept = `${LAB}/bin/sshd`;
  if (existsSync(kept)) return kept;
  const folder = `${LAB}/sshd.${process.pid}`;
  mkdirSync(folder, { recursive: true });
  try {
    const script =
      "apt-get download -q openssh-server 2>&1 || { apt-get update -qq; apt-get download -q openssh-server; }; dpkg -x openssh-server_*.deb .";
    await must(["sh", "-ec", `cd '${folder}'; ${script}`]);
    renameSync(`${folder}/usr/sbin/sshd`, kept);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return kept;
}

/** Starts sshd on each server, with one throw-away key that opens all of them. */
export async function startSshd(servers: readonly BareServer[]): Promise<void> {
  const program = await sshd();
  const [first] = servers;
  if (first === undefined) return;
  await first.must(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "/root/drill"]);
  const key = first.read("/root/drill");
  const publicKey = first.read("/root/drill.pub");
  for (const server of servers) {
    copyFileSync(program, `${server.root}/usr/sbin/sshd`);
    chmodSync(`${server.root}/usr/sbin/sshd`, 0o755);
    server.write(KEY, key);
    server.write("/root/.ssh/authorized_keys", publicKey);
    server.write("/etc/ssh/lab_sshd_config", CONFIG);
    server.write("/etc/systemd/system/lab-sshd.service", UNIT, 0o644);
    const user =
      "id sshd >/dev/null 2>&1 || useradd --system --no-create-home --home /run/sshd sshd";
    await server.must(["sh", "-c", user]);
    await server.must("ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/lab_host_key");
    await server.must(["systemctl", "enable", "--now", "lab-sshd"]);
  }
}
