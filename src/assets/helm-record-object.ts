/** The Secret or ConfigMap around a release record: whose it is, its payload, and a copy for the archive. */
import { isObject } from "../k3s/kubectl.ts";
import { decodeBase64 } from "./helm-record.ts";
import type { JsonObject } from "../k3s/kubectl.ts";

/** Helm's storage drivers that live in the cluster. */
export type Driver = "Secret" | "ConfigMap";

export interface RecordIdentity {
  readonly driver: Driver;
  readonly namespace: string;
  /** The object's own name. */
  readonly objectName: string;
  /** Release and revision by the object's name or labels; undefined when neither tells. */
  readonly release: { readonly name: string; readonly revision: number } | undefined;
  /** Status by its label, for records that cannot be decoded. */
  readonly status: string;
}

/** helm v4.3.1 pkg/storage/storage.go makeKey. */
const OBJECT_NAME = /^sh\.helm\.release\.v1\.(.+)\.v([0-9]{1,9})$/u;
const NAMESPACE = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/u;
/** A DNS subdomain: what the API server accepts for objects, and helm (up to 53 characters) for releases. */
const SUBDOMAIN =
  /^(?=.{1,253}$)[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*$/u;

/**
 * Whose record this is, or undefined when it is none: anyone may put the label
 * `owner=helm` on an object. Nothing is decoded, so that it works for damaged
 * records too.
 */
export function identify(object: JsonObject, driver: Driver): RecordIdentity | undefined {
  const metadata = tableIn(object, "metadata");
  const labels = tableIn(metadata, "labels");
  const objectName = textIn(metadata, "name");
  const data = object["data"];
  const looksSo =
    object["type"] === "helm.sh/release.v1" ||
    OBJECT_NAME.test(objectName) ||
    (isObject(data) && "release" in data);
  if (!looksSo) return undefined;
  const named = OBJECT_NAME.exec(objectName);
  const name = named?.[1] ?? textIn(labels, "name");
  const revision = named?.[2] ?? textIn(labels, "version");
  const told = name !== "" && /^[0-9]{1,9}$/u.test(revision);
  return {
    driver,
    namespace: textIn(metadata, "namespace"),
    objectName,
    release: told ? { name, revision: Number(revision) } : undefined,
    status: textIn(labels, "status") || "unknown",
  };
}

/** Whether every part of a record's path in the archive is a name as Kubernetes allows it. */
export function isSafe(identity: RecordIdentity): boolean {
  const { namespace, objectName, release } = identity;
  return (
    NAMESPACE.test(namespace) &&
    SUBDOMAIN.test(objectName) &&
    (release === undefined || SUBDOMAIN.test(release.name))
  );
}

/**
 * The record's text for `decodeRelease`, without the base64 of a Secret; empty
 * when there is none. Throws like `decodeRelease` on damaged base64.
 */
export function payloadOf(object: JsonObject, driver: Driver): string {
  const payload = textIn(tableIn(object, "data"), "release");
  return driver === "Secret" ? new TextDecoder().decode(decodeBase64(payload)) : payload;
}

/**
 * The object as JSON for the archive, fit for `kubectl create -f`: with the
 * apiVersion and kind that items of a list lack, without `managedFields` (only
 * noise) and `resourceVersion` (the API server refuses it in new objects).
 */
export function recordJson(object: JsonObject, driver: Driver): string {
  const {
    managedFields: _fields,
    resourceVersion: _version,
    ...metadata
  } = tableIn(object, "metadata");
  return `${JSON.stringify({ apiVersion: "v1", kind: driver, ...object, metadata })}\n`;
}

function tableIn(object: JsonObject, key: string): JsonObject {
  const value = object[key];
  return isObject(value) ? value : {};
}

function textIn(object: JsonObject, key: string): string {
  const value = object[key];
  return typeof value === "string" ? value : "";
}
