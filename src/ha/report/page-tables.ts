/** The tables of a drill's page: figures, times without service, errors, checks. */
import { count } from "../../words.ts";
import { figureRows } from "./figures-table.ts";
import { html } from "./html.ts";
import { millisecondsText } from "./words.ts";
import type { CheckResult, DrillReport } from "../drill/report.ts";
import type { Markup } from "./html.ts";

/** Every figure, and who was killed. */
export function figures(report: DrillReport): Markup {
  const who = [
    { name: "killed", value: report.victim },
    { name: "primary before", value: report.oldPrimary },
    { name: "primary after", value: report.newPrimary },
  ].flatMap(({ name, value }) => (value === null ? [] : { name, value }));
  const rows = [...figureRows(report), ...who].map(
    ({ name, value }) =>
      html`<tr>
        <th scope="row">${name}</th>
        <td>${value}</td>
      </tr> `,
  );
  return html`<section>
    <h2>Figures</h2>
    <table>
      <tbody>
        ${rows}
      </tbody>
    </table>
  </section>`;
}

const GAPS_SHOWN = 12;

/** Each time without service, and what clients were told. */
export function troubles(report: DrillReport): Markup {
  const origin = report.killedAt ?? 0;
  const gaps = report.gaps.slice(0, GAPS_SHOWN).map(
    ({ from, until, failures }) =>
      html`<tr>
        <td class="number">${signed(from - origin)}</td>
        <td class="number">${until === null ? "not back" : signed(until - origin)}</td>
        <td class="number">${until === null ? "–" : millisecondsText(until - from)}</td>
        <td class="number">${failures}</td>
      </tr> `,
  );
  const more = report.gaps.length - gaps.length;
  const errors = Object.entries(report.errors).map(
    ([kind, times]) =>
      html`<tr>
        <th scope="row">${kind}</th>
        <td>${count(times, "time")}</td>
      </tr> `,
  );
  return html`${
    gaps.length === 0
      ? undefined
      : html`<section>
          <h2>Times without service</h2>
          <table>
            <thead>
              <tr>
                <th class="number">from</th>
                <th class="number">until</th>
                <th class="number">length</th>
                <th class="number">failed</th>
              </tr>
            </thead>
            <tbody>
              ${gaps}
            </tbody>
          </table>
          ${more > 0 ? html`<p class="soft">and ${count(more, "more")}</p>` : undefined}
        </section>`
  }${
    errors.length === 0
      ? undefined
      : html`<section>
          <h2>What failed attempts were told</h2>
          <table>
            <tbody>
              ${errors}
            </tbody>
          </table>
        </section>`
  }`;
}

function signed(milliseconds: number): string {
  return `${milliseconds < 0 ? "−" : "+"}${millisecondsText(Math.abs(milliseconds))}`;
}

/** Each check of that time, with what it found. */
export function checks(report: DrillReport, when: CheckResult["when"]): Markup {
  const rows = report.checks
    .filter((one) => one.when === when)
    .map(
      ({ id, passed, detail, hint }) =>
        html`<tr>
          <td class="${passed ? "ok" : "no"}">${passed ? "✔ holds" : "✘ fails"}</td>
          <td>${id}</td>
          <td>
            ${detail}${hint === undefined || passed ? undefined : html`<span class="hint">${hint}</span>`}
          </td>
        </tr> `,
    );
  const title = when === "before" ? "Checks before" : "Checks afterwards";
  const body =
    rows.length === 0
      ? html`<p class="soft">None was run.</p>`
      : html`<table>
          <tbody>
            ${rows}
          </tbody>
        </table>`;
  return html`<section>
    <h2>${title}</h2>
    ${body}
  </section>`;
}
