/** On a server of the lab: what stands in for CoreDNS and Traefik, whose images cannot be had, as Deployments of real pods. */
import type { BareServer } from "../../lab/server.ts";

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

/** /ping on 8080; on 8000 the shop for its own host, and Traefik's 404 for the rest. */
const ROUTER = `
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        ping = self.server.server_port == 8080 and self.path == "/ping"
        shop = self.server.server_port == 8000 and self.headers["host"] == "shop.example"
        body = b"OK" if ping else b"the shop" if shop else b"404 page not found\\n"
        self.send_response(200 if ping or shop else 404)
        self.send_header("content-length", str(len(body))); self.end_headers(); self.wfile.write(body)
ping = ThreadingHTTPServer((ADDRESS, 8080), Handler)
threading.Thread(target=ping.serve_forever).start()
ThreadingHTTPServer((ADDRESS, 8000), Handler).serve_forever()
`;

function deployment(input: {
  readonly name: string;
  readonly label: string;
  readonly program: string;
  readonly container?: Readonly<Record<string, unknown>>;
}): unknown {
  const [key = "", value = ""] = input.label.split("=");
  const labels = { [key]: value };
  const program = `import os\nADDRESS = os.environ["POD_IP"]\n${input.program}`;
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: input.name, namespace: "kube-system", labels },
    spec: {
      replicas: 1,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: {
          containers: [
            {
              name: input.name,
              image: "none",
              command: ["python3", "-c", program],
              env: [{ name: "POD_IP", valueFrom: { fieldRef: { fieldPath: "status.podIP" } } }],
              ...input.container,
            },
          ],
        },
      },
    },
  };
}

/** Ready when both are rolled out. */
export async function startStandIns(server: BareServer): Promise<void> {
  const httpGet = { path: "/ping", port: "traefik" };
  const objects = [
    deployment({ name: "coredns", label: "k8s-app=kube-dns", program: DNS }),
    deployment({
      name: "traefik",
      label: "app.kubernetes.io/name=traefik",
      program: ROUTER,
      container: {
        ports: [
          { name: "traefik", containerPort: 8080 },
          { name: "web", containerPort: 8000 },
        ],
        readinessProbe: { httpGet, periodSeconds: 1 },
      },
    }),
    {
      apiVersion: "v1",
      kind: "Service",
      metadata: {
        name: "traefik",
        namespace: "kube-system",
        labels: { "app.kubernetes.io/name": "traefik" },
      },
      spec: {
        type: "LoadBalancer",
        selector: { "app.kubernetes.io/name": "traefik" },
        ports: [{ name: "web", port: 80, targetPort: "web" }],
      },
    },
    {
      apiVersion: "networking.k8s.io/v1",
      kind: "Ingress",
      metadata: { name: "shop", namespace: "default" },
      spec: {
        ingressClassName: "traefik",
        rules: [
          {
            host: "shop.example",
            http: {
              paths: [
                {
                  path: "/",
                  pathType: "Prefix",
                  backend: { service: { name: "shop", port: { number: 80 } } },
                },
              ],
            },
          },
        ],
      },
    },
  ];
  server.write(
    "/root/stand-ins.json",
    JSON.stringify({ apiVersion: "v1", kind: "List", items: objects }),
  );
  await server.kubectl("apply", "-f", "/root/stand-ins.json");
  await giveAddress(server, "10.99.0.1");
  for (const name of ["coredns", "traefik"]) {
    await server.kubectl(
      "rollout",
      "status",
      `deployment/${name}`,
      "-n",
      "kube-system",
      "--timeout=120s",
    );
  }
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
