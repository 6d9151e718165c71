/** Whether the unit that will start K3s can, and does it with what the restored server needs. */
import { OperatorError } from "../errors.ts";
import { readSettings } from "../k3s/settings.ts";
import { findProgram } from "../sys/find-program.ts";
import type { FileView } from "../k3s/file-view.ts";
import type { Settings } from "../k3s/settings.ts";
import type { Context } from "./context.ts";
import type { Pins } from "./fit-pins.ts";

/** A flag in the unit, or a later drop-in, wins over ours: better said now than found out by K3s. */
export async function requireEffect(before: Settings, pins: Pins, view: FileView): Promise<void> {
  const settings = await readSettings({ dataDir: undefined, view });
  for (const { key, value, why } of pins.list) {
    const found = key === "data-dir" ? settings.dataDir : settings.one(key);
    if (found === value) continue;
    throw new OperatorError(
      "precondition",
      "SETTING_FIXED",
      `the restored server needs ${key}: ${value} (${why}), and a flag of the unit or a later file of ${before.configPath}.d says ${found ?? "otherwise"}`,
      { hint: "nothing was changed; take that setting out on this host, then run this again" },
    );
  }
}

/** K3s alone, without a unit here or in the archive, would have nothing to start it. */
export async function requireUnit(context: Context, { unit, k3s }: Settings): Promise<void> {
  if (unit === undefined) {
    throw new OperatorError(
      "precondition",
      "NO_UNIT",
      "neither the archive nor this host has a k3s.service that could start K3s",
      {
        hint: "nothing was changed; make one, without starting it: INSTALL_K3S_SKIP_DOWNLOAD=true INSTALL_K3S_SKIP_START=true ./install.sh server",
      },
    );
  }
  if ((await findProgram(k3s, context.host.env["PATH"])) !== undefined) return;
  throw new OperatorError(
    "precondition",
    "UNIT_PROGRAM",
    `k3s.service starts ${k3s}, and there is no such program on this host`,
    { hint: `nothing was changed; put K3s there: ln -s "$(command -v k3s)" ${k3s}` },
  );
}
