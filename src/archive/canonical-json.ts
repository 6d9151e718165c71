/** JSON with one spelling (RFC 8785), so that two programs sign the same bytes. */

/**
 * The canonical text of a JSON value: keys sorted by UTF-16 code units, no
 * white space; numbers and strings as JSON.stringify spells them, which is what
 * the RFC prescribes. Fields that are `undefined` are left out. Throws a
 * TypeError for what JSON cannot hold.
 */
export function canonicalJson(value: unknown): string {
  if (value === null || typeof value === "boolean") return String(value);
  if (typeof value === "number") return numberText(value);
  if (typeof value === "string") return stringText(value);
  if (Array.isArray(value)) {
    return `[${value.map((item: unknown) => canonicalJson(item)).join(",")}]`;
  }
  if (typeof value !== "object") throw new TypeError(`cannot write a ${typeof value} as JSON`);
  const fields = Object.entries(value)
    .filter(([, field]) => field !== undefined)
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .map(([key, field]) => `${stringText(key)}:${canonicalJson(field)}`);
  return `{${fields.join(",")}}`;
}

function numberText(value: number): string {
  if (!Number.isFinite(value)) throw new TypeError(`cannot write ${value} as JSON`);
  return JSON.stringify(value);
}

function stringText(value: string): string {
  if (!value.isWellFormed()) throw new TypeError("cannot write a lone surrogate as JSON");
  return JSON.stringify(value);
}
