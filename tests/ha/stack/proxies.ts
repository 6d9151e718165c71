/** Two Nginx for external TLS behind haproxy, behind those two Traefik that route by Host, and a shop behind them. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { startPod } from "./pod.ts";
import { freePort } from "./ports.ts";
import { until, workplace } from "./programs.ts";
import { startTraefik } from "./traefik.ts";
import type { Workplace } from "./programs.ts";

export interface ProxyStack extends AsyncDisposable {
  readonly work: Workplace;
  /** Where the world goes: TLS. */
  readonly port: number;
  readonly edges: readonly Replica[];
  readonly routers: readonly Replica[];
  /** Returns when nothing of it answers any more. */
  kill(replica: Replica): Promise<void>;
}

export interface Replica {
  readonly name: string;
  readonly port: number;
  /** Where it says that it is alive. */
  readonly health: number;
}

export const HOST = "shop.example";

/** Ready when a request goes all the way, through any of them. */
export async function startProxies(): Promise<ProxyStack> {
  const work = workplace("root");
  try {
    selfSigned(work);
    const replica = async (name: string): Promise<Replica> => ({
      name,
      port: await freePort(),
      health: await freePort(),
    });
    const routers = [await replica("router-1"), await replica("router-2")];
    const edges = [await replica("edge-1"), await replica("edge-2")];
    const port = await freePort();
    const shop = await freePort();
    startNginx(work, "shop", shopConfig(shop));
    for (const one of routers) startTraefik(work, one, { host: HOST, backend: shop });
    for (const one of edges) startNginx(work, one.name, edgeConfig(work, { edge: one, routers }));
    startBalancer(work, { edges, port });
    const urls = [
      ...routers.map((one) => `http://127.0.0.1:${one.port}/`),
      ...[...edges, { port }].map((one) => `https://127.0.0.1:${one.port}/`),
    ];
    for (const url of urls) await until(`the shop at ${url}`, () => isRouted(url));
    return {
      work,
      port,
      edges,
      routers,
      kill: (replica) => killReplica(work, replica),
      [Symbol.asyncDispose]: () => work[Symbol.asyncDispose](),
    };
  } catch (error) {
    await work[Symbol.asyncDispose]();
    throw error;
  }
}

/** The process id is that of its namespace; what runs in it ends a moment later. */
async function killReplica(work: Workplace, { name, health }: Replica): Promise<void> {
  work.run(["sh", "-c", `kill -9 "$(cat ${name}.pid)"`]);
  await until(`${name} is gone`, () =>
    fetch(`http://127.0.0.1:${health}/`, { keepalive: false }).then(
      () => false,
      () => true,
    ),
  );
}

/** Traefik answers, with 404, before it has read its routes. */
async function isRouted(url: string): Promise<boolean> {
  const tls = { rejectUnauthorized: false };
  const answer = await fetch(url, { headers: { host: HOST }, keepalive: false, tls });
  return answer.status === 200;
}

function selfSigned(work: Workplace): void {
  const subject = ["-subj", `/CN=${HOST}`, "-addext", `subjectAltName=DNS:${HOST}`, "-days", "2"];
  const files = ["-keyout", "tls.key", "-out", "tls.crt"];
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  work.run(["openssl", "req", "-x509", ...key, ...subject, ...files]);
}

/** Writes NAME.conf: everything it keeps is in the test's folder. */
export function nginxConfig(
  { folder }: Workplace,
  { name, servers }: { readonly name: string; readonly servers: string },
): void {
  const places = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
    (kind) => `  ${kind}_temp_path ${folder}/${name}-${kind};`,
  );
  writeFileSync(
    join(folder, `${name}.conf`),
    `daemon off;
pid ${folder}/${name}-nginx.pid;
error_log ${folder}/${name}.log;
worker_processes 1;
user root;
events {}
http {
  access_log off;
${places.join("\n")}
${servers}
}
`,
  );
}

function startNginx(
  work: Workplace,
  name: string,
  { servers }: { readonly servers: string },
): void {
  nginxConfig(work, { name, servers });
  const { folder } = work;
  startPod(work, name, {
    argv: ["nginx", "-p", folder, "-c", `${name}.conf`, "-e", `${folder}/${name}.log`],
  });
}

function shopConfig(port: number): { readonly servers: string } {
  return {
    servers: `  server { listen 127.0.0.1:${port}; location / { return 200 "the shop\\n"; } }`,
  };
}

function edgeConfig(
  { folder }: Workplace,
  input: { readonly edge: Replica; readonly routers: readonly Replica[] },
): { readonly servers: string } {
  const { edge, routers } = input;
  const upstream = routers.map(
    ({ port }) => `server 127.0.0.1:${port} max_fails=1 fail_timeout=2s;`,
  );
  return {
    servers: `  upstream routers { ${upstream.join(" ")} }
  server {
    listen 127.0.0.1:${edge.port} ssl;
    ssl_certificate ${folder}/tls.crt;
    ssl_certificate_key ${folder}/tls.key;
    location / {
      proxy_pass http://routers;
      proxy_set_header Host $host;
      proxy_connect_timeout 500ms;
      proxy_next_upstream error timeout;
      add_header x-edge ${edge.name} always;
    }
  }
  server { listen 127.0.0.1:${edge.health}; location = /healthz { return 200 ok; } }`,
  };
}

/** Connections to an edge that just went are tried again at the other, so that clients need not see it. */
function startBalancer(
  work: Workplace,
  { edges, port }: { readonly edges: readonly Replica[]; readonly port: number },
): void {
  const servers = edges.map(
    (one) =>
      `  server ${one.name} 127.0.0.1:${one.port} check port ${one.health} inter 300ms fall 2 rise 1`,
  );
  writeFileSync(
    join(work.folder, "haproxy.cfg"),
    `defaults
  mode tcp
  timeout connect 500ms
  timeout client 30s
  timeout server 30s
  timeout check 300ms
  option redispatch 1
  retries 3
listen edge
  bind 127.0.0.1:${port}
  balance first
  option httpchk GET /healthz
${servers.join("\n")}
`,
  );
  work.start("haproxy", ["haproxy", "-db", "-f", "haproxy.cfg"]);
}

/** Each replica by itself, and a request through all of them. */
export function proxyChecks({ edges, routers, port }: ProxyStack): string[] {
  const check = (id: string, url: string, more = ""): string =>
    `{id: ${id}, timeout: 5s, http: {url: "${url}"${more}}}`;
  return [
    ...routers.map((one) => check(one.name, `http://127.0.0.1:${one.health}/ping`)),
    ...edges.map((one) => check(one.name, `http://127.0.0.1:${one.health}/healthz`)),
    check(
      "routed",
      `https://127.0.0.1:${port}/`,
      `, host: ${HOST}, anyCertificate: true, contains: the shop`,
    ),
  ];
}
