/** A scalar or key of a YAML document as a value, by the rules of helm or of SOPS. */
import { plainScalar } from "./yaml-scalar.ts";
import type { Scalar } from "./value-node.ts";
import type { YamlDialect } from "./yaml-scalar.ts";

/** A scalar as the library gives it, read with its "failsafe" schema. */
export interface DocumentScalar {
  value: unknown;
  type?: string;
  tag?: string;
}

/** As sigs.k8s.io/yaml makes JSON of it: `1:` is "1", and in YAML 1.1 `on:` is "true". */
export function keyOf(key: DocumentScalar, dialect: YamlDialect): string {
  const value = scalarOf(key, dialect);
  // A number of more digits than a double has keeps them all: it never becomes one there.
  const isLong = typeof value === "number" && !Number.isSafeInteger(value);
  const text = textOf(key.value).replaceAll("_", "");
  return isLong && /^[-+]?[1-9][0-9]{15,18}$/.test(text) ? String(BigInt(text)) : String(value);
}

/** What a scalar means: its tag decides, else its text where it is not quoted. */
export function scalarOf(node: DocumentScalar, dialect: YamlDialect): Scalar {
  const text = textOf(node.value);
  const tag = node.tag?.replace(/^tag:yaml\.org,2002:/, "!!");
  if (node.value instanceof Uint8Array) return new TextDecoder().decode(node.value);
  if (tag === "!!binary") return Buffer.from(text, "base64").toString("utf8");
  if (tag === "!!int" || tag === "!!float" || tag === "!!bool" || tag === "!!null") {
    return plainScalar(text, dialect);
  }
  const isPlain = node.type === "PLAIN" && (tag === undefined || tag === "?");
  return isPlain ? plainScalar(text, dialect) : text;
}

/** The library makes a symbol of a key `!!merge <<`, as SOPS writes merge keys. */
export function textOf(value: unknown): string {
  if (typeof value === "symbol") return value.description ?? "";
  return typeof value === "string" ? value : "";
}
