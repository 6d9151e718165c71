/** The passwords of a chart: each in a values file, or in an existing Secret that has all its keys. */
import { at, firstGiven, given, holds } from "./rule-value.ts";
import { existingPath, secretOf } from "./secret-names.ts";
import { parsePath, placeOf } from "./value-node.ts";
import type { Finding } from "./finding.ts";
import type { SecretKeyRule, SecretRule } from "./rule-schema.ts";
import type { KnownSecret } from "./secret-manifests.ts";
import type { MapNode } from "./value-node.ts";

export interface SecretContext {
  readonly chart: string;
  readonly known: readonly KnownSecret[];
}

export interface SecretFindings {
  readonly findings: readonly Finding[];
  /** Secrets that stand in no file given: only the cluster can tell whether they have their keys. */
  readonly unseen: readonly { readonly name: string; readonly keys: readonly string[] }[];
}

/** Checks one rule about a Secret without a cluster. */
export function checkSecret(
  root: MapNode,
  rule: SecretRule,
  context: SecretContext,
): SecretFindings {
  if (!holds(root, rule.when)) return { findings: [], unseen: [] };
  const keys = rule.keys.filter((key) => holds(root, key.when));
  const path = existingPath(root, rule);
  if (path === undefined)
    return { findings: missingValues(root, { rule, keys, context }), unseen: [] };
  const secret = secretOf(rule, { root, release: undefined, chart: context.chart });
  const wanted = keys.map((key) => keyName(root, key));
  const manifest = context.known.find(({ name }) => name === secret?.name);
  if (secret === undefined || manifest === undefined) {
    return { findings: [], unseen: [{ name: secret?.name ?? `of ${path}`, keys: wanted }] };
  }
  const missing = wanted.filter((key) => !manifest.keys.has(key));
  const findings = missing.map((key): Finding => ({
    id: `${context.chart}/${rule.id}.existing-secret`,
    severity: "error",
    at: manifest.at,
    path,
    message: `Secret ${secret.name} lacks the key ${key}, which the chart reads`,
    hint: `put ${key} into it; the chart wants ${wanted.join(", ")}`,
  }));
  return { findings: [...findings, ...wrongKeys(rule, { manifest, path, context })], unseen: [] };
}

/** The key in the Secret; with an existing one the operator may have named it otherwise. */
export function keyName(root: MapNode, rule: SecretKeyRule): string {
  const renamed = rule.keyFrom === undefined ? undefined : at(root, firstGiven(root, rule.keyFrom));
  const isText = renamed?.kind === "scalar" && typeof renamed.value === "string";
  return isText && renamed.value !== "" ? String(renamed.value) : rule.key;
}

interface Missing {
  readonly rule: SecretRule;
  readonly keys: readonly SecretKeyRule[];
  readonly context: SecretContext;
}

function missingValues(root: MapNode, { rule, keys, context }: Missing): Finding[] {
  return keys.flatMap((key) => {
    const [first] = key.values;
    const last = key.values.at(-1);
    if (key.says === undefined || first === undefined || last === undefined) return [];
    if (key.values.some((path) => given(root, path))) return [];
    const existing = rule.existing.at(-1);
    const orSecret =
      existing === undefined ? "" : `, or name a Secret with its keys in ${existing}`;
    return [
      {
        id: `${context.chart}/${rule.id}.${key.key}`,
        severity: key.severity,
        at: placeOf(root, parsePath(last)),
        path: last,
        message: key.says,
        hint: `put ${last} into an encrypted values file${orSecret}`,
      },
    ];
  });
}

interface Wrong {
  readonly manifest: KnownSecret;
  readonly path: string;
  readonly context: SecretContext;
}

function wrongKeys(rule: SecretRule, { manifest, path, context }: Wrong): Finding[] {
  return rule.wrongKeys
    .filter(({ key }) => manifest.keys.has(key))
    .map(({ says, hint }) => ({
      id: `${context.chart}/${rule.id}.wrong-key`,
      severity: "warning",
      at: manifest.at,
      path,
      message: `Secret ${manifest.name} ${says}`,
      hint,
    }));
}
