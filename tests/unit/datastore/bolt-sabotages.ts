/** Ways to damage the structure of a bolt file, each caught by one check: what is done, and what must be said. */
import { buildBolt, inlinePage } from "./build-bolt.ts";
import { fixture, Patient, snapshot } from "./support.ts";

const many = snapshot("etcd-3.7-many");
const small = snapshot("etcd-3.7");
/** The small one with its list of free pages stored. */
export const listed = fixture("freelist.db");

export interface Sabotage {
  readonly name: string;
  readonly from: Uint8Array;
  readonly change: (patient: Patient) => void;
  /** What must be said: so it is this check that caught it. */
  readonly says: RegExp;
  /** bbolt looks at inline buckets, free space and lengths less closely than we do. */
  readonly stricterThanBbolt?: true;
}

/** The list of free pages of the file that has one. */
export function freelist(patient: Patient): number {
  return patient.page(Number(patient.view.getBigUint64(patient.meta + 32, true)));
}

/** The key bucket's root in a tree of several levels. */
function keyBranch(patient: Patient): number {
  return patient.bucketRoot("key");
}

export const SABOTAGES: readonly Sabotage[] = [
  {
    name: "a first meta page that is not called so",
    from: small,
    change: (p) => p.view.setUint16(8, 0, true),
    says: /page 0 is not a meta page/,
  },
  {
    name: "a second meta page that says it is the first",
    from: small,
    change: (p) => p.view.setBigUint64(p.page(1), 0n, true),
    says: /page 1 is not a meta page/,
  },
  {
    name: "a page that says it is another",
    from: many,
    change: (p) => p.view.setBigUint64(p.page(p.firstLeaf(keyBranch(p))), 999n, true),
    says: /page \d+ says it is page 999/,
  },
  {
    name: "a page of no known kind",
    from: many,
    change: (p) => p.view.setUint16(p.page(p.firstLeaf(keyBranch(p))) + 8, 0x40, true),
    says: /neither branch nor leaf \(flags 0x40\)/,
  },
  {
    name: "a leaf that is called free",
    from: many,
    change: (p) => p.view.setUint16(p.page(p.firstLeaf(keyBranch(p))) + 8, 0x10, true),
    says: /neither branch nor leaf/,
  },
  {
    name: "more elements than a page can hold",
    from: many,
    change: (p) => p.view.setUint16(p.page(p.firstLeaf(keyBranch(p))) + 10, 60_000, true),
    says: /cannot hold 60000 elements/,
  },
  {
    name: "a branch without children",
    from: many,
    change: (p) => p.view.setUint16(p.page(p.child(keyBranch(p), 0)) + 10, 0, true),
    says: /branch page \d+ has no children/,
    stricterThanBbolt: true,
  },
  {
    name: "an overflow beyond the last page",
    from: many,
    change: (p) => p.view.setUint32(p.page(p.firstLeaf(keyBranch(p))) + 12, 100_000, true),
    says: /reaches beyond the last page/,
  },
  {
    name: "an overflow into the next page in use",
    from: many,
    change: (p) => p.view.setUint32(p.page(p.firstLeaf(keyBranch(p))) + 12, 3, true),
    says: /page \d+ is used twice/,
  },
  {
    name: "a value that ends outside its page",
    from: many,
    change: (p) => p.view.setUint32(p.element(p.firstLeaf(keyBranch(p)), 0) + 12, 50_000, true),
    says: /element 0 of page \d+ lies outside its place/,
    stricterThanBbolt: true,
  },
  {
    name: "a key that lies over the elements",
    from: many,
    change: (p) => p.view.setUint32(p.element(p.firstLeaf(keyBranch(p)), 0) + 4, 4, true),
    says: /element 0 of page \d+ lies outside its place/,
    stricterThanBbolt: true,
  },
  {
    name: "two elements over each other",
    from: many,
    change: (p) => {
      const leaf = p.firstLeaf(keyBranch(p));
      const at = p.element(leaf, 1) + 4;
      p.view.setUint32(at, p.view.getUint32(at, true) - 1, true);
    },
    says: /element 1 of page \d+ lies outside its place/,
    stricterThanBbolt: true,
  },
  {
    name: "a key of no bytes",
    from: many,
    change: (p) => p.view.setUint32(p.element(p.firstLeaf(keyBranch(p)), 0) + 8, 0, true),
    says: /has a key of 0 bytes/,
    stricterThanBbolt: true,
  },
  {
    name: "keys out of order in a leaf",
    from: many,
    change: (p) => {
      const leaf = p.firstLeaf(keyBranch(p));
      const { at } = p.key(leaf, 0);
      p.bytes[at + 16] = 0xff;
    },
    says: /keys of page \d+ are out of order at element 1/,
  },
  {
    name: "the same key twice in a leaf",
    from: many,
    change: (p) => {
      const leaf = p.firstLeaf(keyBranch(p));
      const first = p.key(leaf, 0);
      p.bytes.copyWithin(p.key(leaf, 1).at, first.at, first.at + first.length);
    },
    says: /keys of page \d+ are out of order at element 1/,
  },
  {
    name: "keys out of order in a branch",
    from: many,
    change: (p) => {
      const branch = p.child(keyBranch(p), 0);
      const element = p.element(branch, 0);
      p.bytes[element + p.view.getUint32(element, true) + 16] = 0xff;
    },
    says: /keys of page \d+ are out of order at element 1/,
  },
  {
    name: "a first key below what the parent says",
    from: many,
    change: (p) => {
      const leaf = p.child(p.child(keyBranch(p), 0), 3);
      p.bytes[p.key(leaf, 0).at + 16] = 0;
      p.bytes[p.key(leaf, 0).at + 15] = 0;
    },
    says: /holds keys below those its parent says/,
  },
  {
    name: "a last key above the parent's next",
    from: many,
    change: (p) => {
      const leaf = p.child(p.child(keyBranch(p), 0), 3);
      p.bytes[p.key(leaf, p.count(leaf) - 1).at] = 0x7f;
    },
    says: /holds keys above those its parent says/,
  },
  {
    name: "a last child that reaches into the next branch",
    from: many,
    change: (p) => {
      const branch = p.child(keyBranch(p), 0);
      const leaf = p.child(branch, p.count(branch) - 1);
      p.bytes[p.key(leaf, p.count(leaf) - 1).at] = 0x7f;
    },
    says: /holds keys above those its parent says/,
  },
  {
    name: "a page of two buckets",
    from: many,
    change: (p) => p.view.setBigUint64(p.bucketValue("alarm"), BigInt(keyBranch(p)), true),
    says: /page \d+ is used twice/,
  },
  {
    name: "a branch that is its own child",
    from: many,
    change: (p) => p.view.setBigUint64(p.element(keyBranch(p), 0) + 8, BigInt(keyBranch(p)), true),
    says: /page \d+ is used twice/,
  },
  {
    name: "a child beyond the last page",
    from: many,
    change: (p) => p.view.setBigUint64(p.element(keyBranch(p), 0) + 8, 1n << 40n, true),
    says: /points to page 1099511627776 of/,
  },
  {
    name: "a child that is a meta page",
    from: many,
    change: (p) => p.view.setBigUint64(p.element(keyBranch(p), 0) + 8, 1n, true),
    says: /points to page 1 of/,
  },
  {
    name: "a bucket whose root is beyond the last page",
    from: many,
    change: (p) => p.view.setBigUint64(p.bucketValue("key"), 77_777n, true),
    says: /points to page 77777 of/,
  },
  {
    name: "an element of an unknown kind",
    from: many,
    change: (p) => p.view.setUint32(p.element(p.firstLeaf(keyBranch(p)), 0), 2, true),
    says: /element 0 of page \d+ is of an unknown kind \(2\)/,
    stricterThanBbolt: true,
  },
  {
    name: "a bucket without its header",
    from: buildBolt([{ leaf: { top: { bucket: 3 } } }, { leaf: { key: "short" } }]),
    change: (p) => p.view.setUint32(p.element(3, 0), 1, true),
    says: /the bucket in element 0 of page 3 is cut short/,
    stricterThanBbolt: true,
  },
  {
    name: "an inline bucket that is no leaf",
    from: small,
    change: (p) => p.view.setUint16(p.bucketValue("cluster") + 16 + 8, 1, true),
    says: /the bucket inside page \d+ is not a leaf/,
    stricterThanBbolt: true,
  },
  {
    name: "an inline bucket with more elements than it can hold",
    from: small,
    change: (p) => p.view.setUint16(p.bucketValue("cluster") + 16 + 10, 999, true),
    says: /cannot hold 999 elements/,
    stricterThanBbolt: true,
  },
  {
    name: "an inline bucket in an inline bucket",
    from: buildBolt([
      {
        leaf: { top: { inline: inlinePage({ inner: { inline: inlinePage({ key: "value" }) } }) } },
      },
    ]),
    change: () => undefined,
    says: /holds a further bucket/,
    stricterThanBbolt: true,
  },
  {
    name: "an inline bucket without a page",
    from: buildBolt([{ leaf: { top: { inline: new Uint8Array(4) } } }]),
    change: () => undefined,
    says: /the bucket inside page 2 has no page/,
    stricterThanBbolt: true,
  },
  {
    name: "a key longer than bolt takes",
    from: buildBolt([{ leaf: { ["k".repeat(40_000)]: "value" } }], 65_536),
    change: () => undefined,
    says: /has a key of 40000 bytes/,
    stricterThanBbolt: true,
  },
  {
    name: "a tree deeper than any can be",
    from: buildBolt([
      ...Array.from({ length: 70 }, (_, index) => ({ branch: [["a", index + 3]] as const })),
      { leaf: { a: "1" } },
    ]),
    change: () => undefined,
    says: /its tree is deeper than 64 pages/,
    stricterThanBbolt: true,
  },
  {
    name: "a high-water mark beyond the end of the file",
    from: small,
    change: (p) => p.setMeta(40, 1_000_000n),
    says: /it needs 1000000 pages of 4096 bytes, the file has \d+ bytes/,
    stricterThanBbolt: true,
  },
  {
    name: "a high-water mark below pages in use",
    from: small,
    change: (p) => p.setMeta(40, BigInt(Math.max(p.root, p.bucketRoot("key")))),
    says: /its root is page|points to page|reaches beyond the last page/,
    // A page equal to the mark is within it for bbolt (`p.Id() > hwm`).
    stricterThanBbolt: true,
  },
  {
    name: "a root that is no page",
    from: small,
    change: (p) => p.setMeta(16, 0n),
    says: /its root is page 0 of/,
    stricterThanBbolt: true,
  },
  {
    name: "a list of free pages that is no page",
    from: small,
    change: (p) => p.setMeta(32, 123_456n),
    says: /its list of free pages is page 123456 of/,
  },
  {
    name: "a list of free pages that is a leaf",
    from: listed,
    change: (p) => p.view.setUint16(freelist(p) + 8, 2, true),
    says: /page \d+ is not the list of free pages/,
  },
  {
    name: "a free page that is in use",
    from: listed,
    change: (p) => {
      const at = freelist(p);
      const last = at + 16 + (p.view.getUint16(at + 10, true) - 1) * 8;
      p.view.setBigUint64(last, BigInt(p.firstLeaf(p.bucketRoot("key"))), true);
      sortFree(p);
    },
    says: /page \d+ is in use and listed as free/,
  },
  {
    name: "a free page that is not listed",
    from: listed,
    change: (p) => {
      const at = freelist(p) + 10;
      p.view.setUint16(at, p.view.getUint16(at, true) - 1, true);
    },
    says: /page \d+ is neither in use nor free/,
  },
  {
    name: "a page listed as free twice",
    from: listed,
    change: (p) => {
      const at = freelist(p) + 16;
      p.view.setBigUint64(at + 8, p.view.getBigUint64(at, true), true);
    },
    says: /the list of free pages is out of order/,
  },
  {
    name: "a free page beyond the last one",
    from: listed,
    change: (p) => {
      const at = freelist(p);
      p.view.setBigUint64(at + 16 + (p.view.getUint16(at + 10, true) - 1) * 8, 4_000_000n, true);
    },
    says: /the list of free pages is out of order at page 4000000/,
  },
  {
    name: "a list of free pages longer than its page",
    from: listed,
    change: (p) => p.view.setUint16(freelist(p) + 10, 5000, true),
    says: /the list of free pages cannot hold 5000 of them/,
  },
  {
    name: "a list of free pages with a long count that is too long",
    from: listed,
    change: (p) => {
      p.view.setUint16(freelist(p) + 10, 0xffff, true);
      p.view.setBigUint64(freelist(p) + 16, 1n << 33n, true);
    },
    says: /the list of free pages cannot hold 8589934592 of them/,
  },
  {
    name: "a list of free pages that overflows the file",
    from: listed,
    change: (p) => p.view.setUint32(freelist(p) + 12, 70_000, true),
    says: /the list of free pages reaches beyond the last page/,
  },
];

function sortFree(patient: Patient): void {
  const at = freelist(patient);
  const ids = new BigUint64Array(
    patient.bytes.slice(at + 16, at + 16 + patient.view.getUint16(at + 10, true) * 8).buffer,
  ).sort();
  for (const [index, id] of ids.entries()) patient.view.setBigUint64(at + 16 + index * 8, id, true);
}

/** A copy of the sound file with the damage done. */
export function sabotaged({ from, change }: Sabotage): Uint8Array {
  const bytes = from.slice();
  change(new Patient(bytes));
  return bytes;
}
