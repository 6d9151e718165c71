/** A program with all it starts, as a pod is: killing its one process id ends every one of them. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { asUser } from "./programs.ts";
import type { Workplace } from "./programs.ts";

export interface PodOptions {
  readonly user?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/**
 * Starts it in a process namespace of its own, in which it is the first process:
 * the kernel ends a namespace with its first process. A plain `kill -9` of nginx
 * or Patroni would leave workers or a PostgreSQL behind that go on serving.
 * Its id, as seen from here, goes to NAME.pid.
 */
export function startPod(
  work: Workplace,
  name: string,
  options: PodOptions & { readonly argv: readonly string[] },
): void {
  const { user } = options;
  const apart = ["unshare", "--pid", "--fork", "--kill-child=KILL", "--mount-proc", "--"];
  // Changing the user undoes --kill-child.
  const as = ["setpriv", "--pdeathsig", "KILL", ...asUser(user), "--"];
  const child = work.start(
    name,
    [...apart, ...as, ...options.argv],
    options.env === undefined ? {} : { env: options.env },
  );
  writeFileSync(join(work.folder, `${name}.pid`), `${child.pid}\n`);
}
