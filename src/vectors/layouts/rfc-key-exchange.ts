import type { KeyExchangeCase, VectorCase } from "../case.ts";
import { hex, type JsonObject, number, text } from "../json.ts";

const brainpool: Readonly<Record<string, number>> = {
  brainpoolP224r1: 27,
  brainpoolP256r1: 28,
  brainpoolP384r1: 29,
  brainpoolP512r1: 30,
};

/** Key exchanges as RFCs 5114, 5903, 6932, 6954, 7748 and 8031 name their fields, seen from both ends. */
export function* rfcKeyExchange(entry: JsonObject, name: string): Generator<VectorCase> {
  const prime = hex(entry, "prime");
  const group = number(entry, "group") ?? brainpool[text(entry, "curve") ?? ""];
  if (prime !== undefined && group !== undefined) {
    yield { check: "modp-group", name, group, prime };
    return;
  }
  const alg = text(entry, "alg");
  const curve = alg === undefined ? undefined : /448/.test(alg) ? 32 : 31;
  if (curve !== undefined) yield* montgomery(entry, name, curve);
  const found = group === undefined ? undefined : ends(entry);
  if (group === undefined || found === undefined) return;
  yield both(name, group, found.privateA, found.publicA, found.publicB, found.shared);
  yield both(name, group, found.privateB, found.publicB, found.publicA, found.shared);
}

interface Ends {
  readonly privateA: string;
  readonly publicA: string;
  readonly privateB: string;
  readonly publicB: string;
  readonly shared: string;
}

const spellings: readonly (readonly [
  a: string,
  A: readonly string[],
  b: string,
  B: readonly string[],
  shared: string,
])[] = [
  ["xA", ["yA"], "xB", ["yB"], "Z"],
  ["dA", ["x_qA", "y_qA"], "dB", ["x_qB", "y_qB"], "x_Z"],
  ["i", ["gix", "giy"], "r", ["grx", "gry"], "girx"],
  ["privateA", ["publicA"], "privateB", ["publicB"], "shared"],
  ["fixedI", ["publicI"], "fixedR", ["publicR"], "shared"],
];

function ends(entry: JsonObject): Ends | undefined {
  for (const [a, publicOfA, b, publicOfB, z] of spellings) {
    const [privateA, privateB, shared] = [hex(entry, a), hex(entry, b), hex(entry, z)];
    const [publicA, publicB] = [joined(entry, publicOfA), joined(entry, publicOfB)];
    if (privateA && privateB && shared && publicA && publicB) return { privateA, publicA, privateB, publicB, shared };
  }
  return undefined;
}

function joined(entry: JsonObject, names: readonly string[]): string | undefined {
  const parts = names.map((name) => hex(entry, name));
  return parts.some((part) => part === undefined) ? undefined : parts.join("");
}

function* montgomery(entry: JsonObject, name: string, group: number): Generator<KeyExchangeCase> {
  const [scalar, u, out, start] = [hex(entry, "scalar"), hex(entry, "u"), hex(entry, "out"), hex(entry, "start")];
  if (scalar !== undefined && u !== undefined && out !== undefined) {
    yield { check: "key-exchange", name, group, private: scalar, peer: u, shared: out };
  }
  if (start === undefined) return;
  // A million iterations (RFC 7748 5.2) take minutes: a thousand are run.
  for (const iterations of [1, 1000]) {
    const shared = hex(entry, `after${iterations}`);
    if (shared === undefined) continue;
    yield {
      check: "key-exchange",
      name: `${name} after ${iterations}`,
      group,
      private: start,
      peer: start,
      shared,
      iterations,
    };
  }
}

function both(
  name: string,
  group: number,
  own: string,
  ownPublic: string,
  peer: string,
  shared: string,
): KeyExchangeCase {
  return { check: "key-exchange", name, group, private: own, public: ownPublic, peer, shared };
}
