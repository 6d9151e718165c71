/** The real Traefik (tests/lab/traefik) as a process: it routes one host to a backend, and answers `/ping` on a port of its own. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { TRAEFIK } from "../../lab/places.ts";
import { startPod } from "./pod.ts";
import type { Workplace } from "./programs.ts";

/** Its routes come from a file, NAME-routes.yaml; killing the process id in NAME.pid ends it. */
export function startTraefik(
  work: Workplace,
  { name, port, health }: { readonly name: string; readonly port: number; readonly health: number },
  { host, backend }: { readonly host: string; readonly backend: number },
): void {
  const routes = join(work.folder, `${name}-routes.yaml`);
  write(join(work.folder, `${name}.yaml`), {
    global: { checkNewVersion: false, sendAnonymousUsage: false },
    entryPoints: {
      web: { address: `127.0.0.1:${port}` },
      ping: { address: `127.0.0.1:${health}` },
    },
    ping: { entryPoint: "ping" },
    providers: { file: { filename: routes, watch: false } },
  });
  write(routes, {
    http: {
      routers: { shop: { entryPoints: ["web"], rule: `Host(\`${host}\`)`, service: "shop" } },
      services: { shop: { loadBalancer: { servers: [{ url: `http://127.0.0.1:${backend}` }] } } },
    },
  });
  startPod(work, name, { argv: [TRAEFIK, `--configFile=${name}.yaml`] });
}

/** JSON is YAML. */
function write(path: string, content: unknown): void {
  writeFileSync(path, JSON.stringify(content));
}
