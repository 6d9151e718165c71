/** The ways in which an archive is damaged: on its way (no key needed), or before it was encrypted (by whoever has the recipient). */
import { join } from "../../helpers/tar.ts";
import { below, oneOf, randomBytes, twoBelow } from "./random.ts";
import { manifestMutations } from "./manifest-mutations.ts";
import { reordered } from "./layers.ts";
import { tarMutations } from "./tar-mutations.ts";
import type { Layers, Part } from "./layers.ts";
import type { Random } from "./random.ts";

/** The layer that is damaged: the file itself, the zstd frames in its encryption, the tar in these. */
export type Layer = "file" | "compressed" | "tar";

export interface Mutation {
  readonly name: string;
  readonly layer: Layer;
  /** The damaged bytes of that layer. May be equal to the sound ones by chance. */
  make(random: Random, layers: Layers): Uint8Array;
}

/** A bit somewhere between two places. */
export function flipped(bytes: Uint8Array, random: Random, part?: Part): Uint8Array {
  const { from, to } = part ?? { from: 0, to: bytes.length };
  const at = from + below(random, to - from);
  const copy = bytes.slice();
  copy[at] = (copy[at] ?? 0) ^ (1 << below(random, 8));
  return copy;
}

/** Cut off anywhere. */
export function cut(bytes: Uint8Array, random: Random): Uint8Array {
  return bytes.slice(0, below(random, bytes.length));
}

/** Two blocks of a disk that changed places; 512 bytes or 4 KiB. */
export function swappedBlocks(bytes: Uint8Array, random: Random): Uint8Array {
  const size = oneOf(random, [512, 4096]);
  const [first, second] = twoBelow(random, Math.floor(bytes.length / size));
  const copy = bytes.slice();
  copy.set(bytes.subarray(second * size, (second + 1) * size), first * size);
  copy.set(bytes.subarray(first * size, (first + 1) * size), second * size);
  return copy;
}

/** A piece taken out of the middle. */
function without(bytes: Uint8Array, random: Random): Uint8Array {
  const [from, to] = twoBelow(random, bytes.length);
  return join(bytes.subarray(0, from), bytes.subarray(to));
}

/** Up to 4 KiB written over with rubbish, or with the zeros a disk gives for a block it lost. */
function overwritten(bytes: Uint8Array, random: Random): Uint8Array {
  const length = Math.min(bytes.length, 1 + below(random, 4096));
  const copy = bytes.slice();
  const filler = random() < 0.5 ? new Uint8Array(length) : randomBytes(random, length);
  copy.set(filler, below(random, bytes.length - length + 1));
  return copy;
}

/** Something behind the end: rubbish, zeros, a piece of itself, all of itself. */
export function appended(bytes: Uint8Array, random: Random): Uint8Array {
  const length = 1 + below(random, 5000);
  const start = below(random, bytes.length);
  const tails = [
    randomBytes(random, length),
    new Uint8Array(length),
    bytes.subarray(start, start + length),
    bytes,
  ];
  return join(bytes, oneOf(random, tails));
}

/** Two parts exchanged, one left out, one twice, or all of them in another order. */
function rearranged(bytes: Uint8Array, random: Random, parts: readonly Part[]): Uint8Array {
  const order = [...parts];
  const [first, second] = twoBelow(random, parts.length);
  const [one, other] = [parts[first], parts[second]];
  if (one === undefined || other === undefined) throw new TypeError("too few parts");
  const ways: readonly (() => unknown)[] = [
    () => ([order[first], order[second]] = [other, one]),
    () => order.splice(first, 1),
    () => order.splice(second, 0, one),
    () => order.push(one),
    () => order.sort(() => random() - 0.5),
    () => (order[second] = one),
  ];
  oneOf(random, ways)();
  return reordered(bytes, parts, order);
}

/** A chunk, or the header, of the same content encrypted another time. */
function spliced(random: Random, { file, again, headerSize, chunks }: Layers): Uint8Array {
  const { from, to } = oneOf(random, [{ from: 0, to: headerSize }, ...chunks]);
  const copy = file.slice();
  copy.set(again.subarray(from, to), from);
  return copy;
}

const FILE: readonly Mutation[] = [
  { name: "a bit flipped", layer: "file", make: (random, { file }) => flipped(file, random) },
  {
    name: "a bit of the header flipped",
    layer: "file",
    make: (random, { file, headerSize }) => flipped(file, random, { from: 0, to: headerSize }),
  },
  { name: "cut off", layer: "file", make: (random, { file }) => cut(file, random) },
  { name: "a piece taken out", layer: "file", make: (random, { file }) => without(file, random) },
  { name: "written over", layer: "file", make: (random, { file }) => overwritten(file, random) },
  { name: "appended to", layer: "file", make: (random, { file }) => appended(file, random) },
  {
    name: "blocks swapped",
    layer: "file",
    make: (random, { file }) => swappedBlocks(file, random),
  },
  {
    name: "chunks swapped, left out, doubled, reordered",
    layer: "file",
    make: (random, { file, chunks }) => rearranged(file, random, chunks),
  },
  { name: "a chunk of another encryption", layer: "file", make: spliced },
];

const COMPRESSED: readonly Mutation[] = [
  {
    name: "a bit of the compressed data flipped",
    layer: "compressed",
    make: (random, { compressed }) => flipped(compressed, random),
  },
  {
    name: "the compressed data cut off",
    layer: "compressed",
    make: (random, { compressed }) => cut(compressed, random),
  },
  {
    name: "a piece of the compressed data taken out",
    layer: "compressed",
    make: (random, { compressed }) => without(compressed, random),
  },
  {
    name: "zstd frames swapped, left out, doubled, reordered",
    layer: "compressed",
    make: (random, { compressed, frames }) => rearranged(compressed, random, frames),
  },
  {
    name: "something behind the compressed data",
    layer: "compressed",
    make: (random, { compressed }) => appended(compressed, random),
  },
];

export const MUTATIONS: readonly Mutation[] = [
  ...FILE,
  ...COMPRESSED,
  ...tarMutations({ flipped, cut, swappedBlocks, appended, without, overwritten }),
  ...manifestMutations(),
];
