/** A line of the log for a terminal: `12:34:56.789 warn  site-b: IKE SA failed: …`. */
import type { LogLine } from "./log.ts";

/** Time of day in the host's zone, level, sentence; control characters of foreign origin are made visible. */
export function humanLine(line: LogLine): string {
  const time = new Date(line.time);
  const clock = [time.getHours(), time.getMinutes(), time.getSeconds()].map((part) => String(part).padStart(2, "0"));
  const milliseconds = String(time.getMilliseconds()).padStart(3, "0");
  return `${clock.join(":")}.${milliseconds} ${line.level.padEnd(5)} ${visible(line.msg)}`;
}

/** A peer's identity or a kernel's sentence must not move the cursor or fake a second line. */
function visible(text: string): string {
  return text.replace(/[\p{Cc}\u2028\u2029]/gu, (character) => {
    const code = character.codePointAt(0) ?? 0;
    return `\\u${code.toString(16).padStart(4, "0")}`;
  });
}
