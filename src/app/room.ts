/** Is there room for plaintext on the disk that K3s's own database may lie on. */
import { OperatorError } from "../errors.ts";
import { freeBytes } from "../sys/files.ts";
import { sizeText } from "../words.ts";

/** Bytes that stay free on that disk. */
const LEFT_FREE = 128 * 1024 * 1024;

/** Throws an OperatorError `NO_ROOM` unless `size` bytes fit into a folder. `what` names them: "a copy of the database". */
export async function requireRoom(folder: string, size: number, what: string): Promise<void> {
  const free = await freeBytes(folder);
  if (free >= size + LEFT_FREE) return;
  throw new OperatorError(
    "precondition",
    "NO_ROOM",
    `${folder} has ${sizeText(free)} free, ${what} needs ${sizeText(size + LEFT_FREE)}`,
    { hint: "nothing was written; free some space, then run this again" },
  );
}
