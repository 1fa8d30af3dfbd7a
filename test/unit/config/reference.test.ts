import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { renderReference } from "../../../scripts/generate-reference.ts";
import { authSection, roundSection } from "../../../src/config/schema/auth.ts";
import { daemonSection } from "../../../src/config/schema/daemon.ts";
import { documentation } from "../../../src/config/schema/documentation.ts";
import { localSection } from "../../../src/config/schema/local.ts";
import { peerSection } from "../../../src/config/schema/peer.ts";
import { lockSection, protectSection } from "../../../src/config/schema/protect.ts";
import { topSection } from "../../../src/config/schema/schema.ts";
import { isSection } from "../../../src/config/shape.ts";
import { readYaml } from "../../../src/config/yaml-source.ts";

describe("the reference page", () => {
  it("is what the schema says", () => {
    const page = readFileSync(new URL("../../../docs/configuration.md", import.meta.url), "utf8");
    // When this fails: npx tsx scripts/generate-reference.ts
    expect(page).toBe(renderReference());
  });

  const sections = {
    topSection,
    localSection,
    peerSection,
    authSection,
    roundSection,
    protectSection,
    lockSection,
    daemonSection,
  };
  const keys = Object.entries(sections).flatMap(([section, { shape }]) =>
    Object.entries(shape).map(([key, schema]): [string, string, z.ZodType] => [section, key, schema]),
  );

  it.each(keys)("the example of %s.%s is right", (_, key, schema) => {
    const { example = "" } = documentation.get(schema) ?? {};
    const { root, findings, syntaxFaults } = readYaml(example);
    expect([...findings, ...syntaxFaults]).toEqual([]);
    const value: unknown = Array.isArray(root?.value) ? root.value[0] : root?.value;
    // `- gre` is short for a section with that key.
    const given = isSection(value) ? value[key] : value === key ? null : undefined;
    expect(given).not.toBeUndefined();
    expect(schema.safeParse(given).error).toBeUndefined();
    expect(schema).toBeInstanceOf(z.ZodType);
  });
});
