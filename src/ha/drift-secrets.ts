/** Needed Secrets against those that are there. Equality by salted hash; nothing of them is kept. */
import { sameSecret } from "./same-secret.ts";
import {
  secretDiffers,
  secretKeyMissing,
  secretMissing,
  secretUnversioned,
  secretWrongKey,
} from "./drift-words.ts";
import type { Side } from "./drift-words.ts";
import type { Finding } from "./finding.ts";
import type { NeededSecret } from "./secret-needs.ts";

/** Decoded data by key; secret. Undefined: no such Secret. */
export type SecretData = ReadonlyMap<string, Uint8Array> | undefined;

export interface SecretDrift {
  readonly findings: readonly Finding[];
  /** Encrypted values that no key opened: equal or not, nobody knows. */
  readonly unknown: number;
}

/** Compares one needed Secret with what is there. */
export function compareSecret(side: Side, secret: NeededSecret, data: SecretData): SecretDrift {
  if (data === undefined) return { findings: [secretMissing(side, secret)], unknown: 0 };
  const findings: Finding[] = [];
  let unknown = 0;
  for (const key of secret.keys) {
    const found = data.get(key.key);
    if (found === undefined) {
      if (key.mustExist) findings.push(secretKeyMissing(side, secret, key.key));
    } else if (key.value === undefined) {
      if (key.required) findings.push(secretUnversioned(side, secret, key));
    } else if (key.value.kind !== "scalar") {
      unknown += 1;
    } else if (!sameSecret(String(key.value.value), found)) {
      findings.push(secretDiffers(side, secret, key));
    }
  }
  const wrong = secret.wrongKeys.filter(({ key }) => data.has(key));
  return {
    findings: [...findings, ...wrong.map((one) => secretWrongKey(side, secret, one))],
    unknown,
  };
}
