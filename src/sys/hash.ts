/** SHA-256 of values and files. */
import { createHash } from "node:crypto";
import { release } from "../buffers.ts";
import { openFile } from "./files.ts";

export function sha256Hex(content: string | Uint8Array): string {
  return createHash("sha256").update(content).digest("hex");
}

/** Reads a file once and returns its hash. */
export async function sha256OfFile(path: string): Promise<string> {
  await using file = await openFile(path);
  const hash = createHash("sha256");
  for await (const chunk of file.stream()) {
    hash.update(chunk);
    release([chunk]);
  }
  return hash.digest("hex");
}
