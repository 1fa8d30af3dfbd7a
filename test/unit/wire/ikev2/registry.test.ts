import { describe, expect, test } from "vitest";
import { payloads } from "../../../../src/wire/ikev2/payloads/table.ts";
import * as configuration from "../../../../src/wire/ikev2/registry/configuration.ts";
import * as identity from "../../../../src/wire/ikev2/registry/identity.ts";
import * as numbers from "../../../../src/wire/ikev2/registry/message.ts";
import { nameOf } from "../../../../src/wire/ikev2/registry/names.ts";
import * as notify from "../../../../src/wire/ikev2/registry/notify.ts";
import * as selector from "../../../../src/wire/ikev2/registry/selector.ts";
import * as transform from "../../../../src/wire/ikev2/registry/transform.ts";

const { isErrorNotify, firstStatusType, ...notifyTables } = notify;
const tables = Object.entries<Record<string, number>>({
  ...configuration,
  ...identity,
  ...numbers,
  ...notifyTables,
  ...selector,
  ...transform,
});

describe("every registry", () => {
  test.each(tables)("%s gives a number one name", (_, table) => {
    const values = Object.values(table);
    expect(new Set(values).size).toBe(values.length);
  });
});

test("a payload's description has the number of its notation", () => {
  for (const [kind, { type }] of Object.entries(payloads)) expect(nameOf.payload(type)).toBe(kind);
});

test("prints names, and numbers that have none", () => {
  expect(nameOf.notify(14)).toBe("NO_PROPOSAL_CHOSEN");
  expect(nameOf.notify(40960)).toBe("notify 40960");
  expect(nameOf.exchange(43)).toBe("IKE_INTERMEDIATE");
  expect(nameOf.transform(1, 20)).toBe("ENCR_AES_GCM_16");
  expect(nameOf.transform(4, 31)).toBe("CURVE25519");
  expect(nameOf.transform(12, 36)).toBe("ML_KEM_768");
  expect(nameOf.transform(3, 1024)).toBe("integrity 1024");
  expect(nameOf.transform(77, 5)).toBe("transform type 77 ID 5");
});

test("tells errors from status types at 16384", () => {
  expect(firstStatusType).toBe(16384);
  expect(isErrorNotify(notify.notifyType.TS_MAX_QUEUE)).toBe(true);
  expect(isErrorNotify(8191)).toBe(true);
  expect(isErrorNotify(16383)).toBe(true);
  expect(isErrorNotify(notify.notifyType.INITIAL_CONTACT)).toBe(false);
  expect(isErrorNotify(40960)).toBe(false);
});
