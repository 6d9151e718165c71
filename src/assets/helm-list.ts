/** Taking a list of the cluster's objects one by one, and telling its end from its failure. */
import { OperatorError } from "../errors.ts";
import type { JsonObject } from "../k3s/kubectl.ts";
import type { Host } from "../sys/host.ts";

/**
 * The next object; undefined at the end; the OperatorError when the list broke
 * off, so that errors of the list and errors of what is done with an object (a
 * full disk) do not mix. An interruption is thrown.
 */
export async function nextObject(
  objects: AsyncGenerator<JsonObject, void, undefined>,
  host: Host,
): Promise<JsonObject | OperatorError | undefined> {
  try {
    const next = await objects.next();
    return next.done === true ? undefined : next.value;
  } catch (error) {
    if (!(error instanceof OperatorError) || host.signal.aborted) throw error;
    return error;
  }
}
