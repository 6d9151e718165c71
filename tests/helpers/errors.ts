/** What an action fails with, for tests that look at code, exit and text of an OperatorError. */
import { OperatorError } from "../../src/errors.ts";

/** The OperatorError an action fails with. Throws when it succeeds or fails with anything else. */
export async function failureOf(action: () => unknown): Promise<OperatorError> {
  try {
    await action();
  } catch (error) {
    if (error instanceof OperatorError) return error;
    throw error;
  }
  throw new Error("expected an OperatorError, but it succeeded");
}
