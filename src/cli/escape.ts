/** Text from outside (file names, other programs' output) is made harmless before a terminal sees it. */

// C0, DEL, C1, and the marks that reorder or break a line (Trojan Source).
const DANGEROUS = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/gu;

const NAMED: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

/** One line without control characters: each is shown as its escape, `\n` or `\u{1b}`. */
export function escapeControl(text: string): string {
  return text.replace(
    DANGEROUS,
    (character) => NAMED[character] ?? `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`,
  );
}

/** As `escapeControl`, but line ends stay: for hints of more than one line. */
export function escapeLines(text: string): string[] {
  return text.split("\n").map(escapeControl);
}
