/** Splits text as systemd does for `ExecStart=`: blanks, single and double quotes, backslashes. */

/**
 * The words of a command line. Quotes group, a backslash keeps the next
 * character (but not inside single quotes), nothing is expanded
 * (systemd.service(5), "Command lines"). An unclosed quote ends with the text.
 */
export function splitWords(text: string): string[] {
  const words: string[] = [];
  let word: string | undefined;
  let quote: string | undefined;
  for (let index = 0; index < text.length; index += 1) {
    const character = text.charAt(index);
    if (quote !== undefined) {
      if (character === quote) quote = undefined;
      else if (character === "\\" && quote === '"') {
        index += 1;
        word += text.charAt(index);
      } else word += character;
    } else if (character === "'" || character === '"') {
      quote = character;
      word ??= "";
    } else if (character === "\\") {
      index += 1;
      word = (word ?? "") + text.charAt(index);
    } else if (/\s/.test(character)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else word = (word ?? "") + character;
  }
  if (word !== undefined) words.push(word);
  return words;
}
