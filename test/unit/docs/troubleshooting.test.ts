import { readFileSync } from "node:fs";
import { expect, test } from "vitest";

const root = new URL("../../../", import.meta.url);

test("the troubleshooting page has a chapter for every reason code, and for nothing else", () => {
  const source = readFileSync(new URL("src/negotiate/reason.ts", root), "utf8");
  const codes = [...source.matchAll(/readonly code: "([a-z-]+)"/g)].map((match) => match[1]);
  const page = readFileSync(new URL("docs/troubleshooting.md", root), "utf8");
  const chapters = [...page.matchAll(/^## ([a-z-]+)$/gm)].map((match) => match[1]);
  expect(codes.length).toBeGreaterThan(20);
  expect(chapters.toSorted()).toEqual(codes.toSorted());
});
