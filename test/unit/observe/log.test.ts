import { describe, expect, it } from "vitest";
import { Log, type LogFormat, type LogLevel } from "../../../src/observe/log.ts";
import type { LogRecord } from "../../../src/sa/log-record.ts";

function log(format: LogFormat, level: LogLevel = "debug") {
  const lines: string[] = [];
  return {
    lines,
    subject: new Log({ format, level, write: (line) => lines.push(line), now: () => Date.UTC(2026, 0, 2) }),
  };
}

const record: LogRecord = {
  level: "warn",
  event: "child-sa-failed",
  peer: "site-b",
  child: "gre",
  reason: { code: "kernel-refused", request: "installSa", errno: "ENOMEM", said: "Cannot allocate memory" },
  facts: { spi: "c0ffee00", attempt: 2 },
};

describe("the log", () => {
  it("prints a record as one JSON line with its code, its facts and a sentence", () => {
    const { lines, subject } = log("json");
    subject.record(record);
    expect(lines.length).toBe(1);
    expect(lines[0]?.endsWith("}\n")).toBe(true);
    expect(JSON.parse(lines[0] ?? "")).toEqual({
      time: "2026-01-02T00:00:00.000Z",
      level: "warn",
      event: "child-sa-failed",
      peer: "site-b",
      child: "gre",
      code: "kernel-refused",
      reason: record.reason,
      facts: { spi: "c0ffee00", attempt: 2 },
      msg: expect.stringMatching(/^site-b \/ gre: Child SA failed \(spi c0ffee00, attempt 2\): .*ENOMEM/),
    });
  });

  it("prints the same for a terminal", () => {
    const { lines, subject } = log("human");
    subject.record(record);
    expect(lines).toEqual([
      expect.stringMatching(/^\d\d:00:00\.000 warn {2}site-b \/ gre: Child SA failed \(.*\): .*ENOMEM.*\n$/),
    ]);
  });

  it.each([
    ["debug", ["debug", "info", "warn", "error"]],
    ["warn", ["warn", "error"]],
    ["error", ["error"]],
  ] as const)("at level %s prints %j, and subscribers hear all", (level, printed) => {
    const { lines, subject } = log("json", level);
    const heard: string[] = [];
    const end = subject.subscribe((line) => heard.push(line.level));
    for (const each of ["debug", "info", "warn", "error"] as const) subject.say(each, "control", "x");
    expect(lines.map((line) => JSON.parse(line).level)).toEqual(printed);
    expect(heard).toEqual(["debug", "info", "warn", "error"]);
    end();
    subject.say("error", "control", "x");
    expect(heard.length).toBe(4);
  });

  it("shows control characters of foreign origin instead of obeying them", () => {
    const { lines, subject } = log("human");
    subject.say("info", "transport", "evil\n12:00:00.000 info  all is well\u001b[2J\u2028");
    expect(lines[0]?.slice(0, -1)).not.toMatch(/[\p{Cc}\u2028]/u);
    expect(lines[0]).toContain("evil\\u000a12:00");
  });

  it("prints no octets, wherever a mistake puts them (invariant 8)", () => {
    const secret = Buffer.from("correct horse battery staple");
    const careless = {
      ...record,
      reason: { code: "wrong-secret", identity: "b", secret: { name: "b.psk", octets: secret }, list: [secret] },
      facts: { key: secret, ok: "fine" },
      secret,
    } as unknown as LogRecord;
    for (const format of ["json", "human"] as const) {
      const { lines, subject } = log(format);
      const heard: string[] = [];
      subject.subscribe((line) => heard.push(JSON.stringify(line)));
      subject.record(careless);
      const all = [...lines, ...heard].join("");
      for (const form of [secret.toString(), secret.toString("hex"), secret.toString("base64"), [...secret].join(",")])
        expect(all).not.toContain(form);
      for (const line of [...heard, ...(format === "json" ? lines : [])])
        expect(JSON.parse(line)).toMatchObject({
          reason: { secret: { name: "b.psk", octets: "[octets]" }, list: ["[octets]"] },
          facts: { key: "[octets]", ok: "fine" },
        });
    }
  });
});
