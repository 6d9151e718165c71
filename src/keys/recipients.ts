/**
 * For whom a backup is encrypted: flags, else SOPS_AGE_RECIPIENTS, else the
 * matching rule of `.sops.yaml`, else the local keys (facts/age-sops.md 1).
 */
import { OperatorError } from "../errors.ts";
import {
  hintOf,
  recipientsFromFile,
  recipientsFromFlags,
  splitRecipients,
} from "./recipient-lists.ts";
import { checkRecipient } from "./recipient-text.ts";
import { recipientsFromSops } from "./sops-config.ts";
import { configFolder, valueOf } from "./user-folders.ts";
import type { FoundIdentities, KeyKind, KeyWarning } from "./found.ts";
import type { WrittenRecipient } from "./recipient-text.ts";
import type { Host } from "../sys/host.ts";

export interface RecipientOptions {
  /** `-r`: recipients, or comma lists of them. */
  readonly recipients: readonly string[];
  /** `-R`: files in age's recipients format. */
  readonly recipientFiles: readonly string[];
  /** A `.sops.yaml` to use instead of the one found upward; before SOPS_CONFIG. */
  readonly sopsConfig?: string;
  /** Absolute; `.sops.yaml` is looked for from here upward, and relative paths count from here. */
  readonly workingDirectory: string;
  /** Path of the archive to be written: what `path_regex` is matched with. */
  readonly target: string;
  readonly identities: FoundIdentities;
}

export type RecipientSource =
  | "flags"
  | "SOPS_AGE_RECIPIENTS"
  | `.sops.yaml (${string})`
  | "derived from local identities";

export interface ResolvedRecipients {
  /** One or more, each once, all of one kind. */
  readonly recipients: readonly string[];
  readonly kind: KeyKind;
  readonly source: RecipientSource;
  readonly warnings: readonly KeyWarning[];
}

interface Choice {
  readonly source: RecipientSource;
  readonly written: readonly WrittenRecipient[];
  readonly warnings: readonly KeyWarning[];
}

/**
 * Decides for whom to encrypt. Throws an OperatorError (exit `key`) when
 * nobody could open the backup, when a recipient is malformed or of a kind we
 * cannot encrypt to, when post-quantum and classic ones are mixed, when
 * `.sops.yaml` has no matching rule or several key groups; exit `usage` when
 * `.sops.yaml` cannot be read or understood.
 */
export async function resolveRecipients(
  host: Host,
  options: RecipientOptions,
): Promise<ResolvedRecipients> {
  const choice = await firstSource(host, options);
  const { recipients, kind, duplicates } = checkAll(choice.written);
  if (kind === undefined) throw nobody(host, options, choice.warnings);
  const warnings = [...choice.warnings, ...duplicates];
  const local = new Set(options.identities.identities.map(({ recipient }) => recipient));
  if (recipients.every((recipient) => local.has(recipient))) warnings.push(onlyHere(recipients));
  return { recipients, kind, source: choice.source, warnings };
}

async function firstSource(host: Host, options: RecipientOptions): Promise<Choice> {
  const flags = recipientsFromFlags(options.recipients);
  for (const file of options.recipientFiles) {
    flags.push(...(await recipientsFromFile(file, options.workingDirectory)));
  }
  if (flags.length > 0) return { source: "flags", written: flags, warnings: [] };
  const variable = valueOf(host, "SOPS_AGE_RECIPIENTS");
  if (variable !== undefined) {
    const written = splitRecipients(variable, "SOPS_AGE_RECIPIENTS");
    return { source: "SOPS_AGE_RECIPIENTS", written, warnings: [] };
  }
  const sops = await recipientsFromSops(host, options);
  if (sops.rule !== undefined && sops.rule.recipients.length > 0) {
    const source: RecipientSource = `.sops.yaml (${sops.rule.path}, rule ${sops.rule.number})`;
    return { source, written: sops.rule.recipients, warnings: sops.warnings };
  }
  const written = options.identities.identities.map(({ recipient, source }) => ({
    text: recipient,
    where: source,
  }));
  return { source: "derived from local identities", written, warnings: sops.warnings };
}

function checkAll(written: readonly WrittenRecipient[]): {
  recipients: string[];
  kind: KeyKind | undefined;
  duplicates: KeyWarning[];
} {
  const first = new Map<string, WrittenRecipient>();
  const duplicates: KeyWarning[] = [];
  let kind: KeyKind | undefined;
  let kindFrom = "";
  for (const entry of written) {
    const checked = checkRecipient(entry.text);
    if (!checked.ok) {
      const message = `${entry.where} ${checked.reason}`;
      throw new OperatorError("key", checked.code, message, hintOf(checked));
    }
    if (kind !== undefined && kind !== checked.kind) {
      const message = `${kindFrom} is ${named(kind)} and ${entry.where} is ${named(checked.kind)}; one age file cannot have both`;
      throw new OperatorError("key", "RECIPIENTS_MIXED", message, {
        hint: "give the recipients of one kind with -r; a mix would lose the protection of the post-quantum kind",
      });
    }
    if (kind === undefined) {
      kind = checked.kind;
      kindFrom = entry.where;
    }
    const earlier = first.get(entry.text);
    if (earlier === undefined) first.set(entry.text, entry);
    else duplicates.push(duplicate(entry, earlier));
  }
  return { recipients: [...first.keys()], kind, duplicates };
}

function named(kind: KeyKind): string {
  return kind === "x25519" ? "classic (age1…)" : "post-quantum (age1pq1…)";
}

function duplicate(entry: WrittenRecipient, earlier: WrittenRecipient): KeyWarning {
  return {
    code: "RECIPIENT_DUPLICATE",
    message: `${entry.where} is the same recipient as ${earlier.where}`,
    hint: "if these were meant to be two people's keys, one of them cannot open the backup",
  };
}

function onlyHere(recipients: readonly string[]): KeyWarning {
  const what = recipients.length === 1 ? "the only key that opens" : "every key that opens";
  return {
    code: "KEY_ONLY_HERE",
    message: `${what} the backup was found on this host: losing the host loses the backup`,
    hint: "add a recipient whose secret key is kept elsewhere (-r age1…), or keep a copy of the key off this host",
  };
}

function nobody(
  host: Host,
  options: RecipientOptions,
  warnings: readonly KeyWarning[],
): OperatorError {
  const { identities } = options;
  const folder = configFolder(host, undefined)?.path ?? "~/.config";
  const looked = ["-r and -R", "SOPS_AGE_RECIPIENTS", ".sops.yaml", ...identities.places].join(
    "; ",
  );
  const troubles = [...identities.problems, ...warnings].map(({ message }) => message);
  const parts = [
    `looked at: ${looked}`,
    ...(troubles.length === 0 ? [] : [`found but not usable: ${troubles.join("; ")}`]),
    `make a key with: age-keygen -o ${folder}/sops/age/keys.txt, or name a recipient with -r age1…`,
  ];
  const message = "no recipients: there is no key that the backup could be encrypted for";
  return new OperatorError("key", "NO_RECIPIENTS", message, { hint: parts.join("\n") });
}
