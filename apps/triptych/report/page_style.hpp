// apps/triptych/report/page_style.hpp
//
// How a report looks. The palette is that of Okabe and Ito (2008), which the color-blind can tell
// apart; on dark paper black becomes white, and blue becomes lighter.
#pragma once

namespace triptych::app::html {

inline constexpr const char* palette = R"css(
:root { color-scheme: light dark; --paper: #fff; --card: #fff; --text: #1b1f24; --soft: #5b6570;
  --rule: #d9dee3; --grid: #e6eaee; --code: #f4f6f8; --good: #00704f; --bad: #b34700; --open: #5b6570;
  --c0: #0072b2; --c1: #d55e00; --c2: #009e73; --c3: #cc79a7; --c4: #e69f00; --c5: #56b4e9;
  --c6: #b8a800; --c7: #1b1f24; }
@media (prefers-color-scheme: dark) {
  :root { --paper: #14171b; --card: #1a1e23; --text: #e8eaed; --soft: #a3acb6; --rule: #343b43;
    --grid: #2a3037; --code: #22272d; --good: #35c79a; --bad: #ff9a57; --open: #a3acb6;
    --c0: #4ba3dd; --c6: #f0e442; --c7: #e8eaed; } }
)css";

/// Of a figure of curves; it needs the palette.
inline constexpr const char* chart_style = R"css(
svg text { fill: var(--soft); font-size: 13px; font-family: inherit; }
.s0 { color: var(--c0); } .s1 { color: var(--c1); } .s2 { color: var(--c2); } .s3 { color: var(--c3); }
.s4 { color: var(--c4); } .s5 { color: var(--c5); } .s6 { color: var(--c6); } .s7 { color: var(--c7); }
.line, .raw { fill: none; stroke: currentColor; stroke-linejoin: round; stroke-width: 2; }
.raw { stroke-width: 1; opacity: .35; }
.dashed .line { stroke-dasharray: 7 4; }
circle { fill: currentColor; }
.grid { stroke: var(--grid); } .axis { stroke: var(--soft); }
line.level { stroke: var(--soft); stroke-dasharray: 4 4; }
svg text.level { font-size: 12px; paint-order: stroke; stroke: var(--paper); stroke-width: 4px; }
)css";

/// All but these two.
inline constexpr const char* page_style = R"css(
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--text);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", sans-serif; }
main { max-width: 1080px; margin: 0 auto; padding: 24px 20px 48px; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0 0 4px; overflow-wrap: anywhere; }
h2 { font-size: 1.2rem; margin: 40px 0 12px; padding-top: 12px; border-top: 1px solid var(--rule); }
h3 { font-size: 1rem; margin: 0; }
p { margin: 6px 0; max-width: 75ch; }
a { color: var(--c0); }
nav { display: flex; flex-wrap: wrap; gap: 4px 16px; margin: 14px 0 0; font-size: .9rem; }
code, pre { font: .875rem/1.45 ui-monospace, "SF Mono", Menlo, Consolas, "Liberation Mono", monospace; }
pre { background: var(--code); border-radius: 6px; padding: 10px 12px; margin: 8px 0; overflow-x: auto;
  white-space: pre-wrap; overflow-wrap: anywhere; }
.soft, .note { color: var(--soft); }
.note { font-size: .875rem; }
.verdict { border: 1px solid var(--rule); border-left: 6px solid var(--open); border-radius: 6px;
  background: var(--card); padding: 12px 16px; margin: 16px 0; }
.verdict.yes { border-left-color: var(--good); } .verdict.no { border-left-color: var(--bad); }
.verdict h2 { border: 0; padding: 0; margin: 0 0 4px; font-size: 1.1rem; }
.charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 340px), 1fr));
  gap: 28px 24px; align-items: end; }
figure { margin: 0; min-width: 0; break-inside: avoid; }
figcaption { margin-bottom: 4px; }
.legend { list-style: none; display: flex; flex-wrap: wrap; gap: 0 14px; margin: 2px 0 0; padding: 0;
  font-size: .875rem; }
.legend + .charts { margin-top: 14px; } .legend li { overflow-wrap: anywhere; }
.legend b { font-variant-numeric: tabular-nums; }
.swatch { display: inline-block; width: 12px; height: 12px; margin-right: 6px; border-radius: 3px;
  background: currentColor; vertical-align: -1px; }
svg { display: block; width: 100%; height: auto; }
.matrix text { font-size: 12px; } text.count { fill: var(--text); } text.strong { fill: #fff; }
.matrix rect { fill: currentColor; } .matrix .s0 { color: #0072b2; } .matrix .s1 { color: #d55e00; } rect.best { stroke: var(--text); stroke-width: 2; }
rect.taken { color: var(--text); } rect.left-out { color: var(--rule); }
.map { background: var(--code); border-radius: 6px; } .map path { fill: currentColor; fill-opacity: .8; }
svg.key { display: inline-block; width: 14px; height: 14px; margin-right: 5px; vertical-align: -2px;
  fill: currentColor; }
.sheet { display: grid; grid-auto-flow: column; grid-auto-columns: minmax(0, 72px); gap: 8px; align-items: end; }
.column { display: grid; gap: 4px; } .column p { margin: 0; line-height: 1.2; } .column img { display: block; width: 100%; }
.column .patches { display: grid; gap: 2px; }
.neighbors p { margin: 0; font-size: .875rem; } .neighbors > div { display: grid; gap: 3px;
  grid-template-columns: 1fr 6px repeat(8, 1fr); } .neighbors .query { grid-column: 1 / span 1; margin-right: 0; }
.neighbors .query + span { grid-column: 3; }
.neighbors span { position: relative; display: block; } .neighbors p span { display: inline; }
.neighbors img { display: block; width: 100%; border: 2px solid transparent; }
.neighbors .other img { border-color: var(--c1); }
.neighbors .other::after { content: "\d7"; position: absolute; top: 0; right: 0; min-width: 14px; padding: 0 2px;
  background: var(--c1); color: #fff; font: bold 13px/14px sans-serif; text-align: center; }
.cursor { stroke: var(--soft); pointer-events: none; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .9rem; margin: 8px 0; }
th, td { text-align: left; padding: 4px 14px 4px 0; border-bottom: 1px solid var(--rule); vertical-align: top; }
td { overflow-wrap: break-word; } td:last-child:not(.number) { overflow-wrap: anywhere; min-width: 8em; }
th { color: var(--soft); font-weight: 600; white-space: nowrap; }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
details { margin: 8px 0; } summary { cursor: pointer; }
img { image-rendering: pixelated; max-width: 100%; height: auto; }
#tip { position: fixed; z-index: 1; pointer-events: none; background: var(--card); color: var(--text);
  border: 1px solid var(--rule); border-radius: 6px; padding: 5px 9px; font-size: .8125rem; line-height: 1.4;
  box-shadow: 0 2px 8px #0003; max-width: 280px; font-variant-numeric: tabular-nums; }
#tip canvas { display: block; width: 96px; height: 96px; margin: 2px 0 4px; } #tip[hidden] { display: none; }
footer { margin-top: 40px; font-size: .875rem; color: var(--soft); }
@media print { body { font-size: 11pt; } main { max-width: none; padding: 0; } nav, #tip { display: none; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; } .note { break-after: avoid; }
  .neighbors, .sheet, .matrix, tr { break-inside: avoid; } h2, h3 { break-after: avoid; } .charts { grid-template-columns: 1fr 1fr; } pre { border: 1px solid var(--rule); } }
)css";

}  // namespace triptych::app::html
