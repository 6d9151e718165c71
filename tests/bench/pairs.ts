/** What is compared with what (design.md 8). Each pair ends in the same state it began in. */
import { ARCHIVES, KEY_FILE, PROGRAM } from "./server.ts";
import type { BenchServer } from "./server.ts";
import type { Pair } from "./rounds.ts";

const DATA = "/var/lib/rancher/k3s";
const AGE = "/usr/local/bin/age"; // 1.3.2, the lab's own
const CLEAN = `rm -rf ${ARCHIVES}/* /root/bench; mkdir -p /root/bench`;

/** The pipeline an operator would write, from the same snapshot, with the same promise that it is on the disk. */
function pipeline(recipient: string): string {
  return `set -euo pipefail
    k3s etcd-snapshot save --name bench --etcd-snapshot-compress=false 2>/dev/null
    file=$(ls ${DATA}/server/db/snapshots/bench-*)
    sha256sum "$file" > /root/bench/sum
    tar -C ${DATA}/server -cf - "db/snapshots/\${file##*/}" token | zstd -q -3 -T0 | ${AGE} -r ${recipient} -o /root/bench/archive.age
    sync /root/bench/archive.age
    k3s etcd-snapshot delete "\${file##*/}" 2>/dev/null`;
}

/** The same, with the proof that what was written can be read again. */
function provenPipeline(recipient: string): string {
  return `${pipeline(recipient)}
    ${AGE} -d -i ${KEY_FILE} /root/bench/archive.age | zstd -q -d | tar -xOf - | sha256sum > /root/bench/again`;
}

export function backupPairs(bench: BenchServer): Pair[] {
  const { server, recipient } = bench;
  const timed = async (command: string): Promise<number> => {
    await server.must(CLEAN);
    return bench.time(`bash -c '${command}'`);
  };
  return [
    {
      name: "backup",
      about: "backup, read back as it always is | save, sha256sum, tar|zstd -3 -T0|age, sync",
      target: 1.3,
      ours: () => timed(`${PROGRAM} backup -q`),
      theirs: () => timed(pipeline(recipient)),
    },
    {
      name: "backup+proof",
      about: "the same | the same pipeline, and its archive read back",
      target: 1.3,
      ours: () => timed(`${PROGRAM} backup -q`),
      theirs: () => timed(provenPipeline(recipient)),
    },
    verifyPair(bench),
    {
      name: "version",
      about: "--version | age --version",
      target: 1 / 3,
      ours: () => bench.time(`${PROGRAM} --version`),
      theirs: () => bench.time(`${AGE} --version`),
    },
  ];
}

function verifyPair(bench: BenchServer): Pair {
  const { server } = bench;
  return {
    name: "verify",
    about: "verify | age -d | zstd -d | tar x | sha256sum",
    target: 2,
    async ours() {
      await oneArchive(bench);
      return bench.time(`${PROGRAM} verify -q`);
    },
    async theirs() {
      await oneArchive(bench);
      await server.must("rm -rf /root/bench; mkdir -p /root/bench");
      return bench.time(
        `bash -c 'set -eo pipefail; ${AGE} -d -i ${KEY_FILE} ${ARCHIVES}/*.age | zstd -q -d | tar -C /root/bench -xf -; find /root/bench -type f -exec sha256sum {} + > /root/sums'`,
      );
    },
  };
}

async function oneArchive({ server }: BenchServer): Promise<void> {
  await server.must(`ls ${ARCHIVES}/*.age >/dev/null 2>&1 || ${PROGRAM} backup -q`);
}

/** A restore against the bare reset and start, which prove nothing and keep nothing. */
export function restorePair(bench: BenchServer): Pair {
  const { server } = bench;
  const ready = `until [ "$(k3s kubectl get --raw=/readyz 2>/dev/null)" = ok ] && systemctl is-active -q k3s; do sleep 0.2; done`;
  return {
    name: "restore",
    about: "restore --yes | systemctl stop, k3s server --cluster-reset, start, until ready",
    target: 1 / 1.15,
    async ours() {
      await oneArchive(bench);
      return bench.time(`${PROGRAM} restore --yes -q`);
    },
    async theirs() {
      await oneArchive(bench);
      await server.must(
        `rm -rf /root/bench; mkdir -p /root/bench; ${AGE} -d -i ${KEY_FILE} ${ARCHIVES}/*.age | zstd -q -d | tar -C /root/bench -xf -; find /root/bench -type f -size +10M -exec mv {} /root/bench/snapshot ";"; test -f /root/bench/snapshot`,
      );
      return bench.time(
        `bash -c 'set -e; systemctl stop k3s; k3s server --cluster-reset --cluster-reset-restore-path=/root/bench/snapshot >/dev/null 2>&1; systemctl start k3s; ${ready}'`,
      );
    },
  };
}
