/** Values files as helm reads them, each value with its line. */
import { LineCounter, isAlias, isMap, isPair, isScalar, isSeq, parseAllDocuments } from "yaml";
import { OperatorError } from "../errors.ts";
import { mergeAll } from "./merge-values.ts";
import { keyOf, scalarOf, textOf } from "./document-scalar.ts";
import { MERGE, mergedEntries } from "./merge-keys.ts";
import type { Document, Node, ParsedNode, YAMLMap } from "yaml";
import type { MapNode, Place, ValueNode } from "./value-node.ts";
import type { YamlDialect } from "./yaml-scalar.ts";

/** A file that grows beyond this through aliases is an attack or a mistake. */
const NODES_MAX = 200_000;

export interface DuplicateKey {
  readonly key: string;
  readonly at: Place;
}

export interface ParsedValues {
  readonly root: MapNode;
  /** Each document of the file on its own. */
  readonly each: readonly MapNode[];
  /** Keys given twice in one map: helm takes the last, silently. */
  readonly duplicates: readonly DuplicateKey[];
}

export interface ParseOptions {
  /** For messages and places. */
  readonly file: string;
  /** Default: helm. */
  readonly dialect?: YamlDialect;
  /** Merge keys (`<<`) are followed; SOPS sees them as keys like any other. Default true. */
  readonly mergeKeys?: boolean;
  /** Every scalar was encrypted (the whole file was). */
  readonly secret?: boolean;
}

/**
 * Reads YAML or JSON. Throws an OperatorError `VALUES_INVALID`, exit usage, with
 * file and line, for what is no YAML or no map; it never quotes the file.
 */
export function parseValues(text: string, options: ParseOptions): ParsedValues {
  const lines = new LineCounter();
  const parsed = parseAllDocuments(text, {
    // Every scalar stays a text: what it means is decided in yaml-scalar.ts.
    schema: "failsafe",
    uniqueKeys: false,
    // Their messages quote the file, which may hold passwords.
    prettyErrors: false,
    logLevel: "silent",
    lineCounter: lines,
  });
  const documents = Array.isArray(parsed) ? parsed : [];
  const reader = new Reader(lines, options);
  const maps = documents.map((document) => reader.document(document));
  return {
    root: mergeAll(maps.length === 0 ? [reader.empty()] : maps),
    duplicates: reader.duplicates,
    each: maps,
  };
}

class Reader {
  readonly duplicates: DuplicateKey[] = [];
  readonly #lines: LineCounter;
  readonly #options: ParseOptions;
  readonly #dialect: YamlDialect;
  /** Looking for an anchor walks the document: once for each alias, however often it is met. */
  readonly #targets = new Map<Node, Node>();
  #nodes = 0;

  constructor(lines: LineCounter, options: ParseOptions) {
    this.#lines = lines;
    this.#options = options;
    this.#dialect = options.dialect ?? "helm";
  }

  empty(): MapNode {
    return { kind: "map", entries: new Map(), at: { file: this.#options.file, line: 1 } };
  }

  document(document: Document.Parsed): MapNode {
    const [error] = document.errors;
    if (error !== undefined) {
      throw this.#invalid(
        this.#line(error.pos[0]),
        `not YAML (${error.code.toLowerCase().replaceAll("_", " ")})`,
      );
    }
    const { contents } = document;
    if (contents === null) return this.empty();
    const root = this.#node(contents, { document, at: this.#place(contents) });
    if (root.kind === "map") return root;
    if (root.kind === "scalar" && root.value === null) return this.empty();
    throw this.#invalid(root.at.line, "not a map of values");
  }

  #node(node: Node | ParsedNode | null | undefined, from: From): ValueNode {
    this.#nodes += 1;
    if (this.#nodes > NODES_MAX)
      throw this.#invalid(from.at.line, "too large with all its aliases");
    if (isAlias(node)) {
      const target = this.#targets.get(node) ?? node.resolve(from.document);
      if (target !== undefined) this.#targets.set(node, target);
      if (target === undefined) throw this.#invalid(from.at.line, "an alias without its anchor");
      return this.#node(target, from);
    }
    if (isMap(node)) return this.#map(node, from);
    if (isSeq(node)) {
      const items = node.items.map((item) => {
        const inner = isNode(item) ? item : undefined;
        return this.#node(inner, {
          ...from,
          at: inner === undefined ? from.at : this.#place(inner),
        });
      });
      return { kind: "list", items, at: from.at };
    }
    const value = isScalar(node) ? scalarOf(node, this.#dialect) : null;
    return { kind: "scalar", value, secret: this.#options.secret === true, at: from.at };
  }

  #map(node: YAMLMap, from: From): MapNode {
    const entries = new Map<string, ValueNode>();
    let merged: MapNode | undefined;
    for (const pair of node.items) {
      if (!isPair(pair)) continue;
      const at = isNode(pair.key) ? this.#place(pair.key) : from.at;
      const value = isNode(pair.value) ? pair.value : undefined;
      const child = this.#node(value, { ...from, at });
      if (this.#isMerge(pair.key)) {
        merged = this.#mergeKey(child, merged);
        continue;
      }
      const key = this.#key(pair.key, at);
      if (entries.has(key)) this.duplicates.push({ key, at });
      entries.set(key, child);
    }
    if (merged === undefined) return { kind: "map", entries, at: from.at };
    // What stands in the map itself replaces, whole: a merge key is no deep merge.
    return { kind: "map", entries: new Map([...merged.entries, ...entries]), at: from.at };
  }

  #isMerge(key: unknown): boolean {
    if (this.#options.mergeKeys === false || !isScalar(key)) return false;
    return textOf(key.value) === MERGE && (key.type === undefined || key.type === "PLAIN");
  }

  /** Of several maps the earlier wins. */
  #mergeKey(value: ValueNode, before: MapNode | undefined): MapNode {
    const entries = mergedEntries(value);
    if (entries === undefined) throw this.#invalid(value.at.line, "a merge key (<<) without a map");
    return {
      kind: "map",
      entries: new Map([...entries, ...(before?.entries ?? [])]),
      at: value.at,
    };
  }

  #key(key: unknown, at: Place): string {
    if (isScalar(key)) return keyOf(key, this.#dialect);
    throw this.#invalid(at.line, "a key that is not a text");
  }

  #place(node: { range?: readonly number[] | null | undefined }): Place {
    return { file: this.#options.file, line: this.#line(node.range?.[0] ?? 0) };
  }

  #line(offset: number): number {
    return Math.max(1, this.#lines.linePos(offset).line);
  }

  #invalid(line: number, what: string): OperatorError {
    const where = `${this.#options.file}:${line}`;
    return new OperatorError("usage", "VALUES_INVALID", `${where} is ${what}`, {
      hint: "helm would refuse it too; mend that line",
    });
  }
}

interface From {
  readonly document: Document.Parsed;
  readonly at: Place;
}

function isNode(value: unknown): value is Node {
  return isMap(value) || isSeq(value) || isScalar(value) || isAlias(value);
}
