/** Looking into JSON of other programs. */

/** A field of an object, or undefined when there is none or the value is no object. */
export function field(value: unknown, name: string): unknown {
  if (typeof value !== "object" || value === null) return undefined;
  return Object.entries(value).find(([key]) => key === name)?.[1];
}

/** The `items` of a Kubernetes list; empty when they are `null`, as K3s has it for an empty list. */
export function itemsIn(list: unknown): unknown[] {
  const items: unknown = field(list, "items");
  return Array.isArray(items) ? Array.from<unknown>(items) : [];
}

/** A field that is a text and not empty, else undefined. */
export function textIn(value: unknown, name: string): string | undefined {
  const found = field(value, name);
  return typeof found === "string" && found !== "" ? found : undefined;
}

/** A field that is a list; empty when it is none. */
export function listIn(value: unknown, name: string): unknown[] {
  const found: unknown = field(value, name);
  return Array.isArray(found) ? Array.from<unknown>(found) : [];
}
