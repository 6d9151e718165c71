/** What an entry of an archive is. */
export const ENTRY_KINDS = [
  "agent-token",
  "config",
  "datastore",
  "helm",
  "helm-chart",
  "kubeconfig",
  "manifest",
  "node-password",
  "token",
  "unit",
] as const;

export type EntryKind = (typeof ENTRY_KINDS)[number];
