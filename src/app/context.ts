/** What every use case is handed: the host, and someone to talk to. */
import type { Host } from "../sys/host.ts";

/** What a use case says while it works; `cli/` decides how it looks. */
export type AppEvent =
  /** A step began; `text` in the present tense ("reading helm releases"). */
  | { readonly type: "step"; readonly text: string }
  /** The step ended well; `text` states the result as facts ("14 helm releases, 2 HelmCharts"). */
  | { readonly type: "done"; readonly text: string }
  /** Bytes of the current step. */
  | { readonly type: "progress"; readonly done: number; readonly total: number }
  | { readonly type: "note"; readonly text: string }
  | ({ readonly type: "warning" } & Warning);

export interface Warning {
  /** Stable SCREAMING_SNAKE symbol. */
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
}

export interface Context {
  readonly host: Host;
  readonly talk: (event: AppEvent) => void;
  /** Asks on the terminal; undefined when there is none. */
  readonly ask: ((question: string) => Promise<string>) | undefined;
}
