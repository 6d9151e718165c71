/** Where recipients are written down: flags, files, the environment. */
import { OperatorError } from "../errors.ts";
import { absolutePath, readKeyFile, shownPath } from "./key-file.ts";
import { checkRecipient } from "./recipient-text.ts";
import type { WrittenRecipient } from "./recipient-text.ts";

/** Same as sshd(8) and age. */
const LINE_LIMIT = 8 * 1024;
const ONE_A_LINE = "give a file with recipients (age1…), one a line";

/**
 * Splits a comma list as SOPS splits SOPS_AGE_RECIPIENTS: spaces around items
 * are dropped, an empty item stays and is refused later (a trailing comma is an error).
 */
export function splitRecipients(list: string, label: string): WrittenRecipient[] {
  const items = list.split(",");
  return items.map((item, index) => ({
    text: item.trim(),
    where: items.length === 1 ? label : `${label} item ${index + 1}`,
  }));
}

/** The recipients given with `-r`, each a recipient or a comma list. */
export function recipientsFromFlags(flags: readonly string[]): WrittenRecipient[] {
  return flags.flatMap((flag, index) =>
    splitRecipients(flag, flags.length === 1 ? "-r" : `-r number ${index + 1}`),
  );
}

/**
 * The recipients in a `-R` file: age's format, one a line, `#` comments.
 * Throws an OperatorError with file and line for a file or line that is
 * unusable; it never shows the line, which may be from a file given by mistake.
 */
export async function recipientsFromFile(
  file: string,
  workingDirectory: string,
): Promise<WrittenRecipient[]> {
  if (file === "-") {
    throw new OperatorError(
      "usage",
      "STDIN_UNSUPPORTED",
      "-R - (standard input) is not supported",
      {
        hint: "write the recipients to a file and give its path",
      },
    );
  }
  const shown = shownPath(file);
  const content = await readKeyFile(absolutePath(file, workingDirectory));
  if (content.state !== "read") {
    const reason = content.state === "missing" ? "does not exist" : content.reason;
    throw new OperatorError("key", "RECIPIENTS_FILE_UNREADABLE", `-R ${shown} ${reason}`, {
      hint: ONE_A_LINE,
    });
  }
  const recipients: WrittenRecipient[] = [];
  for (const [index, raw] of new TextDecoder().decode(content.bytes).split("\n").entries()) {
    const text = raw.trim();
    if (text === "" || text.startsWith("#")) continue;
    const where = `-R ${shown}:${index + 1}`;
    if (text.length > LINE_LIMIT) {
      throw new OperatorError("key", "RECIPIENT_INVALID", `${where} is too long for a recipient`, {
        hint: ONE_A_LINE,
      });
    }
    const checked = checkRecipient(text);
    if (!checked.ok && checked.code === "RECIPIENT_INVALID" && !text.startsWith("age1")) {
      throw new OperatorError("key", checked.code, `${where} ${checked.reason}`, hintOf(checked));
    }
    recipients.push({ text, where });
  }
  if (recipients.length === 0) {
    throw new OperatorError("key", "RECIPIENTS_FILE_EMPTY", `-R ${shown} holds no recipient`, {
      hint: ONE_A_LINE,
    });
  }
  return recipients;
}

/** The `hint` of a refusal as OperatorError options. */
export function hintOf(refused: { readonly hint?: string }): { hint?: string } {
  return refused.hint === undefined ? {} : { hint: refused.hint };
}
