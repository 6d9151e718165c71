/** Runs a drill file with the shipped executable on a lab server. */
import { recordDrill } from "../rows.ts";
import type { BareServer } from "../../lab/server.ts";

export interface Ran {
  readonly exitCode: number | null;
  /** Fields of the result envelope. */
  readonly result: Readonly<Record<string, unknown>>;
  /** All that was said: result and progress. */
  readonly said: string;
}

/** Writes the drill file and runs it to its end; with a `row` it is listed in the table of `make test-ha`. */
export async function runDrill(
  server: BareServer,
  file: string,
  options: { readonly row?: string } = {},
): Promise<Ran> {
  server.write("/root/drill.yaml", file);
  const words = ["ha", "drill", "/root/drill.yaml", "--json", "--yes"];
  const program = "/opt/railiance/bin/railiance-cluster";
  const { exitCode, stdout, stderr } = await server.run([program, ...words], { timeout: 900_000 });
  const said = `${stdout}\n${stderr}`;
  const result: unknown = JSON.parse(stdout);
  if (typeof result !== "object" || result === null) throw new Error(`no result: ${said}`);
  const fields = Object.fromEntries(Object.entries(result));
  if (options.row !== undefined) recordDrill({ name: options.row, result: fields });
  return { exitCode, result: fields, said };
}
