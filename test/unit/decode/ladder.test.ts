import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Ladder, LadderBuilder } from "../../../src/decode/ladder/arrows.ts";
import { ladderHtml } from "../../../src/decode/ladder/html.ts";
import { ladderSvg } from "../../../src/decode/ladder/svg.ts";
import { ladderText } from "../../../src/decode/ladder/text.ts";
import { Browser, hasChromium } from "./browser.ts";
import { opened } from "./open-capture.ts";

async function ladderOf(name: string): Promise<Ladder> {
  const builder = new LadderBuilder();
  for (const decoded of (await opened(name)).decoded) builder.add(decoded);
  return builder.finish();
}

describe("the ladder", () => {
  it("draws each message as an arrow, with what was chosen beneath", async () => {
    const lines = ladderText(await ladderOf("wireshark/ikev2-decrypt-3des-sha1_160.pcap"));
    expect(lines[0]).toMatch(/^ +192\.168\.1\.14 +192\.168\.1\.2$/);
    expect(lines.filter((line) => /-+>\|?/.test(line) || /<-+/.test(line))).toHaveLength(6);
    const answer = lines.findIndex((line) => line.includes("IKE_SA_INIT response"));
    expect(lines[answer + 1]).toMatch(/^ +0\.945 \+ \|<-+\|$/);
    expect(lines[answer + 2]).toContain("3des-sha1_160-prfsha256-modp2048");
  });

  it("marks a refusal, with its reason at the arrow", async () => {
    const ladder = await ladderOf("scapy/ikev2_notify_redirect.pcap");
    expect(ladder.lanes).toHaveLength(3);
    expect(ladder.arrows.map(({ tone }) => tone)).toEqual(["plain", "plain", "plain", "refused"]);
    expect(ladder.arrows[3]?.remark).toBe("NO_PROPOSAL_CHOSEN");
    expect(ladderText(ladder).join("\n")).toMatch(/! .*<-+/);
  });

  it("lets nothing that a peer wrote become markup", () => {
    const hostile = '"><script>alert(1)</script>\u0007';
    const arrow = {
      number: 1,
      time: 0,
      from: 0,
      to: 1,
      label: hostile,
      remark: hostile,
      tone: "refused",
      count: 1,
    } as const;
    const ladder = { lanes: [hostile, "b"], arrows: [arrow], left: 0 };
    for (const page of [ladderSvg(ladder), ladderHtml(hostile, ladder)]) {
      expect(page).not.toContain("<script");
      expect(page).not.toContain("\u0007");
    }
  });
});

// A browser that is missing is never passed over in CI, where the set-up installs it.
const inBrowser = hasChromium || process.env.CI !== undefined ? describe : describe.skip;
if (!hasChromium)
  console.error("NOT TESTED: the ladder in a browser, since chromium is not installed (npm run setup -- browser)");

interface Seen {
  readonly lanes: string[];
  readonly arrows: {
    label: string;
    remark: string | null;
    stroke: string;
    left: number;
    right: number;
    y: number;
    head: string;
    /** The lanes where it begins and where its head is, by where they stand on the page. */
    from: number;
    to: number;
    /** What a reader sees without pointing at it. */
    shown: string;
    time: string;
    /** Whether the texts stand above and beneath the line, between its ends. */
    placed: boolean;
  }[];
  readonly laneX: number[];
  readonly overlaps: number;
  readonly external: number;
  readonly text: string;
}

const look = `(() => {
  const box = (element) => element.getBoundingClientRect();
  const middle = (element) => (box(element).left + box(element).right) / 2;
  const lanes = [...document.querySelectorAll("g.lane line")].map((one) => box(one).left);
  const laneAt = (line, x) => {
    const onPage = new DOMPoint(x, 0).matrixTransform(line.getScreenCTM()).x;
    return lanes.findIndex((lane) => Math.abs(lane - onPage) < 2);
  };
  const texts = [...document.querySelectorAll("g.arrow text.label, g.arrow text.remark")].map(box);
  let overlaps = 0;
  texts.forEach((a, i) => texts.slice(i + 1).forEach((b) => {
    if (a.left < b.right && b.left < a.right && a.top < b.bottom - 1 && b.top < a.bottom - 1) overlaps += 1;
  }));
  return {
    lanes: [...document.querySelectorAll("g.lane text")].map((one) => one.textContent),
    laneX: [...document.querySelectorAll("g.lane line")].map((one) => box(one).left),
    arrows: [...document.querySelectorAll("g.arrow")].map((one) => {
      const line = one.querySelector("line");
      return {
        label: one.querySelector("title").textContent, remark: one.querySelector(".remark")?.textContent ?? null,
        stroke: getComputedStyle(line).stroke, left: box(line).left, right: box(line).right, y: box(line).top,
        head: getComputedStyle(line).markerEnd,
        from: laneAt(line, line.x1.baseVal.value), to: laneAt(line, line.x2.baseVal.value),
        shown: one.querySelector(".label").textContent,
        time: one.querySelector("text:not([class])").textContent,
        placed: box(one.querySelector(".label")).bottom <= box(line).top + 2
          && (one.querySelector(".remark") === null || box(one.querySelector(".remark")).top >= box(line).bottom - 2)
          && Math.abs(middle(one.querySelector(".label")) - middle(line)) < 2,
      };
    }),
    overlaps,
    external: performance.getEntriesByType("resource").length + document.querySelectorAll("script").length,
    text: document.body.innerText,
  };
})()`;

inBrowser("the page in Chromium", () => {
  let browser: Browser;
  let folder: string;

  beforeAll(() => {
    expect(hasChromium, "chromium is not installed: npm run setup -- browser").toBe(true);
    browser = new Browser();
    folder = mkdtempSync(join(tmpdir(), "underlock-ladder-"));
  });

  afterAll(async () => {
    await browser?.close();
    if (folder !== undefined) rmSync(folder, { recursive: true });
  });

  async function seen(name: string): Promise<Seen> {
    const file = join(folder, `${name.replaceAll("/", "-")}.html`);
    writeFileSync(file, ladderHtml(name, await ladderOf(name)));
    return browser.evaluate<Seen>(`file://${file}`, look);
  }

  it("shows lanes, arrows between them in order, colours and texts", async () => {
    const page = await seen("scapy/ikev2_notify_redirect.pcap");
    expect(page.lanes).toEqual(["10.5.2.60", "10.5.2.52", "10.5.2.53"]);
    expect(page.arrows.map(({ label }) => label.replace(/:.*/, ""))).toEqual([
      "IKE_SA_INIT request 0",
      "IKE_SA_INIT response 0",
      "IKE_SA_INIT request 0",
      "IKE_SA_INIT response 0",
    ]);
    // Each begins at who sent it, and its head is at who received it.
    expect(page.arrows.map(({ from, to }) => [from, to])).toEqual([
      [0, 1],
      [1, 0],
      [0, 2],
      [2, 0],
    ]);
    const ladder = await ladderOf("scapy/ikev2_notify_redirect.pcap");
    for (const [index, { label, shown, time, placed }] of page.arrows.entries()) {
      const arrow = ladder.arrows[index];
      expect(label).toBe(arrow?.remark === undefined ? arrow?.label : `${arrow.label}: ${arrow.remark}`);
      expect(label).toContain(shown.replace(/…$/, ""));
      expect(shown.length).toBeGreaterThan(20);
      expect(time).toBe(((arrow?.time ?? 0) - (ladder.arrows[0]?.time ?? 0)).toFixed(3));
      expect(placed, label).toBe(true);
    }
    const [first, , , last] = page.arrows;
    expect(Math.abs((first?.left ?? 0) - (page.laneX[0] ?? 1))).toBeLessThan(2);
    expect(Math.abs((first?.right ?? 0) - (page.laneX[1] ?? 1))).toBeLessThan(2);
    expect(Math.abs((last?.right ?? 0) - (page.laneX[2] ?? 1))).toBeLessThan(2);
    expect(last?.stroke).toBe("rgb(198, 40, 40)");
    expect(last?.remark).toBe("NO_PROPOSAL_CHOSEN");
    expect(last?.head).toContain("head-refused");
    expect(first?.stroke).not.toBe(last?.stroke);
    const heights = page.arrows.map(({ y }) => y);
    expect(heights).toEqual([...heights].sort((a, b) => a - b));
    expect(page.overlaps).toBe(0);
    expect(page.external).toBe(0);
    expect(page.text).toContain("1 of them a refusal or malformed");
  });

  it("shows what was agreed in green", async () => {
    const page = await seen("wireshark/ikev2-decrypt-aes256gcm16.pcap");
    const agreed = page.arrows.filter(({ stroke }) => stroke === "rgb(26, 127, 55)");
    expect(agreed.map(({ remark }) => remark)).toEqual(["aes256gcm16-prfsha256-ecp256", "aes256-sha256"]);
    expect(page.arrows).toHaveLength(6);
    expect(page.overlaps).toBe(0);
  });
});
