/** Which of a run's file operations fail, and how. */
import type { Operation, Order } from "./operations.ts";
import type { Chance } from "./seed.ts";

/** What a disk can answer to each kind of operation. */
const ANSWERS: Readonly<Record<string, readonly string[]>> = {
  write: ["ENOSPC", "EIO", "short"],
  sync: ["EIO", "ENOSPC"],
  create: ["ENOSPC", "EROFS"],
  rename: ["EIO", "EROFS"],
  link: ["EIO", "ENOSPC"],
  unlink: ["EIO", "EROFS"],
  mkdir: ["ENOSPC", "EROFS"],
  mode: ["EIO", "EROFS"],
  truncate: ["EIO"],
};

export interface Case extends Order {
  readonly about: string;
  readonly kind: string;
}

/**
 * Each operation with each answer, once, beginning with the one at `first`; counted among those of
 * its kind, for not every answer fits every kind.
 */
export function single(operations: readonly Operation[], first = 0): Case[] {
  const seen = new Map<string, number>();
  return operations.flatMap(({ kind, path }, index) => {
    const number = (seen.get(kind) ?? 0) + 1;
    seen.set(kind, number);
    if (index < first) return [];
    const about = `at ${kind} ${number} (${path})`;
    return (ANSWERS[kind] ?? []).map((action) => ({
      number,
      kind,
      kinds: kind,
      action,
      about: `${action} ${about}`,
    }));
  });
}

/** Each operation once, with an answer drawn for it. */
export function drawn(
  operations: readonly Operation[],
  { chance, first = 0 }: { readonly chance: Chance; readonly first?: number },
): Case[] {
  const answers = new Map<string, Case[]>();
  for (const one of single(operations, first)) {
    const key = `${one.kind} ${one.number}`;
    answers.set(key, [...(answers.get(key) ?? []), one]);
  }
  return [...answers.values()].map((cases) => chance.pick(cases));
}

const FILLING = ["write", "create", "mkdir"];

/** From each operation on: no room any more, or no writing at all. */
export function lasting(operations: readonly Operation[]): Case[] {
  const filling = operations.filter(({ kind }) => FILLING.includes(kind));
  return [
    ...filling.map(({ kind, number }, index) => ({
      number: index + 1,
      kind,
      action: "ENOSPC",
      kinds: FILLING.join(","),
      lasting: true,
      about: `a full disk from ${kind} ${number} on`,
    })),
    ...operations.map(({ kind, number }) => ({
      number,
      kind,
      action: "EROFS",
      lasting: true,
      about: `a read-only disk from ${kind} ${number} on`,
    })),
  ];
}
