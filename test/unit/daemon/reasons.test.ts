/** Every reason made to happen to daemons that speak over sockets, and read back from what `underlock status --json` prints. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ReasonReport, StatusReport } from "../../../src/daemon/status-report.ts";
import { describeReason } from "../../../src/negotiate/reason-text.ts";
import { stories, variants } from "../engine/reason-stories.ts";
import { JsonProcess, mayMakeNamespaces, openNamespace } from "./namespace.ts";

if (!mayMakeNamespaces)
  console.warn("SKIPPED: every reason through the daemon: needs root for a network namespace (unshare -n)");

const fixture = new URL("fixtures/reasons.ts", import.meta.url).pathname;

let closeNamespace: () => void = () => undefined;
let folder = "";
let teller: JsonProcess | undefined;

beforeAll(async () => {
  if (!mayMakeNamespaces) return;
  const { enter, close } = await openNamespace();
  closeNamespace = close;
  folder = await mkdtemp(join(tmpdir(), "underlock-reasons-"));
  teller = new JsonProcess([...enter, process.execPath, "--import", "tsx", fixture, join(folder, "control.sock")]);
});

afterAll(async () => {
  teller?.signal("SIGKILL");
  await teller?.ended;
  closeNamespace();
  if (folder !== "") await rm(folder, { recursive: true });
});

/** What the status said once the story of that code had been told, and what it had to say. */
async function told(code: string): Promise<{ readonly report: StatusReport; readonly like: object }> {
  const line = await teller?.line((one) => one.code === code);
  if (typeof line?.printed !== "string") throw new Error(String(line?.error));
  return { report: JSON.parse(line.printed), like: line.like as object };
}

function expectSentence(reason: ReasonReport | undefined): void {
  if (reason === undefined) throw new Error("no reason");
  expect(reason.sentence).not.toBe("");
  expect(reason.sentence).toBe(describeReason(reason));
}

describe.runIf(mayMakeNamespaces)("the daemon's status", { timeout: 30_000 }, () => {
  it.each([
    ...Object.keys(stories).map((code) => [code, code] as const),
    ...Object.entries(variants).map(([name, { code }]) => [name, code] as const),
  ])("shows %s with its facts and its sentence", async (name, code) => {
    const { report, like } = await told(name);
    const shown = report.peers.flatMap(({ reason, children }) => [reason, ...children.map((child) => child.reason)]);
    const found = shown.find((reason) => reason?.code === code);
    expect(found, JSON.stringify(shown)).toMatchObject({ ...like, code });
    expectSentence(found);
  });

  it("shows why a caller was refused who is no peer", async () => {
    const { report, like } = await told("stranger");
    expect(report.peers.map(({ reason }) => reason)).toEqual([undefined]);
    expect(report.refused).toMatchObject([{ remote: "192.0.2.2:500", reason: like }]);
    expectSentence(report.refused[0]?.reason);
    expect(new Date(report.refused[0]?.at ?? "").toISOString()).toBe(report.refused[0]?.at);
  });
});
