/** Every command there is: to add one, write its file and list it here. */
import { backupCommand } from "./backup.ts";
import { diffCommand } from "./diff.ts";
import { doctorCommand } from "./doctor.ts";
import { extractCommand } from "./extract.ts";
import { haDriftCommand } from "./ha/drift.ts";
import { haDrillCommand } from "./ha/drill.ts";
import { haLintCommand } from "./ha/lint.ts";
import { haReportCommand } from "./ha/report.ts";
import { haStatusCommand } from "./ha/status.ts";
import { haSmokeCommand } from "./ha/smoke.ts";
import { listCommand } from "./list.ts";
import { restoreCommand } from "./restore.ts";
import { showCommand } from "./show.ts";
import { verifyCommand } from "./verify.ts";
import type { Command } from "./command.ts";

export const COMMANDS: readonly Command[] = [
  backupCommand,
  listCommand,
  showCommand,
  verifyCommand,
  diffCommand,
  extractCommand,
  restoreCommand,
  haLintCommand,
  haDriftCommand,
  haDrillCommand,
  haReportCommand,
  haStatusCommand,
  haSmokeCommand,
  doctorCommand,
];
