import type { Arrow, Ladder } from "./arrows.ts";

const margin = 120;
const laneWidth = 420;
const rowHeight = 58;
const top = 70;

/** Told apart in black and white too: each has its own dashes. */
const strokes = {
  plain: ["#4a5568", ""],
  agreed: ["#1a7f37", ""],
  refused: ["#c62828", "2 3"],
  repeat: ["#b7791f", "8 4"],
  closed: ["#8a94a6", "1 4"],
} as const;

/** The ladder as an SVG picture that needs nothing else. */
export function ladderSvg({ lanes, arrows, left }: Ladder): string {
  const width = margin * 2 + Math.max(1, lanes.length - 1) * laneWidth;
  const height = top + arrows.length * rowHeight + 50;
  const start = arrows[0]?.time;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="system-ui, sans-serif" font-size="13" role="img" aria-label="Sequence of ${arrows.length} messages between ${lanes.length} addresses">`,
    `<defs>${Object.entries(strokes)
      .map(([tone, [colour]]) => head(tone, colour))
      .join("")}</defs>`,
    `<rect width="100%" height="100%" fill="#ffffff"/>`,
    ...lanes.map((lane, index) => laneOf(lane, index, height)),
    ...arrows.map((arrow, index) => arrowOf(arrow, index, start)),
    left === 0
      ? ""
      : `<text x="${margin}" y="${height - 14}" fill="#4a5568">${left} more messages are not drawn</text>`,
    "</svg>",
  ].join("\n");
}

function head(tone: string, colour: string): string {
  return `<marker id="head-${tone}" viewBox="0 0 10 10" refX="10" refY="5" markerWidth="9" markerHeight="9" orient="auto-start-reverse"><path d="M0 0L10 5L0 10z" fill="${colour}"/></marker>`;
}

function laneOf(address: string, index: number, height: number): string {
  const x = margin + index * laneWidth;
  return [
    `<g class="lane"><text x="${x}" y="30" text-anchor="middle" font-weight="600">${escaped(address)}</text>`,
    `<line x1="${x}" y1="42" x2="${x}" y2="${height - 34}" stroke="#cbd5e0"/></g>`,
  ].join("");
}

function arrowOf(arrow: Arrow, index: number, start: number | undefined): string {
  const y = top + index * rowHeight + 26;
  const [x1, x2] = [margin + arrow.from * laneWidth, margin + arrow.to * laneWidth];
  const middle = (x1 + x2) / 2;
  const [colour, dashes] = strokes[arrow.tone];
  const time = arrow.time === undefined || start === undefined ? "" : (arrow.time - start).toFixed(3);
  const label = `${arrow.label}${arrow.count > 1 ? ` (${arrow.count} packets)` : ""}`;
  return [
    `<g class="arrow" data-number="${arrow.number}" data-tone="${arrow.tone}"><title>${escaped(label)}${arrow.remark === undefined ? "" : `: ${escaped(arrow.remark)}`}</title>`,
    `<text x="12" y="${y + 4}" fill="#718096" font-size="11">${time}</text>`,
    `<text class="label" x="${middle}" y="${y - 8}" text-anchor="middle">${escaped(cut(label))}</text>`,
    `<line x1="${x1}" y1="${y}" x2="${x2 === x1 ? x1 + 40 : x2}" y2="${y}" stroke="${colour}" stroke-width="2"${dashes === "" ? "" : ` stroke-dasharray="${dashes}"`} marker-end="url(#head-${arrow.tone})"/>`,
    arrow.remark === undefined
      ? ""
      : `<text class="remark" x="${middle}" y="${y + 17}" text-anchor="middle" fill="${colour}" font-size="12">${escaped(cut(arrow.remark))}</text>`,
    "</g>",
  ].join("");
}

const longest = 62;

/** The whole text is in the title. */
function cut(text: string): string {
  return text.length <= longest ? text : `${text.slice(0, longest - 1)}…`;
}

/** A peer's words never become markup. */
export function escaped(text: string): string {
  return text
    .replace(/[^\x20-\x7e\u00a0-\ud7ff]/g, "?")
    .replace(/&/g, "&amp;")
    .replace(/</g, "&lt;")
    .replace(/>/g, "&gt;")
    .replace(/"/g, "&quot;");
}
