/** A program of its own that runs one drill file on a server. */
import { drill } from "../../../src/app/ha-drill.ts";
import { EXIT, OperatorError } from "../../../src/errors.ts";
import { realHost } from "../../../src/sys/real-host.ts";
import { abortOnSignals } from "../../../src/sys/signals.ts";

const [file = "", ...flags] = process.argv.slice(2);
try {
  const result = await drill(
    {
      host: realHost(abortOnSignals()),
      talk: (event) =>
        process.stderr.write(`${"text" in event ? event.text : JSON.stringify(event)}\n`),
      ask: undefined,
    },
    {
      file,
      directory: "/opt/backup/railiance/cluster",
      dataDir: undefined,
      reports: "/var/lib/railiance/ha",
      dryRun: flags.includes("--dry-run"),
      yes: true,
    },
  );
  process.stdout.write(
    `${JSON.stringify({ report: result.report ?? null, lines: result.lines })}\n`,
  );
  const verdict = result.report?.verdict;
  process.exit(
    verdict === "interrupted" ? 143 : verdict === undefined || verdict === "passed" ? 0 : 12,
  );
} catch (error) {
  if (!(error instanceof OperatorError)) throw error;
  process.stdout.write(`${JSON.stringify({ code: error.code, message: error.message })}\n`);
  process.exit(EXIT[error.exit]);
}
