/** What the health gate is told, and what it answers. */
import type { Settings } from "../settings.ts";

/** An object the backup remembers: it must still be the same one. */
export interface Canary {
  /** Its path in the API: `/api/v1/namespaces/kube-system`. */
  readonly path: string;
  readonly uid: string;
}

export interface HealthExpectation {
  readonly settings: Settings;
  /** When the restore began: a heartbeat has to be newer, for Node objects come from the snapshot. */
  readonly since: Date;
  /** When the snapshot was taken: this host's clock may be wrong, and stand before that. */
  readonly taken: Date;
  readonly datastore: "etcd" | "sqlite";
  /** The restored data cannot be older than this revision. */
  readonly revision: number;
  /** Of the server that was backed up. */
  readonly nodeName: string;
  /** PEM of the server CA in the snapshot's bootstrap data. */
  readonly serverCa: string;
  /** Empty for archives that do not record any. */
  readonly canaries: readonly Canary[];
  readonly releases: readonly Release[];
  /** Whether the datastore in the archive holds such a record at all; asked only for one that is missed. */
  readonly isArchived: (release: Release) => Promise<boolean>;
}

export interface Release {
  readonly namespace: string;
  readonly name: string;
  readonly revision: number;
}

export interface HealthCheck {
  readonly id: string;
  readonly passed: boolean;
  /** One phrase: what was seen. */
  readonly detail: string;
}

export interface HealthWarning {
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
}

/** A check that also has something to say when it passes. */
export interface CheckResult {
  readonly check: HealthCheck;
  readonly warnings: readonly HealthWarning[];
}

export interface HealthReport {
  readonly checks: readonly HealthCheck[];
  readonly warnings: readonly HealthWarning[];
}
