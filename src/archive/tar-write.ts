/** Writes a tar: regular files of known size, owned by root, nothing that depends on the clock or the host. */
import { encodeHeader } from "./tar-encode.ts";
import { BLOCK } from "./tar-header.ts";
import { pathProblem, shownPath } from "./tar-path.ts";
import { streamFrom } from "./tar-source.ts";
import type { TarHeader } from "./tar-header.ts";

export interface TarMember extends TarHeader {
  /** The bytes, opened when their turn comes; exactly `size` of them. */
  open(): ReadableStream<Uint8Array>;
}

/**
 * The bytes of a tar with these members, made as they are asked for. The stream
 * errors (and so never ends) when a member's stream fails or has another size
 * than its header says.
 */
export function tarStream(members: Iterable<TarMember>): ReadableStream<Uint8Array> {
  return streamFrom(tarPieces(members));
}

async function* tarPieces(members: Iterable<TarMember>): AsyncGenerator<Uint8Array> {
  for (const member of members) {
    const problem = pathProblem(member.path);
    if (problem !== undefined) {
      throw new TypeError(`cannot archive ${shownPath(member.path)}: the name ${problem}`);
    }
    yield encodeHeader(member);
    yield* memberBytes(member);
    const padding = -member.size & (BLOCK - 1);
    if (padding > 0) yield new Uint8Array(padding);
  }
  yield new Uint8Array(2 * BLOCK);
}

async function* memberBytes(member: TarMember): AsyncGenerator<Uint8Array> {
  const reader = member.open().getReader();
  let written = 0;
  try {
    for (;;) {
      const next = await reader.read();
      if (next.done) break;
      written += next.value.length;
      if (written > member.size) break;
      if (next.value.length > 0) yield next.value;
    }
    if (written !== member.size) {
      throw new RangeError(`cannot archive ${shownPath(member.path)}: its size changed`);
    }
  } finally {
    // Also when the consumer left: an open file behind the stream must be let go.
    await reader.cancel().catch(() => undefined);
  }
}
