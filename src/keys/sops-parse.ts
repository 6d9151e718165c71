/** The part of a `.sops.yaml` that says for whom files are encrypted, with the lines for messages. */
import * as v from "valibot";
import { LineCounter, isNode, parseAllDocuments } from "yaml";
import type { Document } from "yaml";
import { OperatorError } from "../errors.ts";
import type { SopsFile } from "./sops-find.ts";

export interface SopsKeyGroup {
  readonly merge: readonly SopsKeyGroup[];
  readonly age: readonly string[];
  /** Names of the other key types that this group has keys of, e.g. `pgp`. */
  readonly others: readonly string[];
}

export interface SopsRule {
  /** Counted from 1, as in the file. */
  readonly number: number;
  /** Of the rule itself; `pathLine` of its `path_regex`. */
  readonly line: number;
  readonly pathLine: number;
  /** Empty matches everything. */
  readonly pathRegex: string;
  /** As written: SOPS checks its type only in the rule that matches. */
  readonly age: unknown;
  readonly others: readonly string[];
  readonly keyGroups: readonly SopsKeyGroup[];
}

const RULE_OTHERS = [
  "pgp",
  "kms",
  "gcp_kms",
  "hckms",
  "azure_keyvault",
  "hc_vault_transit_uri",
] as const;
const GROUP_OTHERS = ["pgp", "kms", "gcp_kms", "hckms", "azure_keyvault", "hc_vault"] as const;

const Text = v.nullish(v.string(), "");
// go-yaml, which SOPS reads with, drops empty items from lists of texts and of objects.
const Items = v.pipe(
  v.nullish(v.array(v.nullable(v.string())), []),
  v.transform((items) => items.filter((item) => item !== null)),
);
const Anything = v.nullish(v.array(v.unknown()), []);

interface RawGroup {
  readonly merge?: readonly (RawGroup | null)[] | null | undefined;
  readonly age?: readonly (string | null)[] | null | undefined;
  readonly [other: string]: unknown;
}
const Group: v.GenericSchema<RawGroup, SopsKeyGroup> = v.pipe(
  v.looseObject({
    merge: v.pipe(
      v.nullish(v.array(v.nullable(v.lazy(() => Group))), []),
      v.transform((groups) => groups.filter((group) => group !== null)),
    ),
    age: Items,
    pgp: Anything,
    kms: Anything,
    gcp_kms: Anything,
    hckms: Anything,
    azure_keyvault: Anything,
    hc_vault: Anything,
  }),
  v.transform((group) => ({
    merge: group.merge,
    age: group.age,
    others: GROUP_OTHERS.filter((name) => group[name].length > 0),
  })),
);
const Rule = v.looseObject({
  path_regex: Text,
  age: v.optional(v.unknown()),
  key_groups: v.nullish(v.array(v.nullable(Group)), []),
});
const Config = v.nullish(v.looseObject({ creation_rules: v.nullish(v.array(v.nullable(Rule))) }));

/**
 * The creation rules of a `.sops.yaml`; undefined when it has none, which SOPS
 * treats like no file at all. Throws an OperatorError (exit `usage`,
 * `SOPS_CONFIG_INVALID`) with file and line.
 */
export function parseSopsRules(file: SopsFile): SopsRule[] | undefined {
  const lines = new LineCounter();
  // Every scalar is a text (as SOPS wants them), except null; `<<` merges work in go-yaml too.
  const documents = parseAllDocuments(file.text, {
    schema: "failsafe",
    customTags: (tags) => [...tags, "null", "merge"],
    lineCounter: lines,
    prettyErrors: false,
  });
  const document = Array.isArray(documents) ? documents[0] : undefined;
  if (document === undefined) return undefined; // SOPS reads only the first document
  const [error] = document.errors;
  if (error !== undefined) {
    throw invalidSops(
      file.path,
      lines.linePos(error.pos[0]).line,
      `is not valid YAML: ${error.message}`,
    );
  }
  const lineOf = (keys: readonly PropertyKey[]): number => nearestLine(document, keys, lines);
  let parsed;
  try {
    parsed = v.safeParse(Config, document.toJS({ maxAliasCount: 10_000 }));
  } catch {
    // An alias without anchor, or one that contains itself.
    throw invalidSops(file.path, 1, "has an alias (*name) that leads nowhere or into itself");
  }
  if (!parsed.success) {
    const [issue] = parsed.issues;
    const keys = issue.path?.map(({ key }) => key).filter(isKey) ?? [];
    const name = keys.findLast((key) => typeof key === "string") ?? "the file";
    // Only the kind of what stands there is told: it could be a key, put in the wrong place.
    const found = issue.received.startsWith('"') ? "a text" : issue.received;
    const reason = `expects another kind of value for ${String(name)}, not ${found}`;
    throw invalidSops(file.path, lineOf(keys), reason);
  }
  return parsed.output?.creation_rules?.flatMap((rule, index) => {
    if (rule === null) return [];
    const path = ["creation_rules", index];
    return [
      {
        number: index + 1,
        line: lineOf(path),
        pathLine: lineOf([...path, "path_regex"]),
        pathRegex: rule.path_regex,
        age: rule.age,
        others: RULE_OTHERS.filter((name) => hasKeys(rule[name])),
        keyGroups: rule.key_groups.filter((group) => group !== null),
      },
    ];
  });
}

/** An error in a `.sops.yaml`, with file and line. */
export function invalidSops(path: string, line: number, reason: string): OperatorError {
  return new OperatorError("usage", "SOPS_CONFIG_INVALID", `${path}:${line} ${reason}`, {
    hint: "correct the file, or name the recipients with -r",
  });
}

function hasKeys(value: unknown): boolean {
  return typeof value === "string" ? value !== "" : Array.isArray(value) && value.length > 0;
}

function isKey(key: unknown): key is string | number {
  return typeof key === "string" || typeof key === "number";
}

/** The line of the deepest node on the way that can be found: aliases and merges have no place of their own. */
function nearestLine(document: Document, keys: readonly PropertyKey[], lines: LineCounter): number {
  for (let length = keys.length; length > 0; length--) {
    try {
      const node: unknown = document.getIn(keys.slice(0, length), true);
      if (isNode(node) && node.range) return lines.linePos(node.range[0]).line;
    } catch {
      // Below an alias there is nothing to find.
    }
  }
  return 1;
}
