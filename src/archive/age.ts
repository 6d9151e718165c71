/** age encryption of whole streams: headers by age-encryption, payload by the native cipher. */
import { randomBytes } from "node:crypto";
import { OperatorError } from "../errors.ts";
import { createHeader, openHeader, parseHeader, readHeader } from "./age-header.ts";
import type { HeaderFacts } from "./age-header.ts";
import {
  NONCE_SIZE,
  openPayload,
  payloadKey,
  SEALED_CHUNK_SIZE,
  sealPayload,
} from "./age-payload.ts";
import { pickCipher, TAG_SIZE } from "./cipher.ts";
import type { Cipher } from "./cipher.ts";
import { joinBytes, PieceReader } from "./frame-pieces.ts";
import type { PieceReaderOptions } from "./frame-pieces.ts";

export { recipientKind, recipientOf } from "./age-keys.ts";
export type { RecipientKind } from "./age-keys.ts";
export type { HeaderFacts } from "./age-header.ts";

export interface AgeOptions extends PieceReaderOptions {
  /** Default: the fastest one of this runtime. */
  readonly cipher?: Cipher;
}

/**
 * Encrypts what is written to it, for every recipient. The chunk that marks the
 * end is written only when the input closes without error. Throws OperatorErrors
 * about recipients (exit `key`): none, a mix of kinds, an unusable one.
 */
export async function encryptStream(
  recipients: readonly string[],
  options: AgeOptions = {},
): Promise<TransformStream<Uint8Array, Uint8Array>> {
  const cipher = options.cipher ?? (await pickCipher());
  const { header, fileKey } = await createHeader(recipients);
  const nonce = randomBytes(NONCE_SIZE);
  const key = payloadKey(fileKey, nonce);
  fileKey.fill(0);
  const entrance = new TransformStream<Uint8Array, Uint8Array>();
  const prefix = joinBytes([header, nonce]);
  const reader = new PieceReader(entrance.readable, options);
  const readable = await sealPayload(reader, { cipher, key, prefix });
  key.fill(0);
  return { writable: entrance.writable, readable };
}

/**
 * The plaintext of an age file. `identities` are native secret keys
 * (`AGE-SECRET-KEY-1…`, `AGE-SECRET-KEY-PQ-1…`). Rejects when the header cannot
 * be opened (exit `verifyFailed`, or `key` with `NO_IDENTITY_MATCHED`); the
 * stream fails with `ARCHIVE_DAMAGED` (exit `verifyFailed`) when the payload is
 * altered or cut. Bytes come out before the end is known to be good: act on
 * nothing until the stream has ended. `input` is cancelled on failure.
 */
export async function decryptStream(
  input: ReadableStream<Uint8Array>,
  identities: readonly string[],
  options: AgeOptions = {},
): Promise<ReadableStream<Uint8Array>> {
  return decryptWith(input, (header) => openHeader(header, identities), options);
}

/** As `decryptStream`, with any way to get the file key out of the header. */
export async function decryptWith(
  input: ReadableStream<Uint8Array>,
  open: (header: Uint8Array) => Promise<Uint8Array>,
  options: AgeOptions = {},
): Promise<ReadableStream<Uint8Array>> {
  const reader = new PieceReader(input, options);
  try {
    const cipher = options.cipher ?? (await pickCipher());
    const fileKey = await open(await readHeader(reader));
    const nonce = new Uint8Array(NONCE_SIZE);
    if ((await reader.fill(nonce)) < NONCE_SIZE) throw tooShort();
    const key = payloadKey(fileKey, nonce);
    fileKey.fill(0);
    const plaintext = await openPayload(reader, { cipher, key });
    key.fill(0);
    return plaintext;
  } catch (error) {
    await reader.cancel(error).catch(() => undefined);
    throw error;
  }
}

/**
 * What the start of an age file tells without a key; `start` must hold the
 * whole header (at most `MAX_HEADER_SIZE`). Throws `NOT_AGE`, `AGE_ARMORED` or
 * `HEADER_DAMAGED` (exit `verifyFailed`).
 */
export function inspectHeader(start: Uint8Array): HeaderFacts {
  return parseHeader(start);
}

/**
 * Plaintext bytes in a file of `fileSize` bytes, by arithmetic alone: a cheap
 * check without a key. Throws `ARCHIVE_DAMAGED` (exit `verifyFailed`) for a
 * length that no age file has.
 */
export function payloadSize(fileSize: number, headerSize: number): number {
  const sealed = fileSize - headerSize - NONCE_SIZE;
  if (sealed < TAG_SIZE) throw tooShort();
  const chunks = Math.ceil(sealed / SEALED_CHUNK_SIZE);
  const last = sealed - (chunks - 1) * SEALED_CHUNK_SIZE;
  if (last < TAG_SIZE || (last === TAG_SIZE && chunks > 1)) {
    throw new OperatorError(
      "verifyFailed",
      "ARCHIVE_DAMAGED",
      `the encrypted archive is damaged: no age file is ${fileSize} bytes long, so it was cut or added to`,
      { hint: "copy the archive again from where it was made, or take another one" },
    );
  }
  return sealed - chunks * TAG_SIZE;
}

/**
 * Would an archive for these recipients open with one of these identities?
 * Wraps a header and opens it: proof before any data is read. Throws about
 * unusable recipients and identities (exit `key`).
 */
export async function opensWith(
  recipients: readonly string[],
  identities: readonly string[],
): Promise<boolean> {
  const { header, fileKey } = await createHeader(recipients);
  try {
    const opened = await openHeader(header, identities);
    return Buffer.from(opened).equals(fileKey);
  } catch (error) {
    if (error instanceof OperatorError && error.code === "NO_IDENTITY_MATCHED") return false;
    throw error;
  } finally {
    fileKey.fill(0);
  }
}

function tooShort(): OperatorError {
  return new OperatorError(
    "verifyFailed",
    "ARCHIVE_DAMAGED",
    "the encrypted archive is damaged: it ends right after its header",
    { hint: "copy the archive again from where it was made, or take another one" },
  );
}
