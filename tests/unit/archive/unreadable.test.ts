/** An archive whose bytes are not there any more counts as damaged; one that may not be read does not. */
import { describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { readable } from "../../../src/app/archive-file.ts";
import { extractFiles } from "../../../src/app/extract.ts";
import { showArchive } from "../../../src/app/show.ts";
import { verifyArchives } from "../../../src/app/verify.ts";
import { serializeSidecar, sidecarOf } from "../../../src/archive/sidecar.ts";
import { openFile } from "../../../src/sys/files.ts";
import { sha256Hex } from "../../../src/sys/hash.ts";
import { testContext } from "../../helpers/context.ts";
import { failureOf } from "../../helpers/errors.ts";
import { withFolder } from "../../helpers/folder.ts";
import { whole } from "./proof-support.ts";
import type { OperatorError } from "../../../src/errors.ts";

describe("reading", () => {
  test("an error of the disk is damage", async () => {
    await using memory = await openFile("/proc/self/mem"); // a real EIO: nothing is mapped at 0
    const error = await failureOf(() => readable("/a", () => memory.read(0, 16)));
    expect([error.exit, error.code]).toEqual(["verifyFailed", "ARCHIVE_READ_ERROR"]);
    expect(error.message).toBe("the disk gave an error (EIO) reading /a");
  });

  test("a file that became shorter is damage", async () => {
    await withFolder(async (folder) => {
      writeFileSync(`${folder}/a`, "ten bytes.");
      await using file = await openFile(`${folder}/a`);
      writeFileSync(`${folder}/a`, "");
      const error = await failureOf(() => readable("/a", () => file.read(0, file.size)));
      expect([error.exit, error.code]).toEqual(["verifyFailed", "ARCHIVE_READ_ERROR"]);
      expect(error.message).toBe("/a became shorter while it was read");
    });
  });

  test("anything else the system says is not", async () => {
    const error = await failureOf(() => readable("/a", () => openFile("/proc/self/mem/x")));
    expect([error.exit, error.code]).toEqual(["precondition", "ARCHIVE_UNREADABLE"]);
  });
});

/** Another letter in the first recipient's stanza: still an age file, but for nobody. */
function forNobody(): Uint8Array {
  const bytes = whole.bytes.slice();
  const at = new TextDecoder("latin1").decode(bytes).indexOf("-> X25519 ") + 12;
  bytes[at] = bytes[at] === 0x41 ? 0x42 : 0x41;
  return bytes;
}

describe("an archive whose header was damaged so that no key fits", () => {
  const context = testContext({ env: { SOPS_AGE_KEY: whole.identity } });

  /** What show, verify and extract end with; the sidecar is of `noted`, when it is there. */
  async function refusals(bytes: Uint8Array, noted?: Uint8Array): Promise<OperatorError[]> {
    return withFolder(async (directory) => {
      const archive = `${directory}/${whole.name}`;
      writeFileSync(archive, bytes);
      if (noted !== undefined) {
        const file = { name: whole.name, size: noted.length, sha256: sha256Hex(noted) };
        writeFileSync(`${archive}.json`, serializeSidecar(sidecarOf(whole.manifest, file)));
      }
      const options = { archive, directory, identityFiles: [] };
      const [verified] = await verifyArchives(context, {
        ...options,
        archives: [archive],
        all: false,
      });
      if (verified?.ok !== false) throw new Error("verify found it whole");
      const output = `${directory}/out`;
      return [
        verified.error,
        await failureOf(() => showArchive(context, options)),
        await failureOf(() => extractFiles(context, { ...options, paths: [], output })),
      ];
    });
  }

  test("is told from one for another key by the digest beside it", async () => {
    for (const { exit, code, message } of await refusals(forNobody(), whole.bytes)) {
      expect([exit, code]).toEqual(["verifyFailed", "HEADER_DAMAGED"]);
      expect(message).toContain(`${whole.name} is damaged`);
    }
    for (const { exit, code } of await refusals(forNobody(), whole.bytes.slice(0, -1))) {
      expect([exit, code]).toEqual(["verifyFailed", "HEADER_DAMAGED"]);
    }
  });

  test("counts as one for another key when nothing is known of it, or it is as it was written", async () => {
    for (const noted of [undefined, forNobody()]) {
      for (const { exit, code } of await refusals(forNobody(), noted)) {
        expect([exit, code]).toEqual(["key", "NO_IDENTITY_MATCHED"]);
      }
    }
  });
});
