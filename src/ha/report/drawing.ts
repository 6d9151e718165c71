/** What every part of the drawing works with: its places, and how they are counted. */
import type { DrillReport } from "../drill/report.ts";
import type { Span } from "./scale.ts";

export interface ChartOptions {
  readonly span: Span;
  /** Units of the drawing; one is a pixel where the page has room. */
  readonly width: number;
  /** Tells the patterns of several drawings on one page apart. */
  readonly id: string;
  /** For those who cannot see it. */
  readonly label: string;
}

/** A drawing that is being made. */
export interface Drawing extends ChartOptions {
  readonly report: DrillReport;
  readonly x: (at: number) => number;
  readonly lanes: readonly {
    readonly stream: number;
    readonly name: string;
    readonly top: number;
  }[];
  /** Where the names of the lanes stand. */
  readonly names: "start" | "end";
  readonly top: number;
  readonly bottom: number;
  readonly height: number;
}

export const MARGIN = 10;
/** Height of a row of labels. */
export const LABEL_ROW = 17;
export const LANE = 30;
/** Of one character of the labels; a little too much rather than too little. */
export const CHARACTER = 6.9;

/** Places need no more than a tenth of a pixel. */
export function round(value: number): number {
  return Math.round(value * 10) / 10;
}
