/** On a server of the lab: a Traefik as K3s's chart installs it, a shop behind it, and what stands in for CoreDNS, as Deployments of real pods. */
import { until } from "./programs.ts";
import { POD_IP, traefikObjects } from "./cluster-traefik.ts";
import type { BareServer } from "../../lab/server.ts";

const OBJECTS = "/root/services.json";

/** Answers every A question for kubernetes.default.svc.cluster.local, over UDP and TCP. */
const DNS = `
import socket, struct, threading
def answer(query):
    at = 12; labels = []
    while query[at]:
        labels.append(query[at + 1:at + 1 + query[at]].decode()); at += 1 + query[at]
    question = query[12:at + 5]
    known = ".".join(labels) == "kubernetes.default.svc.cluster.local"
    head = query[:2] + struct.pack(">HHHHH", 0x8580 if known else 0x8583, 1, 1 if known else 0, 0, 0)
    record = b"\\xc0\\x0c" + struct.pack(">HHIH", 1, 1, 5, 4) + socket.inet_aton("10.43.0.1")
    return head + question + (record if known else b"")
def udp():
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind((ADDRESS, 53))
    while True:
        query, who = s.recvfrom(512); s.sendto(answer(query), who)
def tcp():
    s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); s.bind((ADDRESS, 53)); s.listen()
    while True:
        c, _ = s.accept(); size = struct.unpack(">H", c.recv(2))[0]; said = answer(c.recv(size))
        c.sendall(struct.pack(">H", len(said)) + said); c.close()
threading.Thread(target=udp).start(); tcp()
`;

/** Behind Traefik: it says who it is to whoever asks. */
const SHOP = `
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        body = b"the shop"
        self.send_response(200)
        self.send_header("content-length", str(len(body))); self.end_headers(); self.wfile.write(body)
ThreadingHTTPServer((ADDRESS, 8000), Handler).serve_forever()
`;

/** A Deployment of one pod, labelled `label`, that runs a Python program with ADDRESS as its own address. */
function program(input: {
  readonly name: string;
  readonly namespace: string;
  readonly label: string;
  readonly text: string;
}): unknown {
  const { name, namespace } = input;
  const [key = "", value = ""] = input.label.split("=");
  const labels = { [key]: value };
  const text = `import os\nADDRESS = os.environ["POD_IP"]\n${input.text}`;
  const container = { name, image: "none", command: ["python3", "-c", text], env: [POD_IP] };
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name, namespace, labels },
    spec: {
      replicas: 1,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [container] } },
    },
  };
}

function shopObjects(): unknown[] {
  const backend = { service: { name: "shop", port: { number: 80 } } };
  const paths = [{ path: "/", pathType: "Prefix", backend }];
  return [
    program({ name: "shop", namespace: "default", label: "app=shop", text: SHOP }),
    {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: "shop", namespace: "default" },
      spec: { selector: { app: "shop" }, ports: [{ port: 80, targetPort: 8000 }] },
    },
    {
      apiVersion: "networking.k8s.io/v1",
      kind: "Ingress",
      metadata: { name: "shop", namespace: "default" },
      spec: { ingressClassName: "traefik", rules: [{ host: "shop.example", http: { paths } }] },
    },
  ];
}

/** Ready when all are rolled out and Traefik routes to the shop. */
export async function startServices(server: BareServer): Promise<void> {
  const dns = { name: "coredns", namespace: "kube-system", label: "k8s-app=kube-dns", text: DNS };
  const items = [program(dns), ...shopObjects(), ...traefikObjects()];
  server.write(OBJECTS, JSON.stringify({ apiVersion: "v1", kind: "List", items }));
  await applyServices(server);
  await giveAddress(server, "10.99.0.1");
  for (const name of ["kube-system/coredns", "kube-system/traefik", "default/shop"]) {
    const [namespace = "", deployment = ""] = name.split("/");
    const words = ["rollout", "status", `deployment/${deployment}`, "-n", namespace];
    await server.kubectl(...words, "--timeout=120s");
  }
  // Traefik is ready before it has heard of an Ingress.
  await until("a request through Traefik", async () => {
    const { stdout } = await server.run([
      "python3",
      "-c",
      `import urllib.request as r
print(r.urlopen(r.Request("http://10.99.0.1/", headers={"Host": "shop.example"}), timeout=5).read())`,
    ]);
    return stdout.includes("the shop");
  });
}

/** Puts back what a test took away of them. */
export async function applyServices(server: BareServer): Promise<void> {
  await server.kubectl("apply", "-f", OBJECTS);
}

/** As K3s's ServiceLB does, which is no part of the lab; "" takes it away. */
export async function giveAddress(server: BareServer, address: string): Promise<void> {
  const ingress = address === "" ? [] : [{ ip: address }];
  const patch = JSON.stringify({ status: { loadBalancer: { ingress } } });
  const words = "patch service traefik -n kube-system --subresource=status --type=merge -p".split(
    " ",
  );
  await server.kubectl(...words, patch);
}
