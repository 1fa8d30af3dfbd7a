import type { Ladder } from "./arrows.ts";
import { escaped, ladderSvg } from "./svg.ts";

const styles = `body{margin:0;font:14px/1.45 system-ui,sans-serif;color:#1a202c;background:#f7fafc}
main{max-width:max-content;margin:0 auto;padding:24px}
h1{font-size:20px;margin:0 0 4px}p{margin:0 0 16px;color:#4a5568}
figure{margin:0;padding:8px;background:#fff;border:1px solid #e2e8f0;border-radius:8px;overflow-x:auto}
.key span{margin-right:18px}.key i{display:inline-block;width:26px;border-top:3px solid;vertical-align:middle;margin-right:6px}`;

/** A page that holds all it needs: no script, nothing fetched. */
export function ladderHtml(title: string, ladder: Ladder): string {
  const { arrows, lanes } = ladder;
  const refused = arrows.filter((arrow) => arrow.tone === "refused").length;
  return [
    "<!doctype html>",
    `<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">`,
    `<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">`,
    `<title>${escaped(title)}</title><style>${styles}</style></head><body><main>`,
    `<h1>${escaped(title)}</h1>`,
    `<p>${arrows.length} arrows between ${lanes.length} addresses${refused === 0 ? "" : `, ${refused} of them a refusal or malformed`}. Time in seconds from the first.</p>`,
    `<p class="key">${key("#1a7f37", "solid", "agreed")}${key("#c62828", "dotted", "refused or malformed")}${key("#b7791f", "dashed", "sent before")}${key("#8a94a6", "dotted", "encrypted, no key")}${key("#4a5568", "solid", "other")}</p>`,
    `<figure>${ladderSvg(ladder)}</figure>`,
    "</main></body></html>",
    "",
  ].join("\n");
}

function key(colour: string, line: string, text: string): string {
  return `<span><i style="border-color:${colour};border-top-style:${line}"></i>${text}</span>`;
}
