/** The error of every refusal by the reader of archives. */
import { OperatorError } from "../errors.ts";
import type { OperatorErrorOptions } from "../errors.ts";

/** An OperatorError with exit verifyFailed. */
export function refused(
  code: string,
  message: string,
  options: OperatorErrorOptions = {},
): OperatorError {
  return new OperatorError("verifyFailed", code, message, {
    hint: "take another archive; which are whole: railiance-cluster verify --all",
    ...options,
  });
}
