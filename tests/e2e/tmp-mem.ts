import { startBareServer } from "../lab/server.ts";
import { PROGRAM, giveKey, makeWorkload } from "./workload.ts";
await using server = await startBareServer({ tools: ["etcdctl"] });
await giveKey(server);
await makeWorkload(server);
const value=1_400_000;
await server.must(
    `cd /var/lib/rancher/k3s/server/tls/etcd
     head -c ${(value * 3) / 4} /dev/urandom | base64 -w0 > /root/value
     for number in $(seq 150); do
       { echo -n "$number "; cat /root/value; } | ETCDCTL_API=3 etcdctl --endpoints https://127.0.0.1:2379 --cacert server-ca.crt --cert client.crt --key client.key put /railiance-test/$number > /dev/null
     done`,
    { timeout: 400_000 },
  );
for (const c of ["backup", "backup", "verify", "restore --yes"]) {
server.write("/root/m.sh", `(${PROGRAM} ${c} 2>&1 | while read l; do echo "$l"; done) &
sleep 0.05
for i in $(seq 2000); do
 pid=$(pgrep -f "^${PROGRAM}" | head -1); [ -z "$pid" ] && break
 echo "   rss $(grep -E 'VmRSS|RssAnon|RssShmem' /proc/$pid/status 2>/dev/null | awk '{printf "%s%d ", $1, $2/1024}')"; sleep 0.1; done; wait`);
const r = await server.run("bash /root/m.sh", {timeout: 300_000});
console.log(c, r.exitCode); console.log(r.stdout.split("\n").filter((l,i,a)=>l!==a[i-1]).join("\n"));
}
