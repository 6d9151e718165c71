/** `k3s kubectl`, and `kubectl` when that is the name the program was called under. */
import { spawn } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { fatal } from "./log.ts";
import { partPath } from "./parts.ts";

const DEFAULT_CONFIG = "/etc/rancher/k3s/k3s.yaml";

/** Runs kubectl with K3s's kubeconfig unless another is named, and takes over its exit code. */
export function kubectlCommand(args: readonly string[]): Promise<void> {
  const env = { ...process.env };
  const named = args.some((argument) => argument.startsWith("--kubeconfig"));
  if (!named && (env["KUBECONFIG"] ?? "") === "") {
    env["KUBECONFIG"] = DEFAULT_CONFIG;
    warnIfUnreadable();
  }
  return new Promise((resolve) => {
    const child = spawn(partPath("kubectl"), [...args], { env, stdio: "inherit" });
    for (const signal of ["SIGINT", "SIGTERM"] as const)
      process.on(signal, () => child.kill(signal));
    child.on("error", (error) => fatal(error.message));
    child.on("exit", (code, signal) => {
      process.exitCode = signal === null ? (code ?? 1) : 1;
      resolve();
    });
  });
}

function warnIfUnreadable(): void {
  try {
    accessSync(DEFAULT_CONFIG, constants.R_OK);
  } catch (error) {
    const denied = error instanceof Error && "code" in error && error.code === "EACCES";
    if (denied) {
      process.stderr.write(
        `WARN[0000] Unable to read ${DEFAULT_CONFIG}, please start server with --write-kubeconfig-mode or --write-kubeconfig-group to modify kube config permissions\n`,
      );
    }
  }
}
