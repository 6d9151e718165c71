/** The manifest of an archive in the repository. */
import { readHead } from "../../../src/archive/reader.ts";
import { streamOf } from "../../helpers/archive.ts";
import type { Manifest } from "../../../src/archive/manifest.ts";
import type { ReleasedArchive } from "./released.ts";

/** Opens the archive with its own key. Throws the reader's OperatorErrors. */
export async function manifestOf({ bytes, identity }: ReleasedArchive): Promise<Manifest> {
  return (await readHead(streamOf(bytes), [identity])).manifest;
}
