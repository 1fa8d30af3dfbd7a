import { createHmac } from "node:crypto";
import { describe, expect, test } from "vitest";
import type { PayloadRewrite } from "../../../src/ikev2/host.ts";
import { decodeMessage } from "../../../src/wire/ikev2/message.ts";
import { exchangeType } from "../../../src/wire/ikev2/registry/message.ts";
import { addresses, differences, type Role, read, recorded, Stage } from "./recorded.ts";

const handshake = recorded("v2-psk");
const octets = handshake.messages.map((message) => message.octets);
const [request, response, authRequest, authResponse] = octets as [Buffer, Buffer, Buffer, Buffer];
const { initiator, responder } = addresses;
const theirs = read(handshake, handshake.messages);

/** The first thing that every engine asks for. */
const cookieSecret = new Uint8Array(32);

const anywhere = { address: "0.0.0.0", length: 0 };
const behindInitiator = { address: "10.0.1.0", length: 24 };
const behindResponder = { address: "10.0.2.0", length: 24 };

function clearPayloads(message: Buffer) {
  const decoded = decodeMessage(message);
  return decoded.payloads;
}
function nonce(message: Buffer): Uint8Array {
  const found = clearPayloads(message).find((payload) => payload.kind === "Nonce");
  return Uint8Array.from(found?.kind === "Nonce" ? found.data : []);
}
function keValue(message: Buffer): Uint8Array {
  const found = clearPayloads(message).find((payload) => payload.kind === "KE");
  return Uint8Array.from(found?.kind === "KE" ? found.data : []);
}

function stage(role: Role, rewrite?: PayloadRewrite): Stage {
  const wide = role === "initiator";
  return new Stage({
    recorded: handshake,
    role,
    peer: {
      ike: ["aes128-sha1-modp1024"],
      esp: ["aes128-sha1"],
      protect: [
        wide
          ? { kind: "tunnel", local: anywhere, remote: anywhere }
          : { kind: "tunnel", local: behindResponder, remote: behindInitiator },
      ],
    },
    random: {
      8: [role === "initiator" ? request.subarray(0, 8) : response.subarray(8, 16)],
      32: [cookieSecret, nonce(role === "initiator" ? request : response)],
      16: [role === "initiator" ? handshake.authIv : authResponse.subarray(32, 48)],
    },
    responderPublic: keValue(response),
    ...(rewrite && { rewrite }),
  });
}

/** The whole of it, whichever end is ours. */
function played(role: Role, rewrite?: PayloadRewrite) {
  const ours = stage(role, rewrite);
  const answers = role === "initiator" ? [response, authResponse] : [request, authRequest];
  const heard = answers.map((message) => ours.say(message));
  const { decoded, keys } = read(handshake, ours.said);
  return { ours, heard, decoded, keys };
}

/** The payloads that were recorded, in their order; what follows from keys is our own. */
const inTheirWords: PayloadRewrite = (type, isResponse, payloads) => {
  if (type === exchangeType.IKE_SA_INIT) return clearPayloads(isResponse ? response : request);
  const kinds = isResponse ? ["IDr", "AUTH", "SA", "TSi", "TSr"] : ["IDi", "AUTH", "SA", "TSi", "TSr"];
  return kinds.flatMap((kind) => payloads.filter((payload) => payload.kind === kind));
};

const spis = { initiatorSpi: "a150f12f598f9a0e", responderSpi: "9fb14c9c853ad1b2" };
const esp = { "2a85e115": [initiator, responder], c2c80c11: [responder, initiator] } as const;

describe.each([
  ["initiator", { spiIn: "2a85e115", spiOut: "c2c80c11", selectors: ["10.0.1.0/24 -> 10.0.2.0/24"] }],
  ["responder", { spiIn: "c2c80c11", spiOut: "2a85e115", selectors: ["10.0.2.0/24 -> 10.0.1.0/24"] }],
] as const)("the recorded handshake of IKEv2, the engine in the place of its %s", (role, child) => {
  test("accepts each message, says one in turn, and comes to the recorded SAs and keys", () => {
    const { ours, heard } = played(role);
    // The responder's last answer is the end of it, as is the initiator's second request.
    expect(heard.map((messages) => messages.length)).toEqual(role === "initiator" ? [1, 0] : [1, 1]);
    const status = ours.end.peer();
    expect(status.ikeSas).toMatchObject([{ ...spis, role, proposal: "aes128-sha1-modp1024" }]);
    expect(status.children).toMatchObject([{ state: "up", sas: [{ ...child, proposal: "aes128-sha1" }] }]);
    expect(ours.end.log.map(({ event }) => event)).not.toContain("message-dropped");
    const keys = Object.entries(esp).map(([spi, [destination, source]]) => {
      const [found] = theirs.keys.esp(Number.parseInt(spi, 16), source, destination);
      return [spi, { encr: digits(found?.encrKey), integ: digits(found?.integKey) }];
    });
    expect(ours.espKeys).toEqual(Object.fromEntries(keys));
    // Those with which the recorded messages open, and their integrity is right.
    expect(ours.ikeKeys).toHaveLength(1);
    const [sk] = ours.ikeKeys;
    const integ = [authRequest, authResponse].map((message, index) => {
      const key = Buffer.from((index === 0 ? sk?.skAi : sk?.skAr) ?? "", "hex");
      return createHmac("sha1", key).update(message.subarray(0, -12)).digest().subarray(0, 12);
    });
    expect(integ).toEqual([authRequest.subarray(-12), authResponse.subarray(-12)]);
  });

  test("in the recorded words, says what was recorded: to the octet in clear, to the field within SK, AUTH included", () => {
    const { ours, decoded } = played(role, inTheirWords);
    const [first] = ours.said.filter(({ from }) => from === role);
    expect(digits(first?.octets)).toBe(digits(role === "initiator" ? request : response));
    expect(decoded.map((message, i) => differences(theirs.decoded[i], message))).toEqual([[], [], [], []]);
    const auth = ["708985b9fcc1861ad1bbc25e2188cf724b798e09", "0a2bce7559cedd58b53626f7af4ad8bfd1becae1"];
    expect(JSON.stringify(decoded.slice(2).map(({ fields }) => fields))).toMatch(new RegExp(auth.join(".*")));
    expect(ours.end.peer().state).toBe("up");
  });
});

test("as initiator, in its own words, differs from the recorded one in these fields alone", () => {
  const { decoded } = played("initiator");
  expect(decoded.map((message, i) => differences(theirs.decoded[i], message))).toEqual([
    [
      "- header > length: 232",
      "+ header > length: 296",
      "+ N: NAT_DETECTION_SOURCE_IP",
      "+ N > data: 141d115fa5b1b716aa51b3929db3403d49b2d624",
      "+ N: NAT_DETECTION_DESTINATION_IP",
      "+ N > data: 3db7820725429954c839b0bcc9d466bb601d51da",
      "+ N: IKEV2_FRAGMENTATION_SUPPORTED",
    ],
    [],
    [
      "- header > length: 204",
      "+ header > length: 252",
      "- SK > octets: 172",
      "+ SK > octets: 220",
      "+ SK > N: INITIAL_CONTACT",
      "+ SK > IDr: 10.0.3.10",
      "+ SK > IDr > type: ID_IPV4_ADDR",
      "+ SK > IDr > data: 0a00030a",
      // AUTH covers the first message, which has more in it.
      "- SK > AUTH > data: 708985b9fcc1861ad1bbc25e2188cf724b798e09",
      "+ SK > AUTH > data: 4c8f9f65f00639c133afe8c9ce20f01d14a101cb",
      "+ SK > N: MULTIPLE_AUTH_SUPPORTED",
      "+ SK > N: ESP_TFC_PADDING_NOT_SUPPORTED",
      "+ SK > N: SET_WINDOW_SIZE 4",
      "+ SK > N > data: 00000004",
      "+ SK > N: IKEV2_MESSAGE_ID_SYNC_SUPPORTED",
    ],
    [],
  ]);
  expect(decoded[2]?.notes).toEqual(["AUTH is right for the pre-shared key"]);
});

test("as responder, in its own words, differs from the recorded one in these fields alone", () => {
  const { decoded } = played("responder");
  expect(decoded.map((message, i) => differences(theirs.decoded[i], message))).toEqual([
    [],
    [
      "- header > length: 256",
      "+ header > length: 320",
      // The transforms stand in another order.
      "- SA > proposal 1 > INTEG: AUTH_HMAC_SHA1_96",
      "+ SA > proposal 1 > INTEG: AUTH_HMAC_SHA1_96",
      "+ N: NAT_DETECTION_SOURCE_IP",
      "+ N > data: 75dae4e16ed3deb89812217454403eecdac17a10",
      "+ N: NAT_DETECTION_DESTINATION_IP",
      "+ N > data: 1c0d111af9c998a2d73a251c3385edba787812e0",
      "+ N: CHILDLESS_IKEV2_SUPPORTED",
    ],
    [],
    [
      "- header > length: 204",
      "+ header > length: 220",
      "- SK > octets: 172",
      "+ SK > octets: 188",
      "- SK > AUTH > data: 0a2bce7559cedd58b53626f7af4ad8bfd1becae1",
      "+ SK > AUTH > data: f7be8e9d8e6cf024e5c04bba3d741ee85eb22bcd",
      "+ SK > N: SET_WINDOW_SIZE 4",
      "+ SK > N > data: 00000004",
      "+ SK > N: ESP_TFC_PADDING_NOT_SUPPORTED",
    ],
  ]);
  expect(decoded[3]?.notes).toContain("AUTH is right for the pre-shared key");
});

test.each([
  ["initiator", authResponse, 100],
  ["responder", authRequest, 100],
] as const)("as %s takes nothing of which an octet was changed", (role, message, at) => {
  const ours = stage(role);
  ours.say(role === "initiator" ? response : request);
  const changed = Buffer.from(message);
  changed[at] = (changed[at] ?? 0) ^ 1;
  ours.say(changed);
  expect(ours.end.peer().state).not.toBe("up");
  expect(ours.espKeys).toEqual({});
});

function digits(octets: Uint8Array | undefined): string {
  return Buffer.from(octets ?? []).toString("hex");
}
