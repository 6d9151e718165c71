/** Splitting a command as SOPS does (google/shlex): quotes, backslashes, `#` comments; no shell, no expansion. */

/**
 * The words of a command line; an empty array when there is none. Undefined
 * when a quote is not closed or a backslash ends the text.
 */
export function splitWords(text: string): string[] | undefined {
  const words: string[] = [];
  let word: string | undefined;
  let quote: '"' | "'" | undefined;
  let escaped = false;
  let comment = false;
  for (const character of text) {
    if (comment) {
      comment = character !== "\n";
    } else if (escaped) {
      word = (word ?? "") + character;
      escaped = false;
    } else if (character === "\\" && quote !== "'") {
      // shlex drops the backslash before any character, also inside double quotes.
      word ??= "";
      escaped = true;
    } else if (quote !== undefined) {
      if (character === quote) quote = undefined;
      else word = (word ?? "") + character;
    } else if (character === '"' || character === "'") {
      word ??= "";
      quote = character;
    } else if (" \t\r\n".includes(character)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else if (character === "#" && word === undefined) {
      comment = true;
    } else {
      word = (word ?? "") + character;
    }
  }
  if (quote !== undefined || escaped) return undefined;
  if (word !== undefined) words.push(word);
  return words;
}
