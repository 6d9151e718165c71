/** Rows for checks of an etcd snapshot, and places in one. */
import type { Patient } from "../../unit/datastore/support.ts";
import type { Row } from "./row.ts";

export const STRUCTURE = "SNAPSHOT_STRUCTURE";

/** `file` without folder and ending; `STRUCTURE` unless `rest` says otherwise. */
export function row(
  file: string,
  site: string,
  rest: Pick<Row, "mutation" | "make"> & Partial<Row>,
): Row {
  return { file: `datastore/${file}.ts`, site, code: STRUCTURE, ...rest };
}

export const keyRoot = (patient: Patient): number => patient.page(patient.bucketRoot("key"));

/** A child of the key bucket's root, not the first. */
export const CHILD = 5;

/** The key that the branch page has for a child. */
export function branchKey(patient: Patient, index: number): number {
  const element = patient.element(patient.bucketRoot("key"), index);
  return element + patient.view.getUint32(element, true);
}
