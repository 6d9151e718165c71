/**
 * Finds where a zstd frame ends without decompressing it, by its block headers
 * (RFC 8878 section 3.1). zlib does not tell, and takes a frame that was cut
 * short for a whole one (observed in Bun 1.4.5 and Deno 2.9.6).
 */

const MAGIC = 0xfd2fb528;
const SKIPPABLE_MAGIC = 0x184d2a50;
/** No block holds more, whatever its window (RFC 8878 section 3.1.1.2.4). */
const MAX_BLOCK_SIZE = 128 * 1024;
/** What `zstd -d` also refuses without `--long`, and zlib too. */
export const MAX_WINDOW_SIZE = 2 ** 27;

/** The bytes are not what zstd writes. `message` is part of a sentence. */
export class FrameError extends Error {
  override readonly name = "FrameError";
}

type Step =
  | "magic"
  | "descriptor"
  | "header"
  | "block"
  | "body"
  | "checksum"
  | "skip-size"
  | "done";

/** Walks over one frame, in pieces of any size. Use a new one for each frame. */
export class FrameWalker {
  /** Set once the header is read; undefined when the frame does not tell. */
  contentSize: number | undefined;
  /** A frame without content (RFC 8878 section 3.1.2). */
  skippable = false;
  /** The most that the blocks so far can decompress to, in bytes. */
  contentBound = 0;
  /** Bytes of the frame so far. */
  size = 0;
  #step: Step = "magic";
  readonly #field = new Uint8Array(16);
  #fieldFilled = 0;
  #fieldSize = 4;
  #bodyLeft = 0;
  #lastBlock = false;
  #descriptor = 0;
  #blockMaximum = MAX_BLOCK_SIZE;

  get done(): boolean {
    return this.#step === "done";
  }

  /**
   * Walks on over `bytes`; returns how many belong to this frame. Stops early
   * once `contentBound` exceeds `boundLimit`, so that the caller can hand on
   * what it has. Throws a FrameError.
   */
  advance(bytes: Uint8Array, boundLimit = Number.POSITIVE_INFINITY): number {
    let offset = 0;
    while (offset < bytes.length && !this.done && this.contentBound <= boundLimit) {
      if (this.#step === "body") {
        const count = Math.min(this.#bodyLeft, bytes.length - offset);
        this.#bodyLeft -= count;
        offset += count;
        if (this.#bodyLeft === 0) this.#afterBody();
        continue;
      }
      this.#field[this.#fieldFilled] = bytes[offset] ?? 0;
      this.#fieldFilled += 1;
      offset += 1;
      if (this.#fieldFilled === this.#fieldSize) this.#readField();
    }
    this.size += offset;
    return offset;
  }

  #expect(step: Step, size: number): void {
    this.#step = step;
    this.#fieldSize = size;
    this.#fieldFilled = 0;
  }

  #readField(): void {
    switch (this.#step) {
      case "magic":
        this.#readMagic();
        break;
      case "descriptor":
        this.#readDescriptor();
        break;
      case "header":
        this.#readHeader();
        break;
      case "block":
        this.#readBlock();
        break;
      case "skip-size":
        this.#lastBlock = true;
        this.#startBody(this.#number(0, 4));
        break;
      case "checksum":
        this.#step = "done";
        break;
      case "body":
      case "done":
        break;
    }
  }

  #readMagic(): void {
    const magic = this.#number(0, 4);
    if (magic === MAGIC) {
      this.#expect("descriptor", 1);
    } else if (magic - (magic % 16) === SKIPPABLE_MAGIC) {
      this.skippable = true;
      this.#expect("skip-size", 4);
    } else {
      throw new FrameError("something other than a zstd frame stands");
    }
  }

  #readDescriptor(): void {
    this.#descriptor = this.#field[0] ?? 0;
    if ((this.#descriptor & 0x08) !== 0)
      throw new FrameError("a zstd frame of an unknown kind stands");
    if ((this.#descriptor & 0x03) !== 0)
      throw new FrameError("a zstd frame made with a dictionary stands");
    const size = (this.#singleSegment ? 0 : 1) + this.#contentSizeBytes;
    this.#expect("header", size);
  }

  #readHeader(): void {
    const sizeBytes = this.#contentSizeBytes;
    const at = this.#singleSegment ? 0 : 1;
    if (sizeBytes > 0) this.contentSize = this.#number(at, sizeBytes) + (sizeBytes === 2 ? 256 : 0);
    const window = this.#singleSegment ? (this.contentSize ?? 0) : windowSize(this.#field[0] ?? 0);
    if (window > MAX_WINDOW_SIZE) {
      throw new FrameError("a zstd frame that needs more than 128 MiB of memory stands");
    }
    this.#blockMaximum = Math.min(window, MAX_BLOCK_SIZE);
    this.#expect("block", 3);
  }

  #readBlock(): void {
    const header = this.#number(0, 3);
    const type = (header >> 1) & 3;
    const size = header >> 3;
    this.#lastBlock = (header & 1) === 1;
    if (type === 3 || size > this.#blockMaximum)
      throw new FrameError("an impossible zstd block stands");
    // Type 0 is stored, 1 is one byte repeated, 2 is compressed.
    this.contentBound += type === 2 ? this.#blockMaximum : size;
    this.#startBody(type === 1 ? 1 : size);
  }

  #startBody(size: number): void {
    this.#step = "body";
    this.#bodyLeft = size;
    if (size === 0) this.#afterBody();
  }

  #afterBody(): void {
    if (!this.#lastBlock) this.#expect("block", 3);
    else if (!this.skippable && (this.#descriptor & 0x04) !== 0) this.#expect("checksum", 4);
    else this.#step = "done";
  }

  get #singleSegment(): boolean {
    return (this.#descriptor & 0x20) !== 0;
  }

  get #contentSizeBytes(): number {
    const flag = this.#descriptor >> 6;
    return flag === 0 ? (this.#singleSegment ? 1 : 0) : 2 ** flag;
  }

  /** Little-endian; exact below 2^53, which every size is or is refused for. */
  #number(at: number, length: number): number {
    let value = 0;
    for (let index = at + length - 1; index >= at; index -= 1) {
      value = value * 256 + (this.#field[index] ?? 0);
    }
    return value;
  }
}

function windowSize(descriptor: number): number {
  const base = 2 ** (10 + (descriptor >> 3));
  return base + (base / 8) * (descriptor & 7);
}
