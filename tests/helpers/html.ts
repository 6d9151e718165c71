/** A strict reader of HTML: everything that a browser would silently put right is an error. */

export interface Element {
  readonly name: string;
  readonly attributes: ReadonlyMap<string, string>;
  /** Its own text, with entities resolved. */
  readonly text: string;
  readonly parents: readonly string[];
}

const VOID = new Set(["meta", "link", "br", "img", "hr", "input"]);
const ENTITIES: Readonly<Record<string, string>> = {
  amp: "&",
  lt: "<",
  gt: ">",
  quot: '"',
  "#39": "'",
};

/** Every element of a page in the order of its end. Throws an Error that names the first place that is not well-formed. */
export function elementsOf(page: string): Element[] {
  const found: Element[] = [];
  const open: { name: string; attributes: Map<string, string>; text: string }[] = [];
  let at = 0;
  const fail = (what: string): never => {
    throw new Error(`${what} at: ${page.slice(at, at + 80)}`);
  };
  const close = (): void => {
    const last = open.pop();
    if (last !== undefined) found.push({ ...last, parents: open.map(({ name }) => name) });
  };
  if (!page.startsWith("<!doctype html>\n")) fail("no doctype");
  at = "<!doctype html>".length;
  while (at < page.length) {
    const raw = open.at(-1)?.name === "style" ? page.indexOf("</style>", at) : at;
    const next = page.indexOf("<", raw);
    const text = page.slice(at, next === -1 ? page.length : next);
    const last = open.at(-1);
    if (last === undefined ? text.trim() !== "" : raw === at && text.includes(">"))
      fail("stray text");
    if (last !== undefined) last.text += raw === at ? resolveEntities(text) : text;
    if (next === -1) break;
    at = next;
    const tag =
      /^<(\/?)([a-z][a-zA-Z0-9]*)((?:\s+[a-zA-Z][a-zA-Z0-9:-]*="[^"<]*")*)\s*(\/?)>/.exec(
        page.slice(at),
      ) ?? fail("no well-formed tag");
    const [whole = "", slash, name = "", attributes = "", selfClosed] = tag;
    if (slash === "/") {
      if (open.at(-1)?.name !== name) fail(`</${name}> ends ${open.at(-1)?.name ?? "nothing"}`);
      close();
    } else {
      open.push({ name, attributes: attributesOf(attributes), text: "" });
      if (selfClosed === "/" || VOID.has(name)) close();
    }
    at += whole.length;
  }
  if (open.length > 0) fail(`<${open.at(-1)?.name ?? ""}> is not closed`);
  return found;
}

function attributesOf(text: string): Map<string, string> {
  const attributes = new Map<string, string>();
  for (const [, name = "", value = ""] of text.matchAll(/([a-zA-Z][a-zA-Z0-9:-]*)="([^"]*)"/g)) {
    if (attributes.has(name)) throw new Error(`${name} twice in ${text}`);
    attributes.set(name, resolveEntities(value));
  }
  return attributes;
}

function resolveEntities(text: string): string {
  return text.replace(/&([^;\s]*);?/g, (whole, name: string) => {
    const character = ENTITIES[name];
    if (character === undefined) throw new Error(`bare ampersand or unknown entity ${whole}`);
    return character;
  });
}
