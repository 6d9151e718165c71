import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { viewOf } from "../../../src/datastore/bytes.ts";
import { KeySet } from "../../../src/datastore/key-set.ts";

describe("KeySet", () => {
  test("says of any sequence of keys which are new, as a Set does", () => {
    const keys = fc.array(fc.uint8Array({ maxLength: 9 }), { maxLength: 300 });
    fc.assert(
      fc.property(keys, (list) => {
        const mine = new KeySet();
        const known = new Set<string>();
        for (const key of list) {
          expect(mine.add(viewOf(key), 0, key.byteLength)).toBe(!known.has(key.join()));
          known.add(key.join());
        }
        expect(mine.size).toBe(known.size);
      }),
    );
  });

  test("tells a hundred thousand alike names apart, and knows each again", () => {
    const set = new KeySet();
    const encoder = new TextEncoder();
    const names = Array.from({ length: 100_000 }, (_, index) =>
      viewOf(encoder.encode(`/registry/pods/default/name-${index}`)),
    );
    let fresh = 0;
    for (const name of names) if (set.add(name, 0, name.byteLength)) fresh += 1;
    expect(fresh).toBe(names.length);
    for (const name of names) if (set.add(name, 0, name.byteLength)) fresh += 1;
    expect(fresh).toBe(names.length);
  });
});
