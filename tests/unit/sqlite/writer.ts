/**
 * Another process that keeps a database open: `writer.ts FILE write|hold`. It
 * says "ready", then either writes until its input ends, two rows a transaction,
 * or holds the only lock there is.
 */
import { DatabaseSync } from "node:sqlite";

const [, , path = "", doing] = process.argv;
const database = new DatabaseSync(path);
database.exec("PRAGMA journal_mode = WAL; PRAGMA busy_timeout = 5000");
if (doing === "hold") {
  database.exec("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE");
  process.stdout.write("ready\n");
} else {
  database.exec("CREATE TABLE IF NOT EXISTS pair (id INTEGER PRIMARY KEY, side TEXT, filler BLOB)");
  process.stdout.write("ready\n");
  setInterval(writeSome, 1);
}
process.stdin.resume();
process.stdin.on("end", () => process.kill(process.pid, "SIGKILL")); // as K3s's end: nothing is tidied up

function writeSome(): void {
  for (let round = 0; round < 5; round += 1) {
    database.exec(
      "BEGIN; INSERT INTO pair (side, filler) VALUES ('left', randomblob(1500)); INSERT INTO pair (side, filler) VALUES ('right', randomblob(1500)); COMMIT",
    );
  }
}
