/** Decoded packets as people read them, and as programs do. */

import type { Path } from "./datagram.ts";
import type { Decoded } from "./decoded.ts";
import type { Field } from "./field.ts";

/** Values longer than this are cut in text; JSON has all of them. */
const longest = 120;

/** The summary, the notes, and unless `brief` every field. */
export function textOf(decoded: Decoded, brief: boolean): string[] {
  const head = `${String(decoded.number).padStart(5)}  ${timeText(decoded.time)}${pathText(decoded.path)}  ${decoded.summary}`;
  const notes = decoded.notes.map((note) => `       * ${note}`);
  return brief ? [head, ...notes] : [head, ...notes, ...decoded.fields.flatMap((one) => fieldLines(one, 4)), ""];
}

/** One JSON value a packet, without what only our own code reads. */
export function jsonOf({ number, time, path, kind, summary, remark, tone, notes, fields, packet }: Decoded): unknown {
  const opened = packet?.payload === undefined ? {} : { payload: packet.payload.toString("hex") };
  return {
    number,
    ...(time === undefined ? {} : { time }),
    ...path,
    kind,
    summary,
    ...(remark === undefined ? {} : { remark }),
    outcome: tone,
    notes,
    fields,
    ...(packet === undefined ? {} : { packet: { ...packet, ...opened } }),
  };
}

/** `192.0.2.1:500 > 192.0.2.2:500`. */
export function pathText({ source, destination, sourcePort, destinationPort }: Path): string {
  return `${endText(source, sourcePort)} > ${endText(destination, destinationPort)}`;
}

function endText(address: string, port: number | undefined): string {
  if (port === undefined) return address;
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}

function timeText(time: number | undefined): string {
  if (time === undefined || !(time >= 0) || time > 8.64e12) return "";
  const text = new Date(time * 1000).toISOString();
  return `${text.slice(0, -14)} ${text.slice(-13, -1)}  `;
}

function fieldLines({ name, value, reference, fields }: Field, indent: number): string[] {
  const said = value === undefined || value === "" ? "" : `: ${shortened(String(value))}`;
  const source = reference === undefined ? "" : `  [${reference}]`;
  return [
    `${" ".repeat(indent)}${name}${said}${source}`,
    ...(fields ?? []).flatMap((one) => fieldLines(one, indent + 2)),
  ];
}

/** What a peer wrote never moves the terminal's cursor. */
function shortened(value: string): string {
  const plain = value.replace(/[^\x20-\x7e\u00a0-\uffff]/g, "?");
  return plain.length <= longest ? plain : `${plain.slice(0, longest)}… (${plain.length} characters)`;
}
