/**
 * Each check of `verify` alone: an archive that it refuses, and that the
 * program without this check takes for good. Where there are two checks on
 * purpose the table says which is the other one, and why.
 */
import { afterAll, describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { proveArchive } from "../../src/app/proof.ts";
import { OperatorError } from "../../src/errors.ts";
import { testContext } from "../helpers/context.ts";
import { withFolder } from "../helpers/folder.ts";
import { recordFault } from "./rows.ts";
import { archiveWith } from "./verifier/build.ts";
import { NO_CHECKS, SCANNED, TABLE } from "./verifier/table.ts";
import { moduleWithout, statementsOf, statementWith } from "./verifier/sites.ts";
import type { Made, Row } from "./verifier/row.ts";

/** Writes the archive down under its name; gives its path. */
function laidOut(folder: string, made: Made): string {
  const path = `${folder}/${made.name ?? "copy.age"}`;
  writeFileSync(path, made.bytes);
  return path;
}

/** What verify says of an archive: `accepted`, or code and sentence. */
async function verdict(folder: string, made: Made): Promise<string> {
  const path = laidOut(folder, made);
  try {
    const { identity, sha256 } = made;
    await proveArchive(testContext(), { path, identities: [identity], sha256 });
    return "accepted";
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error;
    return `${error.code}: ${error.message}`;
  }
}

/** The same, said by the program without the row's check. */
function verdictWithout(folder: string, row: Row, made: Made): string {
  const path = laidOut(folder, made);
  writeFileSync(`${folder}/key.txt`, made.identity);
  const module = moduleWithout(row);
  writeFileSync(`${folder}/module.ts`, module.text);
  const here = `${import.meta.dirname}/verifier`;
  const args = [`--preload=${here}/in-place-of.ts`, `${here}/prove.ts`, path, `${folder}/key.txt`];
  if (made.sha256 !== undefined) args.push(made.sha256);
  const env = { ...process.env, MODULE: module.path, IN_PLACE_OF_IT: `${folder}/module.ts` };
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: "utf8", env });
  return status === 0 ? stdout.trim() : `crashed: ${stderr.trim().slice(0, 1500)}`;
}

describe("the checks of verify", () => {
  const told: string[] = [];
  let held = 0;
  afterAll(() => {
    process.stderr.write(
      `\n| check | archive | refused by | without it |\n| --- | --- | --- | --- |\n`,
    );
    process.stderr.write(`${told.join("\n")}\n`);
    recordFault({
      family: "verifier",
      fault:
        "each check of verify: an archive it refuses, and a program without it that takes the archive",
      tried: TABLE.length,
      survived: held,
      lost: TABLE.length - held,
    });
  });

  test("are all in the table: every throw of the files they are in", () => {
    const known = [...TABLE, ...NO_CHECKS].flatMap(({ file, site }) =>
      site === undefined ? [] : [`${file} ${statementWith(file, site).from}`],
    );
    const missing = SCANNED.flatMap((file) =>
      statementsOf(file)
        .filter(({ from }) => !known.includes(`${file} ${from}`))
        .map(({ line }) => `${file}: ${line.trim().slice(0, 140)}`),
    );
    expect(missing).toEqual([]);
  });

  test("take an archive that is built as those of the table are, with nothing wrong in it", async () => {
    for (const kind of ["etcd", "sqlite"] as const) {
      const made = await archiveWith(kind, {});
      expect(await withFolder((folder) => verdict(folder, made))).toBe("accepted");
    }
  });

  for (const row of TABLE) {
    test(`${row.file}: ${row.mutation}`, async () => {
      const made = await row.make();
      await withFolder(async (folder) => {
        const refusal = await verdict(folder, made);
        expect(refusal.slice(0, refusal.indexOf(":"))).toBe(row.code);
        expect(refusal).toContain(row.says ?? row.code);
        const without = verdictWithout(folder, row, made);
        expect(without).toContain(row.behind?.says ?? "accepted");
        if (row.behind !== undefined) expect(without).not.toContain("accepted");
        told.push(lineOf(row));
        held += 1;
      });
    }, 60_000);
  }
});

function lineOf({ file, site, off, mutation, code, behind }: Row): string {
  const rest = behind === undefined ? "accepted" : `refused (${behind.says}): ${behind.why}`;
  const check = (site ?? off?.[0]?.[0] ?? "").replaceAll(/\s+/g, " ").slice(0, 60);
  return `| ${file}: ${check} | ${mutation} | ${code} | ${rest} |`;
}
