/** Tars for tests: made by GNU tar, or by hand so that they are wrong in one place. */
import { spawnSync } from "node:child_process";
import { encodeHeader } from "../../src/archive/tar-encode.ts";
import type { TarHeader } from "../../src/archive/tar-header.ts";

/** Runs a program; throws with its stderr unless it exits 0. */
export function run(command: readonly string[], input?: Uint8Array, cwd?: string): Uint8Array {
  const [program = "", ...args] = command;
  const options = { input: input ?? new Uint8Array(0), maxBuffer: 1 << 28, cwd };
  const result = spawnSync(program, args, options);
  if (result.status !== 0) {
    throw new Error(`${command.join(" ")}: ${result.error?.message ?? result.stderr.toString()}`);
  }
  return new Uint8Array(result.stdout);
}

/** One member: header, bytes, padding. `edit` may change the header block; its checksum is made right again. */
export function member(
  path: string,
  content: string | Uint8Array,
  edit: (block: Uint8Array) => void = () => undefined,
): Uint8Array {
  const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
  const header: TarHeader = { path, size: bytes.length, mode: 0o600, mtime: 1_795_400_000 };
  const blocks = encodeHeader(header);
  const block = blocks.subarray(blocks.length - 512);
  edit(block);
  fixChecksum(block);
  return join(blocks, bytes, new Uint8Array(-bytes.length & 511));
}

/** Two blocks of zeros. */
export const END = new Uint8Array(1024);

export function join(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

/** Writes text into a block. */
export function put(block: Uint8Array, offset: number, text: string): void {
  block.set(new TextEncoder().encode(text), offset);
}

function fixChecksum(block: Uint8Array): void {
  block.fill(0x20, 148, 156);
  const sum = block.reduce((total, byte) => total + byte, 0);
  put(block, 148, `${sum.toString(8).padStart(6, "0")}\u0000 `);
}
