/** Damage to the tar before it was compressed and encrypted: bit rot on the host, or somebody who has the recipient. */
import { checksum } from "../../../src/archive/tar-header.ts";
import { join, put } from "../../helpers/tar.ts";
import { below, oneOf, twoBelow } from "./random.ts";
import { reordered } from "./layers.ts";
import type { Layers, Member } from "./layers.ts";
import type { Mutation } from "./mutations.ts";
import type { Random } from "./random.ts";

type Damage = (bytes: Uint8Array, random: Random) => Uint8Array;

/** What `mutations.ts` does to any bytes. */
export type Damages = Readonly<
  Record<"flipped" | "cut" | "swappedBlocks" | "appended" | "without" | "overwritten", Damage>
>;

/** The header of a member, changed, with its checksum made right again. */
function edited(tar: Uint8Array, member: Member, edit: (header: Uint8Array) => void): Uint8Array {
  const copy = tar.slice();
  const header = copy.subarray(member.from, member.from + 512);
  edit(header);
  put(header, 148, `${checksum(header).toString(8).padStart(6, "0")}\0 `);
  return copy;
}

/** Two members, or only what is in them, exchanged. */
function exchanged(random: Random, { tar, members }: Layers): Uint8Array {
  const [first, second] = twoBelow(random, members.length);
  const [one, other] = [members[first], members[second]];
  if (one === undefined || other === undefined) throw new TypeError("too few members");
  const order = [...members];
  [order[first], order[second]] = [other, one];
  if (random() < 0.5) return reordered(tar, members, order);
  const { from, to } = one.body;
  const [body, theirs] = [tar.subarray(from, to), tar.subarray(other.body.from, other.body.to)];
  // As much of it as fits, so that sizes stay right.
  const copy = tar.slice();
  copy.set(theirs.subarray(0, body.length), from);
  copy.set(body.subarray(0, theirs.length), other.body.from);
  return copy;
}

function leftOutOrDoubled(random: Random, { tar, members }: Layers): Uint8Array {
  const index = below(random, members.length);
  const one = members[index];
  if (one === undefined) throw new TypeError("no members");
  const order = [...members];
  const at = below(random, members.length + 1);
  order.splice(
    random() < 0.5 ? index : at,
    random() < 0.5 ? 1 : 0,
    ...(random() < 0.5 ? [one] : []),
  );
  return reordered(tar, members, order);
}

/** A member under another name, of another size, or of another kind. */
function relabelled(random: Random, { tar, members }: Layers): Uint8Array {
  const member = oneOf(random, members);
  const edits: readonly ((header: Uint8Array) => void)[] = [
    (header) => put(header, 0, oneOf(random, ["x", "../../x", "/x"])),
    (header) => put(header, 0, oneOf(random, members).name.slice(0, 99)),
    (header) => put(header, 124, below(random, 100_000).toString(8).padStart(11, "0")),
    (header) => put(header, 156, oneOf(random, ["1", "2", "5", "x", "L", "S"])),
    (header) => put(header, 157, "etc/shadow"),
  ];
  return edited(tar, member, oneOf(random, edits));
}

/** One byte of one entry: the smallest change, in places that matter. */
function bodyFlipped(random: Random, { tar, members }: Layers): Uint8Array {
  const { from, to } = oneOf(
    random,
    members.filter(({ body }) => body.to > body.from),
  ).body;
  const copy = tar.slice();
  const at = from + below(random, to - from);
  copy[at] = (copy[at] ?? 0) ^ (1 << below(random, 8));
  return copy;
}

/** A new entry that nobody has listed. */
function smuggled(random: Random, { tar, members }: Layers): Uint8Array {
  const one = oneOf(random, members);
  const extra = tar.slice(one.from, one.to);
  put(extra, 0, "smuggled\0");
  put(extra, 148, `${checksum(extra.subarray(0, 512)).toString(8).padStart(6, "0")}\0 `);
  const at = oneOf(random, members).from;
  return join(tar.subarray(0, at), extra, tar.subarray(at));
}

export function tarMutations(damages: Damages): Mutation[] {
  const plain = Object.entries(damages).map(([name, damage]): Mutation => ({
    name: `the tar: ${name}`,
    layer: "tar",
    make: (random, { tar }) => damage(tar, random),
  }));
  return [
    ...plain,
    { name: "a bit of an entry flipped", layer: "tar", make: bodyFlipped },
    { name: "entries exchanged", layer: "tar", make: exchanged },
    { name: "an entry left out or doubled", layer: "tar", make: leftOutOrDoubled },
    { name: "an entry with another name, size or kind", layer: "tar", make: relabelled },
    { name: "an entry smuggled in", layer: "tar", make: smuggled },
  ];
}
