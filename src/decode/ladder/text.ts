import type { Arrow, Ladder } from "./arrows.ts";

const laneWidth = 44;
const marks = { plain: " ", agreed: "+", refused: "!", repeat: "=", closed: "?" } as const;

/** The ladder in characters, one lane an address. */
export function ladderText({ lanes, arrows, left }: Ladder): string[] {
  const start = arrows[0]?.time;
  const head = `${" ".repeat(14)}${lanes.map((lane) => lane.padEnd(laneWidth)).join("")}`;
  const more = left === 0 ? [] : ["", `${left} more messages are not drawn`];
  return [
    head.trimEnd(),
    ...arrows.flatMap((arrow) => arrowLines(arrow, lanes.length, start)),
    "",
    "+ agreed   ! refused or malformed   = sent before   ? encrypted, no key",
    ...more,
  ];
}

function arrowLines(arrow: Arrow, lanes: number, start: number | undefined): string[] {
  const time = arrow.time === undefined || start === undefined ? "" : `${(arrow.time - start).toFixed(3)}`;
  const margin = `${time.padStart(10)} ${marks[arrow.tone]} `;
  const [left, right] = [Math.min(arrow.from, arrow.to), Math.max(arrow.from, arrow.to)];
  const span = Math.max(1, right - left) * laneWidth - 1;
  const times = arrow.count > 1 ? ` (${arrow.count} packets)` : "";
  const label = `${arrow.label}${times}`;
  const line = "-".repeat(span - 1);
  const drawn = arrow.from === arrow.to ? "(to itself)" : arrow.from < arrow.to ? `${line}>` : `<${line}`;
  const place = (text: string) => withLanes(left, lanes, text);
  return [
    `${" ".repeat(13)}${place(` ${label}`)}`,
    `${margin}${place(drawn)}`,
    ...(arrow.remark === undefined ? [] : [`${" ".repeat(13)}${place(` ${arrow.remark}`)}`]),
  ];
}

/** The text beginning at a lane, with the lines of those beside it. */
function withLanes(left: number, lanes: number, text: string): string {
  let line = "";
  for (let lane = 0; lane < lanes; lane += 1) {
    if (line.length > lane * laneWidth) continue;
    line = `${line.padEnd(lane * laneWidth)}|${lane === left ? text : ""}`;
  }
  return line.trimEnd();
}
