/** A whole archive, and archives that are sabotaged in one place each. */
import { createHash } from "node:crypto";
import { fixtureSnapshot, makeTestArchive } from "../../helpers/archive.ts";
import type { TestArchiveOptions } from "../../helpers/archive.ts";

export const whole = await makeTestArchive();

export const { manifest } = whole;

export const facts = await fixtureSnapshot().facts;

// What only the datastore's part of the proof can see.
const { bytes: snapshot } = fixtureSnapshot();

function flipped(at: number): Uint8Array {
  const copy = snapshot.slice();
  copy[at] = (copy[at] ?? 0) ^ 1;
  return copy;
}

/** Every page of another kind, and a right trailer again: only walking the pages finds it. */
function otherPages(): Uint8Array {
  const copy = snapshot.slice();
  const body = copy.subarray(0, copy.length - 32);
  for (let page = 2 * 4096; page < body.length; page += 4096) body[page + 8] = 0x40;
  copy.set(createHash("sha256").update(body).digest(), body.length);
  return copy;
}

export const SABOTAGED: readonly (readonly [
  what: string,
  options: TestArchiveOptions,
  code: string,
])[] = [
  ["a snapshot with another byte", { datastore: flipped(50_000) }, "SNAPSHOT_HASH"],
  ["a snapshot that is cut", { datastore: snapshot.slice(0, 40_000) }, "SNAPSHOT_CUT"],
  [
    "a snapshot with broken pages and a right hash",
    { datastore: otherPages() },
    "SNAPSHOT_STRUCTURE",
  ],
  [
    "another revision than recorded",
    { manifest: { datastore: { ...manifest.datastore, revision: facts.revision - 1 } } },
    "MANIFEST_MISMATCH",
  ],
  [
    "another number of keys",
    { manifest: { datastore: { ...manifest.datastore, keys: facts.keys + 1 } } },
    "MANIFEST_MISMATCH",
  ],
  [
    "another token hash than recorded",
    { manifest: { tokenHash: "000000000000" } },
    "TOKEN_MISMATCH",
  ],
  ["a token that does not open the snapshot", { token: "other-password" }, "BOOTSTRAP_OTHER_TOKEN"],
  [
    "a token that is none",
    { token: "K10abc::", manifest: { tokenHash: "000000000000" } },
    "TOKEN_MISMATCH",
  ],
  [
    "another cluster's certificates",
    { manifest: { cluster: { name: "prod", id: "0".repeat(64) } } },
    "CLUSTER_MISMATCH",
  ],
  [
    "a wrong signature",
    { manifest: { signature: { publicKey: "AAAA", value: "AAAA" } } },
    "SIGNATURE_WRONG",
  ],
];
