/** Recipients as the matching creation rule of `.sops.yaml` has them. */
import { dirname, resolve } from "node:path";
import { OperatorError } from "../errors.ts";
import { compileGoRegex } from "./go-regex.ts";
import { findSopsFile } from "./sops-find.ts";
import { invalidSops, parseSopsRules } from "./sops-parse.ts";
import type { KeyWarning } from "./found.ts";
import type { WrittenRecipient } from "./recipient-text.ts";
import type { SopsFile } from "./sops-find.ts";
import type { SopsKeyGroup, SopsRule } from "./sops-parse.ts";
import type { Host } from "../sys/host.ts";

export interface SopsRecipients {
  /** The rule that matched; absent when there is no `.sops.yaml` or it has no creation rules. */
  readonly rule?: {
    readonly path: string;
    readonly number: number;
    readonly recipients: readonly WrittenRecipient[];
  };
  readonly warnings: readonly KeyWarning[];
}

/**
 * The age recipients of the first creation rule that matches `target`, the
 * path of the archive: a rule for the archive folder is how an operator gives
 * backups recipients of their own.
 *
 * Throws an OperatorError: exit `usage` for a file that is missing, unreadable
 * or wrong (`SOPS_CONFIG_INVALID`, with file and line); exit `key` when no rule
 * matches (`SOPS_NO_RULE`) or the rule has several key groups (`SOPS_KEY_GROUPS`).
 */
export async function recipientsFromSops(
  host: Host,
  options: {
    readonly sopsConfig?: string;
    readonly workingDirectory: string;
    readonly target: string;
  },
): Promise<SopsRecipients> {
  const { file, warnings } = await findSopsFile(host, options);
  if (file === undefined) return { warnings };
  const rules = parseSopsRules(file);
  if (rules === undefined) return { warnings };
  const path = pathForRules(file.path, resolve(options.workingDirectory, options.target));
  const rule = rules.find((candidate) => matches(file, candidate, path));
  if (rule === undefined) throw noRule(file, path);
  const { recipients, others } = keysOf(file, rule);
  return {
    rule: { path: file.path, number: rule.number, recipients },
    warnings: [...warnings, ...otherKeys(file, rule, { others, recipients: recipients.length })],
  };
}

/**
 * The path that `path_regex` sees: relative to the configuration's folder when
 * below it, else absolute. SOPS cuts the folder's name and one slash off, so
 * below `/` itself nothing is cut.
 */
function pathForRules(configPath: string, target: string): string {
  const prefix = `${dirname(configPath)}/`;
  return target.startsWith(prefix) ? target.slice(prefix.length) : target;
}

function matches(file: SopsFile, rule: SopsRule, path: string): boolean {
  if (rule.pathRegex === "") return true;
  const regex = compileGoRegex(rule.pathRegex);
  if ("reason" in regex) {
    throw invalidSops(
      file.path,
      rule.pathLine,
      `has a path_regex that cannot be used: ${regex.reason}`,
    );
  }
  return regex.expression.test(path);
}

function noRule(file: SopsFile, path: string): OperatorError {
  return new OperatorError(
    "key",
    "SOPS_NO_RULE",
    `no creation rule in ${file.path} matches ${path}`,
    {
      hint: "add a rule with path_regex: '\\.tar\\.zst\\.age$', or name the recipients with -r",
    },
  );
}

function keysOf(
  file: SopsFile,
  rule: SopsRule,
): { recipients: WrittenRecipient[]; others: readonly string[] } {
  const where = `${file.path}:${rule.line} (rule ${rule.number})`;
  const [group, second] = rule.keyGroups;
  if (second !== undefined) {
    const count = rule.keyGroups.length;
    const message = `${where} has ${count} key groups: SOPS asks for keys of several, but an age file opens with any one`;
    throw new OperatorError("key", "SOPS_KEY_GROUPS", message, {
      hint: "write a rule with one group for the backups, or name the recipients with -r",
    });
  }
  // A key group makes SOPS ignore the keys that stand in the rule itself.
  if (group === undefined) return { recipients: ruleAge(file, rule, where), others: rule.others };
  const all = flatten(group);
  const items = all.flatMap(({ age }) => age).filter((item) => item !== "");
  const texts = new Set(items.flatMap((item) => item.split(",")).map((text) => text.trim()));
  return {
    recipients: [...texts].map((text) => ({ text, where })),
    others: [...new Set(all.flatMap(({ others }) => others))],
  };
}

/** `age:` of a rule: a comma text, in which empty items are skipped, or a list, in which SOPS refuses them. */
function ruleAge(file: SopsFile, rule: SopsRule, where: string): WrittenRecipient[] {
  const { age } = rule;
  if (age === null || age === undefined) return [];
  let texts: string[];
  if (typeof age === "string") {
    texts = age.split(",").filter((text) => text.trim() !== "");
  } else if (Array.isArray(age) && age.every((item) => typeof item === "string")) {
    const joined = age.join(",");
    texts = joined === "" ? [] : joined.split(",");
  } else {
    throw invalidSops(
      file.path,
      rule.line,
      "has an age: that is neither a text nor a list of texts",
    );
  }
  // SOPS keeps repeated ones here; once is enough to encrypt.
  return [...new Set(texts.map((text) => text.trim()))].map((text) => ({ text, where }));
}

/** A group with all that it merges, in SOPS' order: merged ones first. */
function flatten(group: SopsKeyGroup): SopsKeyGroup[] {
  return [...group.merge.flatMap(flatten), group];
}

function otherKeys(
  file: SopsFile,
  rule: SopsRule,
  found: { readonly others: readonly string[]; readonly recipients: number },
): KeyWarning[] {
  const where = `rule ${rule.number} in ${file.path}`;
  const warnings: KeyWarning[] = [];
  if (found.others.length > 0) {
    warnings.push({
      code: "SOPS_OTHER_KEYS",
      message: `${where} also has ${found.others.join(", ")} keys: who holds those cannot open the backup`,
      hint: "give those people an age key and add its recipient to the rule",
    });
  }
  if (found.recipients === 0) {
    warnings.push({
      code: "SOPS_RULE_WITHOUT_AGE",
      message: `${where} matches but has no age recipients, so the local keys decide`,
      hint: "add age recipients to the rule, or name them with -r",
    });
  }
  return warnings;
}
