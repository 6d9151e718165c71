/**
 * What an unquoted word of YAML means to two Go libraries that disagree: helm
 * reads values with go-yaml 2 (YAML 1.1: `yes` is true), SOPS computes its MAC
 * with go-yaml 3 (`yes` is a text). Both: resolve.go of those libraries.
 */
import type { Scalar } from "./value-node.ts";

export type YamlDialect = "helm" | "sops";

const NULLS = new Set(["", "~", "null", "Null", "NULL"]);
const TRUE = new Set(["true", "True", "TRUE"]);
const FALSE = new Set(["false", "False", "FALSE"]);
const TRUE_1_1 = new Set(["y", "Y", "yes", "Yes", "YES", "on", "On", "ON"]);
const FALSE_1_1 = new Set(["n", "N", "no", "No", "NO", "off", "Off", "OFF"]);
const FLOAT = /^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$/;
const INFINITE = /^[-+]?\.(?:inf|Inf|INF)$/;
const NOT_A_NUMBER = /^\.(?:nan|NaN|NAN)$/;

/** The value of a plain scalar. Dates stay texts, as in helm. */
export function plainScalar(text: string, dialect: YamlDialect): Scalar {
  if (NULLS.has(text)) return null;
  if (TRUE.has(text)) return true;
  if (FALSE.has(text)) return false;
  if (dialect === "helm" && TRUE_1_1.has(text)) return true;
  if (dialect === "helm" && FALSE_1_1.has(text)) return false;
  if (/^[-+.0-9]/.test(text)) return numberOf(text) ?? text;
  return text;
}

/** A number as both libraries read it, or undefined. Infinities and NaN are no JSON: texts. */
function numberOf(text: string): number | undefined {
  if (INFINITE.test(text) || NOT_A_NUMBER.test(text) || text.startsWith("_")) return undefined;
  const plain = text.replaceAll("_", "");
  const whole = integerOf(plain);
  if (whole !== undefined) return whole;
  return FLOAT.test(plain) ? Number(plain) : undefined;
}

/** Go's strconv.ParseInt with base 0: `0x1f`, `0o17`, `017`, `0b101`, decimal. */
function integerOf(text: string): number | undefined {
  const match = /^([-+]?)(?:0[xX]([0-9a-fA-F]+)|0[bB]([01]+)|0[oO]?([0-7]+)|(0|[1-9][0-9]*))$/.exec(
    text,
  );
  if (match === null) return undefined;
  const [, sign, hex, binary, octal, decimal = ""] = match;
  const size =
    hex !== undefined
      ? Number.parseInt(hex, 16)
      : binary !== undefined
        ? Number.parseInt(binary, 2)
        : octal !== undefined
          ? Number.parseInt(octal, 8)
          : Number(decimal);
  return sign === "-" ? 0 - size : size;
}

/** A number as Go's `FormatFloat(x, 'f', -1, 64)` writes it: shortest digits, never an exponent. */
export function goNumberText(value: number): string {
  const text = String(Object.is(value, -0) ? 0 : value);
  const match = /^(-?)([0-9])(?:\.([0-9]+))?e([-+][0-9]+)$/.exec(text);
  if (match === null) return text;
  const [, sign = "", first = "", rest = "", exponent = "0"] = match;
  const shift = Number(exponent);
  const digits = first + rest;
  if (shift < 0) return `${sign}0.${"0".repeat(-shift - 1)}${digits}`;
  return sign + digits.padEnd(shift + 1, "0");
}
