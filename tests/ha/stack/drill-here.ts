/** `bun drill-here.ts FILE FOLDER`: runs a drill where this process is, in a network namespace say, and prints the report. */
import { runDrill } from "./run-drill.ts";

const [file = "", folder = ""] = process.argv.slice(2);
process.stdout.write(JSON.stringify(await runDrill(file, folder)));
