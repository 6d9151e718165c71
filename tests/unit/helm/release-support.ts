/** Helm's records as an API server holds them, and what may not be in what is collected. */
import { expect } from "bun:test";
import { gzipSync } from "node:zlib";
import { page, standIn } from "./stand-in.ts";
import type { Collected, StandIn } from "./stand-in.ts";

export const SECRETS = "/api/v1/secrets";

export const CONFIG_MAPS = "/api/v1/configmaps";

export const SECRET = "s3cret-value";

interface RecordOptions {
  readonly namespace?: string;
  readonly name?: string;
  readonly revision?: number;
  /** Text instead of an encoded record. */
  readonly payload?: string;
  readonly objectName?: string;
}

/** A release Secret as the API gives it. */
export function record(options: RecordOptions = {}): Record<string, unknown> {
  const { namespace = "apps", name = "web", revision = 1 } = options;
  const release = {
    name,
    namespace,
    version: revision,
    info: { status: "deployed", description: "Install complete" },
    chart: { metadata: { name: "nginx", version: "1.2.3" }, values: { a: 1, b: 2 } },
    config: { a: revision, password: SECRET },
    manifest: `# revision ${revision}\n`,
  };
  const payload = options.payload ?? gzipSync(JSON.stringify(release)).toString("base64");
  const objectName = options.objectName ?? `sh.helm.release.v1.${name}.v${revision}`;
  return {
    metadata: {
      name: objectName,
      namespace,
      uid: `${namespace}/${objectName}`,
      resourceVersion: "7",
      managedFields: [{ manager: "Helm" }],
      labels: { owner: "helm", status: "deployed" },
    },
    type: "helm.sh/release.v1",
    data: { release: Buffer.from(payload).toString("base64") },
  };
}

/** An API server with these Secrets and ConfigMaps. */
export async function serving(secrets: unknown[], configMaps: unknown[] = []): Promise<StandIn> {
  const server = await standIn();
  await server.answer(SECRETS, page(secrets));
  await server.answer(CONFIG_MAPS, page(configMaps));
  return server;
}

/** `helm` that prints a list of releases whatever it is asked. */
export function helmPrinting(list: unknown): string {
  return `#!/bin/sh\n/bin/cat <<'END'\n${JSON.stringify(list)}\nEND\n`;
}

export const WEB = {
  name: "web",
  namespace: "apps",
  revision: "1",
  status: "deployed",
  chart: "nginx-1.2.3",
};

/** The codes of the gaps, in order. */
export function codes(collected: Collected): string[] {
  return collected.gaps.map((gap) => gap.code);
}

/** Neither gaps nor notes nor the manifest's lines tell a secret. */
export function expectNoSecret({ gaps, notes, releases, phrase }: Collected): void {
  const said = JSON.stringify({ gaps, notes, releases, phrase });
  expect(said).not.toContain("s3cret");
  expect(said).not.toContain(Buffer.from(SECRET).toString("base64").slice(0, 8));
}
