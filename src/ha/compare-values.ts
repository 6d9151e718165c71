/** What values files say against what a release runs with: deep, typed, lists in their order. */
import type { ValueNode, ValuePath } from "./value-node.ts";

/** `live-only`: the next upgrade with the files loses it. `file-only`: never applied. */
export type ValueClass = "live-only" | "file-only" | "changed";

export interface ValueDifference {
  readonly class: ValueClass;
  readonly path: ValuePath;
  /** Undefined for `live-only`. */
  readonly file: ValueNode | undefined;
  /** Undefined for `file-only`. */
  readonly live: ValueNode | undefined;
}

export interface ValueComparison {
  readonly differences: readonly ValueDifference[];
  /** Encrypted values that no key opened, where the release has something: equal or not, nobody knows. */
  readonly unknown: number;
}

/** Compares two trees. A map that is there on one side only is told leaf by leaf, a list as a whole. */
export function compareValues(file: ValueNode, live: ValueNode): ValueComparison {
  const walk = new Walk();
  walk.both([], file, live);
  return { differences: walk.differences, unknown: walk.unknown };
}

class Walk {
  readonly differences: ValueDifference[] = [];
  unknown = 0;

  both(path: ValuePath, file: ValueNode, live: ValueNode): void {
    if (file.kind === "sealed" || live.kind === "sealed") {
      this.unknown += 1;
    } else if (file.kind === "map" && live.kind === "map") {
      for (const key of new Set([...file.entries.keys(), ...live.entries.keys()])) {
        this.#either([...path, key], file.entries.get(key), live.entries.get(key));
      }
    } else if (file.kind === "list" && live.kind === "list") {
      const length = Math.max(file.items.length, live.items.length);
      for (let at = 0; at < length; at += 1) {
        this.#either([...path, at], file.items[at], live.items[at]);
      }
    } else if (file.kind !== "scalar" || live.kind !== "scalar" || file.value !== live.value) {
      this.differences.push({ class: "changed", path, file, live });
    }
  }

  #either(path: ValuePath, file: ValueNode | undefined, live: ValueNode | undefined): void {
    if (file !== undefined && live !== undefined) this.both(path, file, live);
    else if (file !== undefined) this.#one(path, { class: "file-only", node: file });
    else if (live !== undefined) this.#one(path, { class: "live-only", node: live });
  }

  #one(
    path: ValuePath,
    side: { readonly class: "live-only" | "file-only"; readonly node: ValueNode },
  ): void {
    const { node } = side;
    if (node.kind === "map" && node.entries.size > 0) {
      for (const [key, inner] of node.entries) this.#one([...path, key], { ...side, node: inner });
      return;
    }
    const isFile = side.class === "file-only";
    this.differences.push({
      class: side.class,
      path,
      file: isFile ? node : undefined,
      live: isFile ? undefined : node,
    });
  }
}
