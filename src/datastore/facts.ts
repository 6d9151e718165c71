/** What can be known of either kind of datastore. */
import type { BootstrapData } from "./bootstrap.ts";

export interface DatastoreFacts {
  /** Bytes of the whole file. */
  readonly size: number;
  /** Of the whole file, 64 hex digits: what `sha256sum` prints. */
  readonly sha256: string;
  readonly pageSize: number;
  /** Pages of the database, free ones included. */
  readonly pages: number;
  readonly revision: number;
  /** Live keys of any kind. */
  readonly keys: number;
  /** Live keys under /registry/: Kubernetes objects. */
  readonly registryKeys: number;
  /** 12 hex digits each, sorted: hashes of the tokens that open bootstrap data in it. */
  readonly bootstrapHashes: readonly string[];
  /** Secret. Only when a password was given. */
  readonly bootstrap?: BootstrapData;
}
