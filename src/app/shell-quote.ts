/** Words for a shell, for commands a person is meant to type. */

/** One word, quoted only when it has to be. */
export function shellWord(text: string): string {
  return /^[\w./:=@%+,-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

/** A command line. */
export function shellWords(words: readonly string[]): string {
  return words.map(shellWord).join(" ");
}
