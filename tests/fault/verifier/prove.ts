/** Run as a program, with a module of the sources replaced: proves the archive its argument names, and prints `accepted` or the refusal. */
import { readFileSync } from "node:fs";
import { proveArchive } from "../../../src/app/proof.ts";
import { OperatorError } from "../../../src/errors.ts";
import { testContext } from "../../helpers/context.ts";

const [, , path = "", keyFile = "", sha256] = process.argv;
const identities = [readFileSync(keyFile, "utf8").trim()];
try {
  await proveArchive(testContext(), { path, identities, sha256 });
  process.stdout.write("accepted\n");
} catch (error) {
  if (!(error instanceof OperatorError)) throw error;
  process.stdout.write(`${error.code}: ${error.message}\n`);
}
