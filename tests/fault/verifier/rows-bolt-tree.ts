/** Checks of a bolt file's pages: the tree they make, and what stands in each. */
import { CHILD, STRUCTURE, branchKey, keyRoot, row } from "./datastore-row.ts";
import {
  bolt,
  branchPage,
  bucketValue,
  database,
  inlineElement,
  inlineEntry,
  leafPage,
  pagesOf,
  withBucket,
} from "./surgeon.ts";
import type { Patient } from "../../unit/datastore/support.ts";
import type { Row } from "./row.ts";

function lastKey(patient: Patient, leaf: number): Uint8Array {
  const { at } = patient.key(leaf, patient.count(leaf) - 1);
  return patient.bytes.slice(at, at + 17);
}

export const BOLT_TREE_ROWS: readonly Row[] = [
  row("bolt-walk", "deeper than", {
    mutation: "a tree of 70 pages above each other",
    make: database((patient) =>
      withBucket(
        patient,
        (first) => bucketValue(first),
        (first) => [
          ...Array.from({ length: 70 }, (_, at) => branchPage(first + at, first + at + 1)),
          leafPage(first + 70, []),
        ],
      ),
    ),
  }),
  row("bolt-walk", "holds keys below", {
    mutation: "a parent that says its child begins later than it does",
    make: bolt((patient) => {
      const at = branchKey(patient, CHILD) + 16;
      patient.bytes[at] = (patient.bytes[at] ?? 0) + 1;
    }),
  }),
  row("bolt-walk", "holds keys above", {
    mutation: "a parent that says its child begins where the one before it ends",
    make: bolt((patient) => {
      const before = patient.child(patient.bucketRoot("key"), CHILD - 1);
      patient.bytes.set(lastKey(patient, before), branchKey(patient, CHILD));
    }),
  }),
  row("bolt-walk", "it points to page", {
    mutation: "a child that is a meta page",
    make: bolt((patient) => {
      const at = patient.element(patient.bucketRoot("key"), CHILD) + 8;
      patient.view.setBigUint64(at, 1n, true);
    }),
    behind: {
      says: "neither branch nor leaf",
      why: "the first one keeps the second from reading outside the file",
    },
  }),
  row("bolt-page", "cannot hold", {
    mutation: "more elements than the page has room for",
    make: bolt((patient) => {
      const leaf = patient.page(patient.child(patient.bucketRoot("key"), CHILD));
      patient.view.setUint16(leaf + 10, 256, true);
    }),
    behind: {
      says: "lies outside its place",
      why: "the first one keeps the second from reading outside the page",
    },
  }),
  row("bolt-page", "has no children", {
    mutation: "a branch page without children",
    make: database((patient) =>
      withBucket(
        patient,
        (first) => bucketValue(first),
        (first) => [branchPage(first)],
      ),
    ),
  }),
  row("bolt-page", "lies outside its place", {
    mutation: "a value that reaches into the next key",
    make: bolt((patient) => {
      const at = inlineElement(patient, "lease", 0) + 12;
      patient.view.setUint32(at, patient.view.getUint32(at, true) + 1, true);
    }),
  }),
  row("bolt-page", "has a key of", {
    mutation: "a key of no bytes",
    make: bolt((patient) =>
      patient.view.setUint32(inlineElement(patient, "lease", 0) + 8, 0, true),
    ),
  }),
  row("bolt-page", "are out of order", {
    mutation: "keys out of order",
    make: bolt((patient) => {
      patient.bytes[inlineEntry(patient, "lease", 0).key] = 0xff;
    }),
  }),
  row("bolt-page", "is of an unknown kind", {
    mutation: "an element of an unknown kind",
    make: bolt((patient) => patient.view.setUint32(inlineElement(patient, "lease", 0), 2, true)),
    behind: { says: STRUCTURE, why: "it is then taken for a bucket, which it cannot be either" },
  }),
  row("bolt-page", "is cut short", {
    mutation: "a bucket of 8 bytes",
    make: bolt((patient) => {
      const element = patient.element(patient.root, patient.bucket("key"));
      patient.view.setUint32(element + 12, 8, true);
    }),
  }),
  row("bolt-page", "has no page", {
    mutation: "an inline bucket that is cut inside its page's header",
    make: bolt((patient) => {
      const element = patient.element(patient.root, patient.bucket("alarm"));
      patient.view.setUint32(element + 12, 24, true);
    }),
    behind: {
      says: "cannot hold 0 elements",
      why: "the first one keeps the second from reading outside the bucket",
    },
  }),
  row("bolt-page", "is not a leaf", {
    mutation: "an inline bucket that is a branch",
    make: bolt((patient) => patient.view.setUint16(patient.bucketValue("alarm") + 16 + 8, 1, true)),
  }),
  row("bolt-page", "holds a further bucket", {
    mutation: "an inline bucket in an inline bucket",
    make: database((patient) => {
      const empty = leafPage(0, []).slice(0, 16);
      const key = new TextEncoder().encode("inner");
      const inner = { key, value: bucketValue(0, empty), bucket: true };
      return withBucket(patient, () => bucketValue(0, leafPage(0, [inner]).slice(0, 200)));
    }),
  }),
  row("bolt-read", "says it is page", {
    mutation: "a page that says it is another",
    make: bolt((patient) => {
      const leaf = patient.page(patient.child(patient.bucketRoot("key"), CHILD));
      patient.view.setBigUint64(leaf, 999n, true);
    }),
  }),
  row("bolt-read", "is neither branch nor leaf", {
    mutation: "a branch page with a flag more",
    make: bolt((patient) => patient.view.setUint16(keyRoot(patient) + 8, 0x41, true)),
  }),
  row("bolt-read", "reaches beyond the last page", {
    mutation: "an overflow one page behind the last one",
    make: database((patient) => {
      const bytes = withBucket(
        patient,
        (first) => bucketValue(first),
        (first) => [leafPage(first, [], 1)],
      );
      patient.setMeta(40, BigInt(pagesOf(patient) - 1));
      bytes.set(patient.bytes.subarray(0, 2 * patient.pageSize));
      return bytes;
    }),
  }),
  row("bolt-read", "claims", {
    mutation: "a page of more than 64 MiB",
    make: database((patient) =>
      withBucket(
        patient,
        (first) => bucketValue(first),
        (first) => [leafPage(first, [], 16_400)],
      ),
    ),
  }),
  row("page-ledger", "is used twice", {
    mutation: "two buckets with one root",
    make: bolt((patient) => {
      const root = BigInt(patient.bucketRoot("key"));
      patient.view.setBigUint64(patient.bucketValue("alarm"), root, true);
    }),
  }),
];
