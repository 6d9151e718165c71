/** Which of this host's tokens opens what was saved. */
import { tokenPassword } from "../datastore/token.ts";
import { OperatorError } from "../errors.ts";
import type { TokenCandidate } from "../k3s/tokens.ts";
import type { Context } from "./context.ts";

/**
 * Tries `inspect` with the password of each token in turn. Throws the first
 * token's OperatorError when none fits; any other error at once.
 */
export async function openWithTokens<Facts>(
  context: Context,
  tokens: readonly TokenCandidate[],
  inspect: (password: string) => Promise<Facts>,
): Promise<{ readonly facts: Facts; readonly token: string }> {
  let failure: unknown;
  for (const { token, source } of tokens) {
    try {
      return { facts: await inspect(tokenPassword(token)), token };
    } catch (error) {
      if (!(error instanceof OperatorError) || !isOtherToken(error)) throw error;
      context.talk({ type: "note", text: `the token in ${source} does not open the datastore` });
      failure ??= error;
    }
  }
  throw failure;
}

function isOtherToken({ code }: OperatorError): boolean {
  return code.startsWith("BOOTSTRAP_") || code === "TOKEN_FORMAT";
}
