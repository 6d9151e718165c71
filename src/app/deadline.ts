/** A part of a run that may take only so long: what hangs must not hold up what comes after it. */
import type { Context } from "./context.ts";

/** The same context, ended after some milliseconds as by a signal; `late` is then the signal's reason. Disposing stops the clock. */
export function deadlineFor(
  context: Context,
  limit: number,
  late: Error,
): Disposable & { readonly context: Context } {
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(late), limit);
  const signal = AbortSignal.any([context.host.signal, controller.signal]);
  return {
    context: { ...context, host: { ...context.host, signal } },
    [Symbol.dispose]: () => clearTimeout(timer),
  };
}
