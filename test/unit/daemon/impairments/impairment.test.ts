import { describe, expect, it } from "vitest";
import { Failure } from "../../../../src/daemon/failure.ts";
import { parseImpairment } from "../../../../src/daemon/impairments/impairment.ts";

const createChild = { exchangeType: 36, isResponse: false };

describe("an impairment", () => {
  it.each([
    [
      "drop sent CREATE_CHILD_SA request 2",
      {
        kind: "datagram",
        action: { kind: "drop" },
        direction: "sent",
        message: createChild,
        which: { first: 2, last: 2 },
      },
    ],
    [
      "delay 500 received any message 2-4",
      {
        kind: "datagram",
        action: { kind: "delay", milliseconds: 500 },
        direction: "received",
        message: { exchangeType: undefined, isResponse: undefined },
        which: { first: 2, last: 4 },
      },
    ],
    [
      "omit Nonce sent CREATE_CHILD_SA request every",
      {
        kind: "payload",
        action: { kind: "omit", payload: "Nonce" },
        direction: "sent",
        message: createChild,
        which: { first: 1, last: Number.POSITIVE_INFINITY },
      },
    ],
    [
      "zero-child-spis sent CREATE_CHILD_SA request 1",
      {
        kind: "payload",
        action: { kind: "zero-child-spis" },
        direction: "sent",
        message: createChild,
        which: { first: 1, last: 1 },
      },
    ],
    [
      "double AUTH received IKE_AUTH request 1",
      {
        kind: "payload",
        action: { kind: "double", payload: "AUTH" },
        direction: "received",
        message: { exchangeType: 35, isResponse: false },
        which: { first: 1, last: 1 },
      },
    ],
    ["fail install-outbound 3", { kind: "kernel", step: "install-outbound", which: { first: 3, last: 3 } }],
    ["ignore soft-expire 1", { kind: "soft-expire", which: { first: 1, last: 1 } }],
  ])("is read from %j", (text, impairment) => {
    expect(parseImpairment(text)).toEqual(impairment);
  });

  it.each([
    "",
    "lose sent IKE_AUTH request 1",
    "drop IKE_AUTH request 1",
    "drop sent IKE_AUTH request",
    "drop sent IKE_AUTH request 0",
    "drop sent IKE_AUTH request 1-",
    "drop sent IKE_AUTH request 1-2-3",
    "drop sent IKE_AUTH request 2-1",
    "drop sent IKE_AUTH request 1 2",
    "drop sent ike_auth request 1",
    "drop sent IKE_AUTH answer 1",
    "delay sent IKE_AUTH request 1",
    "omit sent IKE_AUTH request 1",
    "omit NONE sent IKE_AUTH request 1",
    "omit AUTH taken IKE_AUTH request 1",
    "zero-child-spis IKE_AUTH request 1",
    "fail delete-sa 1",
    "fail set-policy",
    "ignore hard-expire 1",
  ])("is not %j", (text) => {
    expect(() => parseImpairment(text)).toThrow(Failure);
    expect(() => parseImpairment(text)).toThrow(`"${text}" is no impairment`);
  });
});
