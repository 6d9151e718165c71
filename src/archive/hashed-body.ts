/** Passes bytes on while counting and hashing them, and fails at the end when they are not the ones promised. */
import { createHash } from "node:crypto";

export interface Promised {
  readonly size: number;
  /** 64 hex digits. */
  readonly sha256: string;
}

/** What a body turned out to be: too short, too long, or of the right size with other bytes. */
export type Difference = "size" | "sha256";

export interface BodyCheck {
  add(piece: Uint8Array): void;
  end(): void;
}

/** As `bodyCheck`, for the size alone: for a body that somebody else hashes. */
export function sizeCheck(size: number, fail: (difference: Difference) => Error): BodyCheck {
  let seen = 0;
  return {
    add(piece) {
      seen += piece.length;
      if (seen > size) throw fail("size");
    },
    end() {
      if (seen !== size) throw fail("size");
    },
  };
}

/**
 * Checks pieces of a body one after the other. `add` throws as soon as there
 * are too many bytes, `end` when there were too few or the hash is another.
 */
export function bodyCheck(promised: Promised, fail: (difference: Difference) => Error): BodyCheck {
  const hash = createHash("sha256");
  const size = sizeCheck(promised.size, fail);
  return {
    add(piece) {
      size.add(piece);
      hash.update(piece);
    },
    end() {
      size.end();
      if (hash.digest("hex") !== promised.sha256) throw fail("sha256");
    },
  };
}
