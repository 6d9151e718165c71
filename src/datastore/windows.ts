/** Reading pieces of the file into memory that is used again, so that gigabytes leave no garbage behind. */
import type { RandomAccess } from "../sys/files.ts";

/** A file that can also fill memory its reader owns. Without it everything works, with some 20 MB more at the peak. */
export interface FillingAccess extends RandomAccess {
  /** Fills `target` from `offset`; throws a RangeError when the bytes are not all there. */
  readInto(target: Uint8Array, offset: number): Promise<void>;
}

function canFill(file: RandomAccess): file is FillingAccess {
  return "readInto" in file && typeof file.readInto === "function";
}

export interface Piece {
  readonly offset: number;
  readonly length: number;
}

/** Memory for what is read at the same time. What one read() returns is overwritten by the next. */
export class Windows {
  readonly #file: RandomAccess;
  #memory = new Uint8Array();

  constructor(file: RandomAccess) {
    this.#file = file;
  }

  /** Reads all pieces at once; the answers are in the order of the pieces. */
  read(pieces: readonly Piece[]): Promise<Uint8Array[]> {
    const file = this.#file;
    if (!canFill(file)) {
      return Promise.all(pieces.map(({ offset, length }) => file.read(offset, length)));
    }
    const total = pieces.reduce((sum, { length }) => sum + length, 0);
    if (total > this.#memory.byteLength) this.#memory = new Uint8Array(total);
    let free = 0;
    const reads = pieces.map(async ({ offset, length }) => {
      const target = this.#memory.subarray(free, (free += length));
      await file.readInto(target, offset);
      return target;
    });
    return Promise.all(reads);
  }
}
