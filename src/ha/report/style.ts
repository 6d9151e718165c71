/** How a report looks: one sheet for screens of every width, light and dark, and for paper. */

const LIGHT = `--paper:#fff;--card:#f6f7f9;--ink:#1a1d21;--soft:#59616b;--line:#d6dae0;
--good:#1a7f45;--good-card:#e3f4e9;--bad:#b3261e;--bad-card:#fbe6e4;--wait:#8a5a00;--wait-card:#fdf0d5;--mark:#3f9b63;`;
const DARK = `--paper:#14171a;--card:#1d2126;--ink:#e8eaed;--soft:#a3abb5;--line:#363c44;
--good:#6fd196;--good-card:#163022;--bad:#ff8a80;--bad-card:#3a1a18;--wait:#f0c26a;--wait-card:#352810;--mark:#4fae76;`;

export const STYLE = `
:root{color-scheme:light dark;${LIGHT}}
@media (prefers-color-scheme:dark){:root{${DARK}}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif;-webkit-text-size-adjust:100%}
main{max-width:1040px;margin:0 auto;padding:24px 20px 40px}
h1{font-size:1.5rem;line-height:1.25;margin:0;overflow-wrap:anywhere}
h2{font-size:1.05rem;margin:32px 0 8px}
p{margin:4px 0;overflow-wrap:anywhere}
.soft{color:var(--soft);font-size:.9rem}
.verdict{margin:16px 0 0;padding:14px 18px;border-radius:10px;border-left:6px solid}
.verdict strong{font-size:1.25rem;margin-right:.4em}
.verdict ul{margin:8px 0 0;padding-left:1.2em;overflow-wrap:anywhere}
.passed{background:var(--good-card);border-color:var(--good)}.passed strong{color:var(--good)}
.failed{background:var(--bad-card);border-color:var(--bad)}.failed strong{color:var(--bad)}
.aborted,.interrupted{background:var(--wait-card);border-color:var(--wait)}
.aborted strong,.interrupted strong{color:var(--wait)}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:10px;margin:16px 0 0;padding:0}
.tiles div{background:var(--card);border-radius:8px;padding:10px 14px}
.tiles dt{color:var(--soft);font-size:.85rem}
.tiles dd{margin:0;font-size:1.2rem;font-weight:600;font-variant-numeric:tabular-nums;overflow-wrap:anywhere}
.tiles dd.bad-text{color:var(--bad)}
figure{margin:8px 0 0}
figure+figure{margin-top:20px}
figcaption{color:var(--soft);font-size:.9rem;margin-bottom:2px}
svg{display:block;width:100%;height:auto}
svg text{fill:var(--soft);font:12px system-ui,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}
.narrow{display:none}
.axis line,.floor{stroke:var(--line);stroke-width:1}
.axis .grid{stroke-dasharray:2 4}
.good{fill:var(--mark)}.bad{fill:var(--bad)}
.gap{fill:var(--bad);opacity:.12}.hatch{stroke:var(--bad);stroke-width:1.6;opacity:.35}
svg .gap-words{fill:var(--ink);font-weight:700;paint-order:stroke;stroke:var(--paper);stroke-width:4px}
.lane text{paint-order:stroke;stroke:var(--paper);stroke-width:3px}
line.moment{stroke:var(--ink);stroke-width:1.3;stroke-dasharray:5 3}
svg text.moment{fill:var(--ink);paint-order:stroke;stroke:var(--paper);stroke-width:4px}
line.kill{stroke-dasharray:none;stroke-width:2}
svg text.kill{font-weight:700}
.key{display:inline-block;width:.6em;vertical-align:baseline;margin:0 .3em 0 .9em}
.key:first-child{margin-left:0}
.key-good{height:.5em;background:var(--mark)}.key-bad{height:.95em;background:var(--bad)}
table{border-collapse:collapse;width:100%;font-size:.95rem}
th,td{text-align:left;vertical-align:top;padding:6px 14px 6px 0;border-bottom:1px solid var(--line);overflow-wrap:anywhere}
th{color:var(--soft);font-weight:500}
td.number,th.number{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
tbody th{width:40%}
.ok,.no{width:6.5em}
td+td:not(.number):not(:last-child){width:22%}
.ok{color:var(--good);font-weight:600;white-space:nowrap}
.no{color:var(--bad);font-weight:600;white-space:nowrap}
.hint{display:block;color:var(--soft)}
footer{margin-top:32px;border-top:1px solid var(--line);padding-top:12px}
code{font:.9em ui-monospace,"DejaVu Sans Mono",monospace}
a{color:inherit}
@media (max-width:640px){main{padding:16px 14px 32px}h1{font-size:1.3rem}.wide{display:none}.narrow{display:block}
.tiles{grid-template-columns:1fr 1fr}th,td{padding-right:8px}}
@media print{:root{color-scheme:light;${LIGHT}}
*{print-color-adjust:exact;-webkit-print-color-adjust:exact}main{max-width:none;padding:0}.wide{display:block}.narrow{display:none}
section,figure,tr,.verdict{break-inside:avoid}h2{break-after:avoid}}
`;
