/** The lab's pod runner does for a test what a kubelet does: started, probed, reached, asked, ended, started again. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { skipWithoutLab, startBareServer } from "../server.ts";
import type { BareServer } from "../server.ts";

/** A page that says who answers, ready once /tmp/NAME.ready is there. */
const WEB = `import http.server, os, socketserver
class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        good = self.path != "/ready" or os.path.exists("/state/ready")
        self.send_response(200 if good else 503)
        self.end_headers()
        self.wfile.write(os.environ["POD_NAME"].encode())
    def log_message(self, *words):
        print("asked for", self.path, flush=True)
socketserver.TCPServer.allow_reuse_address = True
socketserver.TCPServer((os.environ["POD_IP"], 8080), Page).serve_forever()
`;

const FIELDS = [
  { name: "POD_NAME", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } },
  { name: "POD_IP", valueFrom: { fieldRef: { fieldPath: "status.podIP" } } },
];

const OBJECTS = [
  { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "web" }, data: { "web.py": WEB } },
  {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "web" },
    spec: { selector: { app: "web" }, ports: [{ port: 80, targetPort: 8080 }] },
  },
  {
    apiVersion: "apps/v1",
    kind: "StatefulSet",
    metadata: { name: "web" },
    spec: {
      serviceName: "web",
      replicas: 2,
      podManagementPolicy: "Parallel",
      selector: { matchLabels: { app: "web" } },
      template: {
        metadata: { labels: { app: "web" } },
        spec: {
          containers: [
            {
              name: "web",
              image: "lab",
              command: ["python3", "/web/web.py"],
              env: FIELDS,
              readinessProbe: { httpGet: { path: "/ready", port: 8080 }, periodSeconds: 1 },
              volumeMounts: [
                { name: "web", mountPath: "/web" },
                { name: "state", mountPath: "/state" },
              ],
            },
          ],
          volumes: [
            { name: "web", configMap: { name: "web" } },
            { name: "state", emptyDir: {} },
          ],
        },
      },
    },
  },
];

function job(name: string, restartPolicy: string, script: string) {
  const container = { name: "job", image: "lab", command: ["sh", "-c", script] };
  const metadata = { name };
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata,
    spec: { restartPolicy, containers: [container] },
  };
}

describe.skipIf(skipWithoutLab())("pods of the lab", () => {
  let server: BareServer;
  const apply = async (items: readonly unknown[]): Promise<void> => {
    server.write("/root/pods.json", JSON.stringify({ apiVersion: "v1", kind: "List", items }));
    await server.kubectl("apply", "-f", "/root/pods.json");
  };
  const get = (...words: readonly string[]): Promise<string> =>
    server.kubectl("get", ...words.slice(0, -1), "-o", `jsonpath=${words.at(-1) ?? ""}`);
  /** Also for one that no controller has made yet: kubectl's own wait gives up on that at once. */
  const wait = async (what: string, condition: string): Promise<void> => {
    for (const one of ["create", condition]) {
      await server.kubectl("wait", what, `--for=${one}`, "--timeout=120s");
    }
  };
  const exec = (pod: string, script: string) =>
    server.run(["k3s", "kubectl", "exec", pod, "--", "sh", "-c", script]);
  /** Who answers at the Service's cluster address; "" for nobody. */
  const answer = async (): Promise<string> => {
    const address = await get("service", "web", "{.spec.clusterIP}");
    const script = `import urllib.request as u; print(u.urlopen("http://${address}/", timeout=5).read().decode())`;
    const asked = await server.run(["python3", "-c", script]);
    return asked.stdout.trim();
  };

  beforeAll(async () => {
    server = await startBareServer({ pods: true });
    await apply(OBJECTS);
  }, 300_000);
  afterAll(() => server[Symbol.asyncDispose]());

  test("a pod is ready, and its Service leads to it, once its readiness probe passes", async () => {
    await wait("pod/web-0", "jsonpath={.status.phase}=Running");
    await wait("pod/web-1", "jsonpath={.status.phase}=Running");
    expect(await answer()).toBe("");
    await exec("web-1", "touch /state/ready");
    await wait("pod/web-1", "condition=Ready");
    const deadline = performance.now() + 60_000;
    while ((await answer()) !== "web-1" && performance.now() < deadline);
    expect(await answer()).toBe("web-1");
    expect(await get("pod", "web-0", '{.status.conditions[?(@.type=="Ready")].status}')).toBe(
      "False",
    );
  }, 180_000);

  test("exec gives output and exit code of the command, logs what the container said", async () => {
    const ran = await exec("web-1", "echo in $POD_NAME; exit 7");
    expect([ran.exitCode, ran.stdout]).toEqual([7, "in web-1\n"]);
    expect(await server.kubectl("logs", "web-1")).toContain("asked for /");
  }, 60_000);

  test("restart of k3s leaves the containers running", async () => {
    const began = "ps -o lstart= -p 1";
    const before = (await exec("web-1", began)).stdout;
    expect(before).not.toBe("");
    await server.must(["systemctl", "restart", "k3s"]);
    const deadline = performance.now() + 60_000;
    let after = "";
    while (after === "" && performance.now() < deadline)
      after = (await exec("web-1", began)).stdout;
    expect(after).toBe(before);
    expect(await get("pod", "web-1", "{.status.containerStatuses[0].restartCount}")).toBe("0");
  }, 180_000);

  test("a pod deleted by force ends at once, and its StatefulSet makes a new one of that name", async () => {
    const uid = await get("pod", "web-1", "{.metadata.uid}");
    await server.kubectl("delete", "pod", "web-1", "--force", "--grace-period=0");
    const deadline = performance.now() + 60_000;
    let now = uid;
    while ((now === uid || now === "") && performance.now() < deadline) {
      now = (
        await server.run([
          "k3s",
          "kubectl",
          "get",
          "pod",
          "web-1",
          "-o",
          "jsonpath={.metadata.uid}",
        ])
      ).stdout;
    }
    expect(now).not.toBe(uid);
    await wait("pod/web-1", "jsonpath={.status.phase}=Running");
    expect((await exec("web-1", "ls /state")).stdout).toBe("");
  }, 180_000);

  test("restartPolicy: Never leaves the exit code, OnFailure starts again until it is 0", async () => {
    const again = "test -e /tmp/once-$HOSTNAME || { touch /tmp/once-$HOSTNAME; exit 1; }";
    await apply([job("never", "Never", "exit 3"), job("on-failure", "OnFailure", again)]);
    await wait("pod/never", "jsonpath={.status.phase}=Failed");
    await wait("pod/on-failure", "jsonpath={.status.phase}=Succeeded");
    const code = "{.status.containerStatuses[0].state.terminated.exitCode}";
    expect(await get("pod", "never", code)).toBe("3");
    const restarts = "{.status.containerStatuses[0].restartCount}";
    expect(await get("pod", "on-failure", restarts)).toBe("1");
  }, 180_000);
});
