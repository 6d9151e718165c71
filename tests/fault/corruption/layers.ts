/** An archive taken apart, layer by layer, and put together again for its own recipient. */
import { createHash } from "node:crypto";
import {
  decryptStream,
  encryptStream,
  inspectHeader,
  recipientOf,
} from "../../../src/archive/age.ts";
import { NONCE_SIZE, SEALED_CHUNK_SIZE } from "../../../src/archive/age-payload.ts";
import { FrameWalker } from "../../../src/archive/frame-walker.ts";
import { compressFrames, decompressFrames } from "../../../src/archive/frames.ts";
import { openArchive } from "../../../src/archive/reader.ts";
import { collect, streamOf } from "../../helpers/archive.ts";
import { join } from "../../helpers/tar.ts";

/** Bytes from one place of a buffer to another. */
export interface Part {
  readonly from: number;
  readonly to: number;
}

export interface Member extends Part {
  readonly name: string;
  /** Where its content begins and ends; `from` and `to` are those of header, content and padding. */
  readonly body: Part;
}

export interface Layers {
  readonly file: Uint8Array;
  /** Up to and with the nonce. */
  readonly headerSize: number;
  /** The encrypted chunks of 64 KiB. */
  readonly chunks: readonly Part[];
  /** What is in the encryption: zstd frames. */
  readonly compressed: Uint8Array;
  readonly frames: readonly Part[];
  readonly tar: Uint8Array;
  readonly members: readonly Member[];
  /** The same content encrypted a second time, with another file key. */
  readonly again: Uint8Array;
  readonly identity: string;
  readonly recipient: string;
}

/** Takes an archive apart with its key. */
export async function layersOf(file: Uint8Array, identity: string): Promise<Layers> {
  const recipient = await recipientOf(identity);
  const { headerSize: text } = inspectHeader(file);
  const compressed = await collect(await decryptStream(streamOf(file), [identity]));
  const tar = await collect(streamOf(compressed).pipeThrough(decompressFrames()));
  const headerSize = text + NONCE_SIZE;
  return {
    file,
    headerSize,
    chunks: chunksOf(file, headerSize),
    compressed,
    frames: framesOf(compressed),
    tar,
    members: membersOf(tar),
    again: await sealed(compressed, recipient),
    identity,
    recipient,
  };
}

/** Encrypts what stands in the encryption. */
export async function sealed(compressed: Uint8Array, recipient: string): Promise<Uint8Array> {
  return collect(streamOf(compressed).pipeThrough(await encryptStream([recipient])));
}

/** Compresses and encrypts a tar. */
export async function sealedTar(tar: Uint8Array, recipient: string): Promise<Uint8Array> {
  const encrypt = await encryptStream([recipient]);
  return collect(streamOf(tar).pipeThrough(compressFrames()).pipeThrough(encrypt));
}

/** A copy of the bytes with the parts in another order; what no part holds stays where it is. Parts do not overlap. */
export function reordered(
  bytes: Uint8Array,
  parts: readonly Part[],
  order: readonly Part[],
): Uint8Array {
  const first = parts[0]?.from ?? 0;
  const end = parts.at(-1)?.to ?? 0;
  const middle = order.map(({ from, to }) => bytes.subarray(from, to));
  return join(bytes.subarray(0, first), ...middle, bytes.subarray(end));
}

/**
 * One digest of everything a reader gets out of an archive: runbook, manifest and
 * every entry. Throws the reader's OperatorErrors.
 */
export async function contentDigest(file: Uint8Array, identity: string): Promise<string> {
  const archive = await openArchive(streamOf(file), [identity]);
  const hash = createHash("sha256").update(archive.head.runbook).update(archive.head.manifest);
  for await (const { entry, body } of archive.entries()) {
    hash.update(entry.path).update(await collect(body));
  }
  await archive.finish();
  return hash.digest("hex");
}

function chunksOf(file: Uint8Array, start: number): Part[] {
  const parts: Part[] = [];
  for (let from = start; from < file.length; from += SEALED_CHUNK_SIZE) {
    parts.push({ from, to: Math.min(from + SEALED_CHUNK_SIZE, file.length) });
  }
  return parts;
}

function framesOf(compressed: Uint8Array): Part[] {
  const parts: Part[] = [];
  for (let from = 0; from < compressed.length; from = parts.at(-1)?.to ?? compressed.length) {
    parts.push({ from, to: from + new FrameWalker().advance(compressed.subarray(from)) });
  }
  return parts;
}

/** The members of a tar that has no pax records, up to its end mark. */
function membersOf(tar: Uint8Array): Member[] {
  const members: Member[] = [];
  for (let from = 0; tar[from] !== 0;) {
    const text = (at: number, length: number): string =>
      Buffer.from(tar.subarray(from + at, from + at + length))
        .toString("latin1")
        .replace(/\0.*$/s, "");
    const prefix = text(345, 155);
    const size = Number.parseInt(text(124, 12), 8);
    const body = { from: from + 512, to: from + 512 + size };
    const to = body.to + (-size & 511);
    members.push({ name: `${prefix}${prefix === "" ? "" : "/"}${text(0, 100)}`, from, to, body });
    from = to;
  }
  return members;
}
