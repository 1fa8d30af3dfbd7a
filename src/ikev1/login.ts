/** XAuth (draft-beaulieu-ike-xauth-02): after phase 1 one end proves itself once more, by a name and a password. */

import { hash } from "../crypto/hash.ts";
import { constantTimeEqual, wipe } from "../crypto/secret.ts";
import { userIdentity } from "../negotiate/identity.ts";
import type { Reason } from "../negotiate/reason.ts";
import type { UserDesired } from "../sa/remote-access.ts";
import { type Attribute, attributeNumber } from "../wire/ikev1/payloads/attribute.ts";
import { cfgAttribute, cfgType, xauthStatus, xauthType } from "../wire/ikev1/registry/configuration.ts";
import { nameOf } from "../wire/ikev1/registry/names.ts";
import type { IkeV1Sa } from "./ike-v1-sa.ts";
import type { TransactionAnswer } from "./setup.ts";

/** Characters of what a peer says that are kept. */
const mostText = 64;

const none = new Uint8Array(0);
const fail: readonly Attribute[] = [{ type: cfgAttribute.XAUTH_STATUS, value: xauthStatus.FAIL }];

/** Whether an attribute is XAuth's. */
export function isAboutLogin({ type }: Attribute): boolean {
  return type >= cfgAttribute.XAUTH_TYPE && type <= cfgAttribute.XAUTH_ANSWER;
}

// --- the end that is logged in with ----------------------------------------------------------------------------------

/** Asks who the user is. */
export function askForLogin(sa: IkeV1Sa): void {
  const identifier = Buffer.from(sa.host.random(2)).readUInt16BE();
  sa.setup.expect({ kind: "ExpectLogin" });
  sa.setup.ask({
    name: "XAuth",
    cfgType: cfgType.ISAKMP_CFG_REQUEST,
    identifier,
    attributes: [
      { type: cfgAttribute.XAUTH_USER_NAME, value: none },
      { type: cfgAttribute.XAUTH_USER_PASSWORD, value: none },
    ],
    take: (attributes) => judge(sa, identifier, attributes),
  });
}

/** The name and the password are there. */
function judge(sa: IkeV1Sa, identifier: number, attributes: readonly Attribute[]): void {
  const { peer } = sa;
  const { xauth } = peer ?? {};
  if (sa.state.kind !== "ExpectLogin" || peer === undefined || xauth?.kind !== "server") return;
  const name = text(octetsOf(attributes, cfgAttribute.XAUTH_USER_NAME));
  const password = octetsOf(attributes, cfgAttribute.XAUTH_USER_PASSWORD);
  const identity = userIdentity(name);
  const refusal = verdict(sa, xauth.users, name, password);
  wipe(password);
  const reason = refusal ?? sa.host.unwelcome(peer, identity, sa.path);
  if (reason === undefined) sa.remoteId = identity;
  sa.setup.expect({ kind: "ExpectLoginAck", refusal: reason });
  sa.setup.ask({
    name: "XAuth",
    cfgType: cfgType.ISAKMP_CFG_SET,
    identifier,
    attributes: reason === undefined ? [{ type: cfgAttribute.XAUTH_STATUS, value: xauthStatus.OK }] : fail,
    take: () => {
      if (sa.state.kind !== "ExpectLoginAck") return;
      if (reason === undefined) sa.setup.loggedIn();
      else sa.setup.refuse(reason);
    },
  });
}

function verdict(
  sa: IkeV1Sa,
  users: readonly UserDesired[],
  name: string,
  password: Uint8Array | undefined,
): Reason | undefined {
  const { host, path } = sa;
  const remote = path.remote.address;
  const failed = (why: Extract<Reason, { code: "login-failed" }>["why"]): Reason => ({
    code: "login-failed",
    user: name,
    remote,
    why,
  });
  if (password === undefined) return failed("no-password");
  const now = host.now();
  if (!host.logins.mayTry(name, remote, now)) return failed("too-many-failures");
  const user = users.find((one) => one.name === name);
  // A user who does not exist takes as long as one who does.
  const isRight = samePassword(user?.password.octets ?? none, password) && user !== undefined;
  if (isRight) {
    host.logins.succeeded(name, remote);
    return undefined;
  }
  host.logins.failed(name, remote, now);
  return failed(user === undefined ? "unknown-user" : "wrong-password");
}

/** Their digests are compared, so that the time says nothing of either length; some send an octet of zero at the end. */
function samePassword(wanted: Uint8Array, seen: Uint8Array): boolean {
  const bare = seen.at(-1) === 0 ? seen.subarray(0, -1) : seen;
  const ours = hash("sha256", wanted);
  return [seen, bare].map((one) => constantTimeEqual(hash("sha256", one), ours)).includes(true);
}

// --- the end that logs in --------------------------------------------------------------------------------------------

/** The peer asks who the user is; it may ask again at any time (draft-beaulieu-ike-xauth-02 6). */
export function logIn(sa: IkeV1Sa, asked: readonly Attribute[]): TransactionAnswer {
  const { xauth } = sa.peer ?? {};
  if (xauth?.kind !== "client" || !mayLogIn(sa)) return { attributes: fail };
  const missing = asked.find(({ type, value }) => cannotAnswer(type, value));
  if (missing !== undefined) {
    const reason: Reason = { code: "peer-refused-login", user: xauth.user, asked: nameOfAsked(missing) };
    return { attributes: fail, after: () => sa.setup.refuse(reason) };
  }
  const type = asked.filter((one) => one.type === cfgAttribute.XAUTH_TYPE);
  return {
    attributes: [
      ...type,
      { type: cfgAttribute.XAUTH_USER_NAME, value: Buffer.from(xauth.user, "utf8") },
      { type: cfgAttribute.XAUTH_USER_PASSWORD, value: xauth.password.octets },
    ],
  };
}

/** The peer says whether it believes us. */
export function takeVerdict(sa: IkeV1Sa, attributes: readonly Attribute[]): TransactionAnswer {
  const { xauth } = sa.peer ?? {};
  const status = attributes.find(({ type }) => type === cfgAttribute.XAUTH_STATUS);
  const answer = [{ type: cfgAttribute.XAUTH_STATUS, value: none }];
  if (xauth?.kind !== "client" || status === undefined || !mayLogIn(sa)) return { attributes: [] };
  if (attributeNumber(status) === xauthStatus.OK)
    return {
      attributes: answer,
      after: sa.state.kind === "ExpectLoginRequest" ? () => sa.setup.loggedIn() : undefined,
    };
  const said = text(octetsOf(attributes, cfgAttribute.XAUTH_MESSAGE));
  const reason: Reason = { code: "peer-refused-login", user: xauth.user, ...(said === "" ? {} : { said }) };
  return { attributes: answer, after: () => sa.setup.refuse(reason) };
}

/** The password goes to a peer that has proved itself, and has agreed on XAuth with us. */
function mayLogIn({ state }: IkeV1Sa): boolean {
  return state.kind === "ExpectLoginRequest" || state.kind === "ExpectAddress" || state.kind === "Established";
}

function cannotAnswer(type: number, value: Attribute["value"]): boolean {
  switch (type) {
    case cfgAttribute.XAUTH_PASSCODE:
    case cfgAttribute.XAUTH_CHALLENGE:
    case cfgAttribute.XAUTH_NEXT_PIN:
    case cfgAttribute.XAUTH_ANSWER:
      return true;
    case cfgAttribute.XAUTH_TYPE:
      return attributeNumber({ type, value }) !== xauthType.GENERIC;
    default:
      return false;
  }
}

function nameOfAsked(attribute: Attribute): string {
  const { type } = attribute;
  if (type !== cfgAttribute.XAUTH_TYPE) return nameOf.cfgAttribute(type);
  return `${nameOf.cfgAttribute(type)} ${attributeNumber(attribute) ?? "?"}`;
}

// --- what both do ----------------------------------------------------------------------------------------------------

function octetsOf(attributes: readonly Attribute[], type: number): Uint8Array | undefined {
  const value = attributes.find((one) => one.type === type)?.value;
  return typeof value === "number" ? Uint8Array.of(value >> 8, value & 0xff) : value;
}

/** What can stand in a log: whoever says it is not to be believed yet. */
function text(octets: Uint8Array | undefined): string {
  const whole = Buffer.from(octets ?? none).toString("utf8");
  const bare = whole.endsWith("\0") ? whole.slice(0, -1) : whole;
  return [...bare.slice(0, mostText)].map((one) => (one < " " || one === "\u007f" ? "?" : one)).join("");
}
