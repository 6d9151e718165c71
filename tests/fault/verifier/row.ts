/** A row of the table: a check of `verify`, an archive that it refuses, and what happens without it. */

/** An archive as a file, and what is known of it besides. */
export interface Made {
  readonly bytes: Uint8Array;
  /** Secret key that opens it. */
  readonly identity: string;
  /** File name; one that says nothing unless given. */
  readonly name?: string;
  /** SHA-256 the file should have. */
  readonly sha256?: string;
}

export interface Row {
  /** Below src/. */
  readonly file: string;
  /** Words on the line of this check's `throw` (or `yield`) statement, or in it, and of no other in that file. Undefined: it is no statement of its own. */
  readonly site?: string;
  /** How the check is taken out of a copy of the sources. Default: the statement of `site` is left out. */
  readonly off?: readonly (readonly [from: string, to: string])[];
  /** What is wrong with the archive. */
  readonly mutation: string;
  readonly make: () => Promise<Made>;
  readonly code: string;
  /** Words of the refusal, where the code alone does not tell which check it was. */
  readonly says?: string;
  /** The check is one of two on purpose: what refuses the archive when this one is off, and why there are two. */
  readonly behind?: { readonly says: string; readonly why: string };
}

/** A `throw` that refuses no archive. */
export interface NoCheck {
  readonly file: string;
  readonly site: string;
  readonly why: string;
}
