import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { formatViolation, layerOf, layerTable, violations } from "./layers.ts";

const src = new URL("../../../src/", import.meta.url);
const files = readdirSync(src, { recursive: true, encoding: "utf8" }).filter((name) => /\.[cm]?[jt]s$/.test(name));
const found = files.flatMap((file) => violations(file, readFileSync(new URL(file, src), "utf8"), layerTable));
const isExcepted = (violation: { file: string; found: string }) =>
  layerTable.exceptions.some(({ file, found }) => file === violation.file && found === violation.found);

describe("the layers of src", () => {
  test("there is something to check", () => {
    expect(files.length).toBeGreaterThan(50);
  });

  test("no file imports or does what its layer forbids", () => {
    expect(found.filter((violation) => !isExcepted(violation)).map(formatViolation)).toEqual([]);
  });

  test("every exception is needed", () => {
    const unused = layerTable.exceptions.filter(
      (exception) => !found.some(({ file, found }) => file === exception.file && found === exception.found),
    );
    expect(unused).toEqual([]);
  });

  test("the table names only layers that it has", () => {
    for (const [name, { layers }] of Object.entries(layerTable.layers)) {
      for (const other of layers) expect([...Object.keys(layerTable.layers), "*"], name).toContain(other);
    }
  });

  test("the design's rules stand in the table", () => {
    const { layers } = layerTable;
    for (const alone of ["wire", "crypto", "netlink-xfrm"]) expect(layers[alone]?.layers, alone).toEqual([]);
    expect(layers.ikev1?.layers).not.toContain("ikev2");
    expect(layers.ikev2?.layers).not.toContain("ikev1");
    const core = Object.entries(layers).filter(([, layer]) => layer.core);
    const outside = Object.keys(layers).filter((name) => !layers[name]?.core);
    for (const [name, layer] of core) {
      for (const other of outside) expect(layer.layers, name).not.toContain(other);
      // asn1js is a pure function from octets to elements.
      if (name !== "crypto") expect(layer.packages, name).toEqual(name === "asn1" ? ["asn1js"] : []);
    }
    expect(layers.crypto?.packages.filter((name) => name.startsWith("node:"))).toEqual(["node:crypto"]);
  });

  test("no chain of permissions leads back: the layers have an order", () => {
    const { layers } = layerTable;
    const reach = (from: string, seen: Set<string>): Set<string> => {
      for (const to of layers[from]?.layers ?? []) {
        if (to === "*" || seen.has(to)) continue;
        seen.add(to);
        reach(to, seen);
      }
      return seen;
    };
    for (const name of Object.keys(layers)) expect(reach(name, new Set()), name).not.toContain(name);
  });
});

describe("the check finds", () => {
  const forbidden = (file: string, source: string) => violations(file, source, layerTable).map(formatViolation);

  test.each([
    ["wire/ikev2/message.ts", 'import { findTransform } from "../../crypto/transforms.ts";', "not crypto"],
    ["crypto/prf.ts", 'export type { Reason } from "../negotiate/reason.ts";', "nothing of ours"],
    ["netlink-xfrm/errors.ts", 'import "../negotiate/address.ts";', "nothing of ours"],
    ["ikev2/x.ts", 'import type { KernelRefusal } from "../kernel/request-check.ts";', "not kernel"],
    ["engine/x.ts", 'const later = import("../daemon/daemon.ts");', "not daemon"],
    [
      "negotiate/x.ts",
      'import {\n  a,\n  b,\n} from "../sa/desired.ts";',
      "src/negotiate/x.ts:4: import of ../sa/desired.ts",
    ],
    ["sa/x.ts", 'import { readFileSync } from "node:fs";', "no package and no module of Node"],
    ["sa/x.ts", 'import { createHash } from "node:crypto";', "no package and no module of Node"],
    ["crypto/x.ts", 'import { readFileSync } from "node:fs";', "node:crypto"],
    ["engine/x.ts", 'import koffi from "koffi";', "no package"],
    ["sa/x.ts", 'import { x } from "../../test/x.ts";', "outside src"],
    ["engine/x.ts", "const t = Date.now();", "Date.now"],
    ["engine/x.ts", "const t = Date\n  .now();", "Date.now"],
    ["engine/x.ts", "const t = new Date();", "Date.now"],
    ["ikev2/x.ts", "\n\nconst t = Math.random();", "src/ikev2/x.ts:3: Math.random"],
    ["ikev2/x.ts", "setTimeout(f, 5);", "setTimeout"],
    ["ikev2/x.ts", "if (process.env.X) f();", "process."],
    ["ikev2/x.ts", "async () => await f();", "await"],
    ["crypto/x.ts", 'key.export({ format: "jwk" });', "JWK export"],
    ["crypto/x.ts", 'key.export({\n  type: "x",\n  format: "jwk",\n});', "JWK export"],
    ["strange/x.ts", "", "is not in test/unit/layers/layers.json"],
  ])("%s: %s", (file, source, sentence) => {
    expect(forbidden(file, source).join("\n")).toContain(sentence);
  });

  test.each([
    ["negotiate/x.ts", 'import { nameOf } from "../wire/ikev2/registry/names.ts";'],
    ["engine/x.ts", 'import type { Kernel } from "../kernel/port.ts";'],
    ["daemon/x.ts", 'import { setTimeout } from "node:timers";\nDate.now();'],
    ["crypto/x.ts", 'import { x } from "@noble/curves/misc.js";'],
    ["engine/x.ts", '// import { x } from "../daemon/daemon.ts"; Date.now()\n/* process.exit */'],
    ["ikev2/x.ts", 'const text = "// no comment"; // Math.random()'],
  ])("nothing in %s: %s", (file, source) => {
    expect(forbidden(file, source)).toEqual([]);
  });

  test("the narrowest layer that a file is in", () => {
    expect(layerOf("kernel/port.ts", layerTable.layers)).toBe("kernel/port.ts");
    expect(layerOf("kernel/xfrm/requests.ts", layerTable.layers)).toBe("kernel/xfrm");
    expect(layerOf("kernel/request-check.ts", layerTable.layers)).toBe("kernel");
    expect(layerOf("kernels.ts", layerTable.layers)).toBeUndefined();
  });
});
