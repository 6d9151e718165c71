/**
 * The header of an age file, made and opened by age-encryption ("typage"),
 * whose payload code is not used. Guards what typage leaves open
 * (facts/age-sops.md 3 and 5): it takes any header size.
 */
import { Decrypter, Encrypter } from "age-encryption";
import { OperatorError } from "../errors.ts";
import { checkedIdentities, checkedRecipients } from "./age-keys.ts";
import type { PieceReader } from "./frame-pieces.ts";
import { joinBytes } from "./frame-pieces.ts";

/** A post-quantum recipient takes 1.6 KiB: room for about 150 of them. */
export const MAX_HEADER_SIZE = 256 * 1024;

const VERSION_LINE = "age-encryption.org/v1\n";
/** What an empty file has after its header: a nonce and the tag of one empty chunk. */
const EMPTY_PAYLOAD_SIZE = 32;
const MAC_LINE = /^--- [A-Za-z0-9+/]{43}$/;

export interface NewHeader {
  /** The header as it is written, its last line break included. */
  readonly header: Uint8Array;
  /** 16 bytes. Wipe it when the payload key is made. */
  readonly fileKey: Uint8Array;
}

/**
 * A header that every one of `recipients` can open, with a fresh file key.
 * Throws what `checkedRecipients` throws (exit `key`).
 */
export async function createHeader(recipients: readonly string[]): Promise<NewHeader> {
  const encrypter = new Encrypter();
  for (const recipient of checkedRecipients(recipients)) encrypter.addRecipient(recipient);
  let fileKey: Uint8Array | undefined;
  // typage has no call for "header only": a recipient that adds no stanza sees the file key.
  encrypter.addRecipient({
    wrapFileKey(key) {
      fileKey = Uint8Array.from(key);
      return [];
    },
  });
  const file = await encrypter.encrypt(new Uint8Array(0));
  if (fileKey?.length !== 16) throw new Error("age-encryption did not show its file key");
  const header = file.subarray(0, file.length - EMPTY_PAYLOAD_SIZE);
  if (parseHeader(header).headerSize !== header.length) {
    throw new Error("age-encryption wrote something other than a header and an empty payload");
  }
  return { header, fileKey };
}

export interface HeaderFacts {
  /** `X25519`, `mlkem768x25519`, `scrypt`, …, in the order of the file; of recipients nothing else is told. */
  readonly stanzaTypes: string[];
  /** Bytes up to and with the line break after the MAC. */
  readonly headerSize: number;
}

/**
 * Reads the header at the start of `bytes`, without a key. Throws an
 * OperatorError with exit `verifyFailed`: `NOT_AGE`, `AGE_ARMORED`,
 * `HEADER_DAMAGED` (also when it does not end within `bytes`).
 */
export function parseHeader(bytes: Uint8Array): HeaderFacts {
  refuseOther(bytes);
  const headerSize = headerEnd(bytes, 0);
  if (headerSize === undefined) throw headerDamaged("it has no end");
  const lines = Buffer.from(bytes.subarray(0, headerSize - 1))
    .toString("latin1")
    .split("\n");
  if (!MAC_LINE.test(lines.at(-1) ?? "")) throw headerDamaged("its last line is not a MAC");
  const stanzaTypes = lines
    .filter((line) => line.startsWith("-> "))
    .map((line) => line.split(" ")[1] ?? "");
  if (stanzaTypes.length === 0) throw headerDamaged("it names no recipient");
  return { stanzaTypes, headerSize };
}

/** Consumes the header at the start of a file. Throws as `parseHeader` does, and what the stream throws. */
export async function readHeader(reader: PieceReader): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  for (;;) {
    const piece = await reader.peek();
    if (piece === undefined) {
      parseHeader(joinBytes(pieces));
      throw headerDamaged("it has no end");
    }
    const window = piece.subarray(0, MAX_HEADER_SIZE - size + 1);
    const known = joinBytes([...pieces, window]);
    if (known.length >= VERSION_LINE.length) refuseOther(known);
    const end = headerEnd(known, size);
    if (end !== undefined && end <= MAX_HEADER_SIZE) {
      reader.skip(end - size);
      const header = known.subarray(0, end);
      parseHeader(header);
      return header;
    }
    if (known.length > MAX_HEADER_SIZE) throw headerDamaged("it is longer than 256 KiB");
    reader.skip(window.length);
    pieces.splice(0, pieces.length, known);
    size = known.length;
  }
}

/**
 * The file key in `header`, by the native identities (`AGE-SECRET-KEY-1…`,
 * `AGE-SECRET-KEY-PQ-1…`). Throws an OperatorError: `NO_IDENTITY_MATCHED`,
 * `NO_IDENTITY`, `IDENTITY_INVALID` (exit `key`), `HEADER_DAMAGED` (exit `verifyFailed`).
 */
export async function openHeader(
  header: Uint8Array,
  identities: readonly string[],
): Promise<Uint8Array> {
  const decrypter = new Decrypter();
  for (const identity of checkedIdentities(identities)) decrypter.addIdentity(identity);
  return openHeaderWith(header, decrypter);
}

/** As `openHeader`, with a Decrypter that already has its identities. */
export async function openHeaderWith(
  header: Uint8Array,
  decrypter: Decrypter,
): Promise<Uint8Array> {
  const { stanzaTypes } = parseHeader(header);
  try {
    return await decrypter.decryptHeader(header);
  } catch (error) {
    // Neither message nor cause is passed on: typage puts secret keys into some of them.
    const message = error instanceof Error ? error.message : "";
    if (message.startsWith("no identity matched")) throw noMatch(stanzaTypes);
    throw headerDamaged(
      message === "invalid header HMAC"
        ? "its MAC does not match"
        : "a recipient entry is malformed",
    );
  }
}

/** Where the header ends: after the first line that starts with `---`. Looks on from `searched`. */
function headerEnd(bytes: Uint8Array, searched: number): number | undefined {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  // The mark may straddle what was searched before; a last line is under 128 bytes in any header worth reading.
  const mark = text.indexOf("\n---", Math.max(0, searched - 128), "latin1");
  if (mark === -1) return undefined;
  const end = text.indexOf(0x0a, mark + 1);
  return end === -1 ? undefined : end + 1;
}

function refuseOther(bytes: Uint8Array): void {
  const start = Buffer.from(bytes.subarray(0, 1024)).toString("latin1");
  if (start.startsWith(VERSION_LINE)) return;
  if (start.trimStart().startsWith("-----BEGIN AGE")) {
    throw new OperatorError(
      "verifyFailed",
      "AGE_ARMORED",
      "the archive is an armored (text) age file",
      {
        hint: "make it binary first: age --decrypt it with the age program, and encrypt it again without --armor",
      },
    );
  }
  if (VERSION_LINE.startsWith(start) && start.length > 0) throw headerDamaged("it has no end");
  const version = /^age-encryption\.org\/(\S{1,20})\n/.exec(start)?.[1];
  const what =
    version === undefined ? "not an age file" : `an age file of unknown version ${version}`;
  throw new OperatorError("verifyFailed", "NOT_AGE", `the archive is ${what}`, {
    hint: "check that this is the right file and that it was copied whole",
  });
}

function headerDamaged(what: string): OperatorError {
  return new OperatorError("verifyFailed", "HEADER_DAMAGED", `the age header is damaged: ${what}`, {
    hint: "copy the archive again from where it was made, or take another one",
  });
}

function noMatch(stanzaTypes: readonly string[]): OperatorError {
  const kinds = [...new Set(stanzaTypes)].map((type) =>
    type.replaceAll(/[^\x21-\x7e]/g, "?").slice(0, 40),
  );
  return new OperatorError(
    "key",
    "NO_IDENTITY_MATCHED",
    `none of the given identities opens the archive (it is encrypted to: ${kinds.slice(0, 5).join(", ")})`,
    { hint: "give the key file that belongs to one of its recipients, also a retired one" },
  );
}
