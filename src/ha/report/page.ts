/** The page of a drill: one file that opens anywhere, years later, without a network. */
import { availabilityChart } from "./chart.ts";
import { gapText } from "./figures-table.ts";
import { html } from "./html.ts";
import { checks, figures, troubles } from "./page-tables.ts";
import { closeUp, spanOf } from "./scale.ts";
import { STYLE } from "./style.ts";
import { millisecondsText, outcomeText, writesText } from "./words.ts";
import type { DrillReport } from "../drill/report.ts";
import type { Markup } from "./html.ts";
import type { Span } from "./scale.ts";

/** Should anything ever slip through: nothing on the page may run or be fetched. */
const POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

const SIGNS = { passed: "✔", failed: "✘", aborted: "!", interrupted: "!" } as const;

/** The whole page as HTML text. `json`: the name of the report's file beside it. */
export function reportPage(report: DrillReport, options: { readonly json?: string } = {}): string {
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta http-equiv="Content-Security-Policy" content="${POLICY}" />
        <meta name="color-scheme" content="light dark" />
        <title>${report.drill}: ${report.verdict}, ${day(report.started)}</title>
        <style>
          ${{ markup: STYLE }}
        </style>
      </head>
      <body>
        <main>
          ${heading(report)} ${verdict(report)} ${tiles(report)} ${charts(report)}
          ${figures(report)} ${troubles(report)} ${checks(report, "before")}
          ${checks(report, "after")} ${footer(report, options.json)}
        </main>
      </body>
    </html> `.markup;
}

function heading(report: DrillReport): Markup {
  const { component } = report;
  const where = component === null ? "" : ` of ${component.namespace}/${component.release}`;
  return html`<header>
    <p class="soft">Failover drill${where}, ${moment(report.started)}</p>
    <h1>${report.drill}</h1>
    ${report.about === null ? undefined : html`<p>${report.about}</p>`}
  </header>`;
}

function verdict(report: DrillReport): Markup {
  const facts = [outcomeText(report), writesText(report)].filter((one) => one !== undefined);
  const reasons = report.reasons.map((reason) => html`<li>${reason}</li>`);
  return html`<div class="verdict ${report.verdict}">
    <strong>${SIGNS[report.verdict]} ${report.verdict}</strong> ${facts.join("; ")}.${
      reasons.length === 0
        ? undefined
        : html`<ul>
            ${reasons}
          </ul>`
    }${rests(report)}
  </div>`;
}

/** What stands behind a result belongs beside it, not in a footnote. */
function rests({ restsOn }: DrillReport): Markup | undefined {
  if (restsOn === null) return undefined;
  return html`<p>Rests on ${restsOn}; proves nothing of a live cluster.</p>`;
}

function tiles(report: DrillReport): Markup {
  const late = report.killedAt !== null && (report.unavailable ?? Infinity) > report.window;
  const lost = report.lostAcknowledged;
  const tile = (name: string, value: string, bad = false): Markup =>
    html`<div><dt>${name}</dt><dd${bad ? html` class="bad-text"` : undefined}>${value}</dd></div>`;
  return html`<dl class="tiles">
    ${tile("without service", gapText(report), late)}${tile("allowed", millisecondsText(report.window))}${tile("acknowledged", String(report.acknowledged))}${tile("of these lost", lost === null ? "–" : String(lost), (lost ?? 0) > 0)}
  </dl>`;
}

function charts(report: DrillReport): Markup {
  const span = spanOf(report);
  if (span === undefined) {
    return html`<section>
      <h2>Availability</h2>
      <p class="soft">No attempt was recorded.</p>
    </section>`;
  }
  const near = closeUp(report, span);
  const zero =
    report.killedAt === null ? "Time since the first attempt." : "Time before and after the kill.";
  const marks = html`<span class="key key-good"></span>answered<span class="key key-bad"></span
    >failed, as wide as it took.`;
  return html`<section>
    <h2>Availability</h2>
    ${
      near === undefined
        ? chartPair(report, { span, id: "all" })
        : html`${chartPair(report, { span: near, id: "near", title: "Around the kill" })}${chartPair(report, { span, id: "all", title: "The whole drill" })}`
    }
    <p class="soft">${marks} ${zero}</p>
  </section>`;
}

/** Drawn for both widths: letters of a drawing shrunk to a phone cannot be read. */
function chartPair(
  report: DrillReport,
  { span, id, title }: { readonly span: Span; readonly id: string; readonly title?: string },
): Markup {
  const label = `${report.drill}: ${outcomeText(report)}`;
  const draw = (name: string, width: number): Markup =>
    html`<div class="${name}">
      ${availabilityChart(report, { span, width, id: `${id}-${name}`, label })}
    </div>`;
  return html`<figure>
    ${title === undefined ? undefined : html`<figcaption>${title}</figcaption>`}${draw("wide", 1000)}${draw("narrow", 362)}
  </figure> `;
}

function footer(report: DrillReport, json: string | undefined): Markup {
  const base =
    report.restsOn === null
      ? "Ran against a live cluster."
      : `Rests on ${report.restsOn}; proves nothing of a live cluster.`;
  return html`<footer class="soft">
    <p>
      ${base} From ${report.host}, railiance-cluster ${report.toolVersion}, ended
      ${moment(report.ended)}.
    </p>
    <p>Drill file SHA-256 <code>${report.fileSha256}</code></p>
    ${
      json === undefined
        ? undefined
        : html`<p>
            All figures and attempts:
            <a href="./${encodeURIComponent(json.toWellFormed())}">${json}</a>
          </p>`
    }
  </footer>`;
}

function day(time: string): string {
  return time.slice(0, 10);
}

function moment(time: string): string {
  return `${time.slice(0, 10)} ${time.slice(11, 19)} UTC`;
}
