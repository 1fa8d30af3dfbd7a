/** The keys `xauth` and `inner-address` of a peer: what IKEv1 adds between phase 1 and quick mode. */
import { z } from "zod";
import { formatPrefix, type Prefix } from "../../negotiate/address.ts";
import type { AddressDelivery } from "../../sa/remote-access.ts";
import { quote } from "../problem.ts";
import { documented } from "./documentation.ts";
import { oneOf, type Reading, section, textLeaf } from "./leaf.ts";
import { yesOrNo } from "./scalars.ts";
import { secret } from "./secret.ts";
import { readPrefix } from "./subnets.ts";

/** Octets of a user's name: more is no name that people type. */
const longestName = 64;

const userName = textLeaf("a user's name", (text): Reading<string> => {
  if (isUserName(text)) return { value: text };
  return { wrong: `is 1 to ${longestName} characters without control characters, not ${quote(text)}` };
});

/** Whether people can log in by that name. */
export function isUserName(text: string): boolean {
  return text !== "" && text.length <= longestName && [...text].every((one) => one >= " " && one !== "\u007f");
}

/** The widest pool: nobody has more callers. */
const widestPool = { 4: 8, 6: 64 } as const;

const pool: z.ZodType<Prefix> = textLeaf("a subnet, or one address", (text): Reading<Prefix> => {
  const read = readPrefix(text);
  if ("wrong" in read) return read;
  const least = widestPool[read.value.address.includes(":") ? 6 : 4];
  if (read.value.length >= least) return read;
  return { wrong: `is a subnet of at least /${least}, not ${formatPrefix(read.value)}` };
});

export const xauthSection = section({
  user: documented(userName.optional(), {
    type: "text",
    meaning: "We log in with the peer by this name, after phase 1.",
    example: "user: alice",
  }),
  password: documented(secret.optional(), {
    type: "`file:NAME`, `hex:…`, `base64:…` or text",
    meaning: "The password of `user`, under the same rules as `auth.psk`.",
    example: "password: file:alice.password",
  }),
  users: documented(z.record(z.string(), secret).optional(), {
    type: "section; its keys are the users' names",
    meaning:
      "Who calls us logs in by one of these names, each with its password, under the same rules as `auth.psk`. After five wrong passwords for one name from one address none is looked at for a minute.",
    example: "users: { alice: file:alice.password, bob: file:bob.password }",
  }),
});

export const innerAddressSection = section({
  pool: documented(pool.optional(), {
    type: "subnet or address",
    meaning:
      "Callers are given an address of it, each its own, and the peer's side of every tunnel line is that address alone. The lines name the whole pool, and it is locked for as long as nobody has an address.",
    example: "pool: 10.9.0.0/24",
  }),
  ask: documented(yesOrNo.optional(), {
    type: "yes or no",
    default: "no",
    meaning:
      "We have an address of the peer, and our side of every tunnel line is that address alone. The lines name the subnet that it is from, or `0.0.0.0/0` where that is not known.",
    example: "ask: yes",
  }),
  delivery: documented(oneOf<AddressDelivery>(["pull", "push"]).optional(), {
    type: "pull or push",
    default: "pull",
    meaning:
      "`pull`: who gets the address asks for it. `push`: who gives it sends it. Both ends must do the same; a gateway that pushes answers those who ask too.",
    example: "delivery: push",
  }),
});
