/** Which K3s this is. */
import { isAbsolute } from "node:path";
import { OperatorError } from "../errors.ts";
import { tailOf } from "../sys/exec.ts";
import type { Host } from "../sys/host.ts";

/**
 * Asks `k3s --version` and returns e.g. `v1.36.2+k3s1`. Throws an OperatorError `K3S_NOT_FOUND` or `K3S_VERSION`.
 * `advice`: what to do on a machine without K3s; default is to go to one that has it.
 */
export async function k3sVersion(
  host: Host,
  k3s: string,
  options: { readonly advice?: string } = {},
): Promise<string> {
  let result;
  try {
    result = await host.run([k3s, "--version"], { timeout: 30_000 });
  } catch (error) {
    if (!(error instanceof OperatorError) || error.code !== "TOOL_MISSING") throw error;
    throw notFound(k3s, { cause: error, ...options });
  }
  const version = /^k3s version (v\S+)/m.exec(result.stdout)?.[1];
  if (result.exitCode !== 0 || version === undefined) {
    throw new OperatorError(
      "precondition",
      "K3S_VERSION",
      `${k3s} --version gave no version (${tailOf(result) || `exit ${result.exitCode}`})`,
      {
        hint: `check that ${k3s} is K3s and can be run`,
      },
    );
  }
  return version;
}

/** A path comes from the unit: then this is a K3s server whose program is gone. */
function notFound(
  k3s: string,
  { cause, advice }: { readonly cause: unknown; readonly advice?: string },
): OperatorError {
  if (isAbsolute(k3s)) {
    return new OperatorError(
      "precondition",
      "K3S_NOT_FOUND",
      `k3s.service starts ${k3s}, but that is not there or cannot be run`,
      { hint: "put the k3s program back (its release is in: railiance-cluster show)", cause },
    );
  }
  return new OperatorError("precondition", "K3S_NOT_FOUND", "there is no k3s on this machine", {
    hint: advice ?? "run this on a K3s server; to see it work on a throw-away one, type: make demo",
    cause,
  });
}

/**
 * Compares two K3s versions by major, minor, patch and the k3s number.
 * Negative when `left` is older. Versions that do not parse count as equal.
 */
export function compareVersions(left: string, right: string): number {
  const parse = (text: string): number[] | undefined =>
    /^v?(\d+)\.(\d+)\.(\d+)(?:.*\+(?:k3s|rke2r)(\d+))?/
      .exec(text)
      ?.slice(1)
      .map((part) => Number(part ?? 0));
  const [first, second] = [parse(left), parse(right)];
  if (first === undefined || second === undefined) return 0;
  for (let index = 0; index < 4; index += 1) {
    const difference = (first[index] ?? 0) - (second[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
