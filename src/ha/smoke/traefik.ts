/** Traefik: available, `/ping` of each replica, and a request through the load balancer's address (facts/operations.md 5.1, row 5). */
import { httpRequest } from "../../sys/http.ts";
import { count } from "../../words.ts";
import { fail, ok, skip } from "./check.ts";
import { isDisabled } from "./dns.ts";
import {
  at,
  fullName,
  listAt,
  numberAt,
  objectAt,
  objectsAt,
  rolloutProblem,
  textAt,
} from "./objects.ts";
import type { HttpAnswer } from "../../sys/http.ts";
import type { JsonObject } from "../../k3s/kubectl.ts";
import type { SmokeCheck, SmokeEnvironment, SmokeOutcome } from "./check.ts";

const LABEL = "app.kubernetes.io/name=traefik";
const LOGS = "look at: k3s kubectl -n kube-system logs -l app.kubernetes.io/name=traefik";

export const traefik: SmokeCheck = {
  id: "traefik",
  timeout: 40_000,
  hint: LOGS,
  async run(environment) {
    const { cluster } = environment;
    const deployments = await objectsAt(cluster, "/apis/apps/v1/deployments", LABEL);
    if (deployments.length === 0) return await absent(environment);
    const unfinished = deployments.map(rolloutProblem).find((problem) => problem !== undefined);
    if (unfinished !== undefined) return fail(unfinished);
    const pods = (await objectsAt(cluster, "/api/v1/pods", LABEL)).filter(isReady);
    for (const pod of pods) {
      const problem = await problemOfPing(pod);
      if (problem !== undefined) return problem;
    }
    const services = await objectsAt(cluster, "/api/v1/services", LABEL);
    const service = services.find((one) => textAt(one, "spec", "type") === "LoadBalancer");
    const pinged = `${count(pods.length, "replica")} answer /ping`;
    if (service === undefined)
      return ok(`${pinged}; no Service of type LoadBalancer to route through`);
    const routed = await routedRequest(environment, service);
    return routed.outcome === "ok" ? ok(`${pinged}; ${routed.detail}`) : routed;
  },
};

/** None is a fault only where K3s is meant to install it: its HelmChart is there, and nobody switched it off. */
async function absent({ cluster, settings }: SmokeEnvironment): Promise<SmokeOutcome> {
  if (isDisabled(settings, "traefik")) return skip("Traefik is switched off (disable: traefik)");
  const chart = await objectAt(
    cluster,
    "/apis/helm.cattle.io/v1/namespaces/kube-system/helmcharts/traefik",
  );
  if (chart === undefined) return skip("no Traefik is installed");
  return fail(
    "K3s is to install Traefik, and there is no Deployment of it",
    "look at: k3s kubectl -n kube-system get jobs,helmcharts; without Traefik: disable: [traefik] in config.yaml",
  );
}

function isReady(pod: JsonObject): boolean {
  return (
    textAt(pod, "metadata", "deletionTimestamp") === "" &&
    listAt(pod, "status", "conditions").some(
      (one) => textAt(one, "type") === "Ready" && textAt(one, "status") === "True",
    )
  );
}

/** Where `/ping` is: 8080 since chart 28, 9000 before, or what the values say; the readiness probe knows. */
export function pingUrl(pod: unknown): string | undefined {
  const address = textAt(pod, "status", "podIP");
  for (const container of listAt(pod, "spec", "containers")) {
    const probe = at(container, "readinessProbe", "httpGet");
    const port = at(probe, "port");
    const number =
      typeof port === "number"
        ? port
        : numberAt(
            listAt(container, "ports").find((one) => textAt(one, "name") === port),
            "containerPort",
          );
    if (number === 0 || address === "") continue;
    const scheme = textAt(probe, "scheme") === "HTTPS" ? "https" : "http";
    const host = address.includes(":") ? `[${address}]` : address;
    return `${scheme}://${host}:${number}${textAt(probe, "path") || "/ping"}`;
  }
  return undefined;
}

async function problemOfPing(pod: JsonObject): Promise<SmokeOutcome | undefined> {
  const url = pingUrl(pod);
  if (url === undefined)
    return fail(`${fullName(pod)} has no readiness probe that says where /ping is`);
  const answer = await ask(url);
  if (answer === undefined) return fail(`${fullName(pod)} does not answer at ${url}`, LOGS);
  return answer.status === 200
    ? undefined
    : fail(`${fullName(pod)} answers ${answer.status} at ${url}`, LOGS);
}

async function ask(url: string, host?: string): Promise<HttpAnswer | undefined> {
  try {
    return await httpRequest(url, {
      timeout: 5_000,
      anyCertificate: true,
      ...(host === undefined ? {} : { headers: { host } }),
    });
  } catch {
    return undefined;
  }
}

/** A host that some Ingress of Traefik's routes by. */
export function routedHost(ingresses: readonly unknown[]): string | undefined {
  for (const ingress of ingresses) {
    const name = textAt(ingress, "spec", "ingressClassName");
    if (name !== "" && !name.includes("traefik")) continue;
    const host = listAt(ingress, "spec", "rules")
      .map((rule) => textAt(rule, "host"))
      .find((one) => one !== "" && !one.includes("*"));
    if (host !== undefined) return host;
  }
  return undefined;
}

async function routedRequest(
  { cluster }: SmokeEnvironment,
  service: JsonObject,
): Promise<SmokeOutcome> {
  const [first] = listAt(service, "status", "loadBalancer", "ingress");
  const address = textAt(first, "ip") || textAt(first, "hostname");
  if (address === "") return fail(`${fullName(service)} has no load balancer address`);
  const ports = listAt(service, "spec", "ports");
  const port = ports.find((one) => textAt(one, "name") === "web") ?? ports[0];
  const where = `${address.includes(":") ? `[${address}]` : address}:${numberAt(port, "port") || 80}`;
  const host = routedHost(await objectsAt(cluster, "/apis/networking.k8s.io/v1/ingresses"));
  const answer = await ask(`http://${where}/`, host ?? "smoke.railiance.invalid");
  if (answer === undefined) {
    return fail(
      `no answer through the load balancer at ${where}`,
      "look at the svclb pods and at what listens there: ss -ltnp",
    );
  }
  return judgeRouted(answer, { where, host });
}

/** Without an Ingress to ask for, Traefik's own 404 shows that its entry point is reached. */
export function judgeRouted(
  answer: Pick<HttpAnswer, "status" | "body">,
  { where, host }: { readonly where: string; readonly host: string | undefined },
): SmokeOutcome {
  if (host === undefined) {
    return answer.status === 404
      ? ok(`${where} reaches it (404: no Ingress names a host to ask for)`)
      : fail(`${where} answers ${answer.status} for a host that nobody routes; is that Traefik?`);
  }
  const unrouted = answer.status === 404 && answer.body.trim() === "404 page not found";
  if (unrouted || answer.status >= 500) {
    return fail(
      `${host} through ${where}: ${unrouted ? "no route (Traefik's 404)" : `HTTP ${answer.status}`}`,
      `look at: k3s kubectl get ingress,endpointslices -A; ${LOGS.replace("look at: ", "")}`,
    );
  }
  return ok(`${host} through ${where} answers ${answer.status}`);
}
