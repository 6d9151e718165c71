/** CoreDNS: rolled out, and it answers (facts/operations.md 5.1, row 4). */
import { askDns } from "../../sys/dns.ts";
import { fail, ok, skip } from "./check.ts";
import { objectAt, rolloutProblem, textAt } from "./objects.ts";
import type { DnsAnswer } from "../../sys/dns.ts";
import type { SmokeCheck, SmokeOutcome } from "./check.ts";

/** The question goes from this host to the Service's address, over both protocols: no pod image need be at hand for it. */
export const dns: SmokeCheck = {
  id: "dns",
  timeout: 25_000,
  hint: "look at: k3s kubectl -n kube-system logs deployment/coredns",
  async run({ cluster, settings }) {
    const service = await objectAt(cluster, "/api/v1/namespaces/kube-system/services/kube-dns");
    const deployment = await objectAt(
      cluster,
      "/apis/apps/v1/namespaces/kube-system/deployments/coredns",
    );
    const address = textAt(service, "spec", "clusterIP");
    if (service === undefined && deployment === undefined && isDisabled(settings, "coredns")) {
      return skip("CoreDNS is switched off (disable: coredns), and no Service kube-dns is there");
    }
    if (address === "" || address === "None") {
      return fail("there is no Service kube-system/kube-dns, so pods have no DNS");
    }
    const problem = deployment === undefined ? undefined : rolloutProblem(deployment);
    if (problem !== undefined) return fail(problem);
    const name = `kubernetes.default.svc.${settings.one("cluster-domain") ?? "cluster.local"}`;
    const kubernetes = await objectAt(cluster, "/api/v1/namespaces/default/services/kubernetes");
    const expected = textAt(kubernetes, "spec", "clusterIP");
    for (const over of ["udp", "tcp"] as const) {
      const problemOver = await problemOfLookup({ address, name, expected, over });
      if (problemOver !== undefined) return problemOver;
    }
    const who = deployment === undefined ? "no Deployment coredns, but " : "CoreDNS rolled out, ";
    return ok(`${who}${address} answers over UDP and TCP: ${name} is ${expected}`);
  },
};

/** Whether K3s was told not to install a part. */
export function isDisabled(
  settings: { all(name: string): readonly string[] },
  part: string,
): boolean {
  return settings.all("disable").some((value) => value.split(",").includes(part));
}

async function problemOfLookup(question: {
  readonly address: string;
  readonly name: string;
  readonly expected: string;
  readonly over: "udp" | "tcp";
}): Promise<SmokeOutcome | undefined> {
  const { address, name, expected, over } = question;
  const where = `${address}:53 over ${over.toUpperCase()}`;
  let answer: DnsAnswer;
  try {
    answer = await askDns({ address, port: 53 }, name, { over, timeout: 4_000 });
  } catch (error) {
    const why = error instanceof Error && error.name === "TimeoutError" ? "in time " : "";
    return fail(
      `no DNS answer ${why}from ${where}`,
      "look at the pods of CoreDNS and at kube-proxy: k3s kubectl -n kube-system get pods,endpointslices",
    );
  }
  return judgeAnswer(answer, { name, expected, where });
}

/** The name has the Service's address. */
export function judgeAnswer(
  answer: DnsAnswer,
  {
    name,
    expected,
    where,
  }: { readonly name: string; readonly expected: string; readonly where: string },
): SmokeOutcome | undefined {
  if (answer.status !== "NOERROR") return fail(`${where} answers ${answer.status} for ${name}`);
  if (answer.addresses.includes(expected)) return undefined;
  return fail(
    `${where} says ${name} is ${answer.addresses.join(", ") || "nothing"}, not ${expected}`,
  );
}
