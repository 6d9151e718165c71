/** What one check of HA saw. */

export interface CheckOutcome {
  readonly passed: boolean;
  /** One phrase: what was seen. No secrets, no final stop. */
  readonly detail: string;
  /** What to do about it. */
  readonly hint?: string;
}

export function good(detail: string): CheckOutcome {
  return { passed: true, detail };
}

export function bad(detail: string, hint?: string): CheckOutcome {
  return { passed: false, detail, ...(hint === undefined ? {} : { hint }) };
}
