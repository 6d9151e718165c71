/** YAML that helm, kubectl and a person read alike. */
import { Document, Scalar, visit } from "yaml";

/** Words that YAML 1.1, which helm and kubectl still read, takes for something else than text (`E0`: some readers' float). */
const AMBIGUOUS = /^(?:y|n|yes|no|on|off|true|false|null|nan|inf|e-?[0-9]+)$/iu;
/** Text that needs no quotes in any YAML: begins with a letter, no punctuation with a meaning. */
const PLAIN = /^[A-Za-z](?:[A-Za-z0-9_./ -]*[A-Za-z0-9_./-])?$/u;
/** Characters that YAML forbids or reads as a line break, or that nobody sees. */
const HIDDEN = /(?![\t\n])[\p{Cc}\p{Cs}\u00a0\u2028\u2029\ufeff\ufffe\uffff]/u;
const UNESCAPED = /[\u007f-\u00a0\u2028\u2029\ufeff\ufffe\uffff]/gu;

/**
 * Writes parsed JSON as one YAML document, keys sorted as helm sorts them.
 * Text that a YAML 1.1 reader could take for a number, a date or a boolean is
 * quoted; text of several lines is a block.
 */
export function toYaml(value: unknown): string {
  const document = new Document(value, {
    aliasDuplicateObjects: false,
    sortMapEntries: true,
  });
  visit(document, {
    Scalar(_key, node) {
      if (typeof node.value === "string") node.type = styleOf(node.value, _key === "key");
    },
  });
  const text = document.toString({ lineWidth: 0, indentSeq: false, doubleQuotedAsJSON: true });
  // All of these stand in double quotes, and JSON leaves them as they are.
  return text.replaceAll(
    UNESCAPED,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

function styleOf(text: string, isKey: boolean): Scalar.Type {
  if (PLAIN.test(text) && !AMBIGUOUS.test(text)) return Scalar.PLAIN;
  // A block cannot begin with white space without an indentation mark, and its lines' ends must be visible.
  const block = !isKey && text.includes("\n") && /^\S/u.test(text) && !/[ \t]$/mu.test(text);
  return block && !HIDDEN.test(text) ? Scalar.BLOCK_LITERAL : Scalar.QUOTE_DOUBLE;
}
