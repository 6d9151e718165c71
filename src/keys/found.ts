/** What looking for age identities yields; the shapes that the files of this folder share. */

export type KeyKind = "x25519" | "post-quantum";

/** One secret key and where it was. */
export interface FoundIdentity {
  /** `AGE-SECRET-KEY-1…` or `AGE-SECRET-KEY-PQ-1…`. Never print it. */
  readonly secret: string;
  /** `age1…` or `age1pq1…`, derived from `secret`, never taken from a comment. */
  readonly recipient: string;
  readonly kind: KeyKind;
  /** For people, e.g. `SOPS_AGE_KEY_FILE (/root/key.txt) line 3`. */
  readonly source: string;
}

/** A source that could not be used, or only with a doubt. Holds no key text. */
export interface KeyProblem {
  /** `warning`: the operator should look at it. `note`: fine, but good to know (an SSH key that SOPS would use). */
  readonly level: "warning" | "note";
  /** Stable SCREAMING_SNAKE symbol. */
  readonly code: string;
  /** E.g. `SOPS_AGE_KEY_FILE (/root/key.txt)`. */
  readonly source: string;
  /** One sentence, what and where. */
  readonly message: string;
  readonly hint?: string;
}

export interface FoundIdentities {
  /** In the order of the sources, each key once. */
  readonly identities: readonly FoundIdentity[];
  readonly problems: readonly KeyProblem[];
  /** Every place that was looked at, for "looked at: …"; e.g. `SOPS_AGE_KEY (not set)`. */
  readonly places: readonly string[];
}

/** What one source gave. `failed` is the reason why nothing of it can be used. */
export interface SourceResult {
  readonly identities: readonly FoundIdentity[];
  readonly problems: readonly KeyProblem[];
  readonly failed?: KeyProblem;
}

/** A doubt about the recipients: nothing is wrong yet, but somebody should know. */
export interface KeyWarning {
  /** Stable SCREAMING_SNAKE symbol. */
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
}
