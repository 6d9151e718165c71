/** The Secrets of one release against its values files: which are needed, which are there, do they say the same. */
import { compareSecret } from "../ha/drift-secrets.ts";
import { setsFor } from "../ha/find-rules.ts";
import { neededSecrets } from "../ha/secret-needs.ts";
import type { Side } from "../ha/drift-words.ts";
import type { Finding } from "../ha/finding.ts";
import type { DeclaredRelease } from "../ha/releases-file.ts";
import type { ChartRules } from "../ha/rule-schema.ts";
import type { MapNode } from "../ha/value-node.ts";
import type { ReleaseSource, ReleaseState } from "./ha-release-source.ts";

interface SecretWork {
  readonly declared: DeclaredRelease;
  readonly side: Side;
  readonly root: MapNode;
  readonly state: ReleaseState;
  readonly rules: readonly ChartRules[];
  readonly source: ReleaseSource;
}

/** Findings, and how many keys could not be compared. Throws as the source's reading does. */
export async function secretDrift({
  declared,
  side,
  root,
  state,
  rules,
  source,
}: SecretWork): Promise<{ readonly findings: Finding[]; readonly unknown: number }> {
  const { chart } = state;
  const needs = neededSecrets(root, {
    chart: chart.name,
    release: declared.name,
    sets: setsFor(rules, chart),
    declared: declared.secrets,
  });
  if (needs.length === 0) return { findings: [], unknown: 0 };
  const names = needs.map(({ name }) => name);
  const found = await source.secrets(declared.namespace, names);
  const findings: Finding[] = [];
  let unknown = 0;
  for (const need of needs) {
    const data = found.get(need.name);
    if (data === "sealed") {
      unknown += need.keys.length;
      continue;
    }
    const drift = compareSecret(side, need, data);
    findings.push(...drift.findings);
    unknown += drift.unknown;
  }
  return { findings, unknown };
}
