import type { VectorCase } from "../case.ts";
import { hex, type JsonObject, number, text } from "../json.ts";
import { rfcKeyExchange } from "./rfc-key-exchange.ts";

/**
 * The vectors that RFCs print, one entry of a section each: what it is of is told by its fields, and where those do not
 * say, by the titles of the documents.
 */
export function* rfcCase(section: string, title: string, entry: JsonObject): Generator<VectorCase> {
  const name = `${text(entry, "id", "name", "title") ?? entry.tcId ?? entry.group ?? text(entry, "alg", "curve") ?? section}`;
  const readers = [macs, espPackets, ikePackets, ciphers, aeads, rfcKeyExchange, signatures, others];
  for (const reader of readers) {
    let found = false;
    for (const vector of reader(entry, name, section, title)) {
      found = true;
      yield vector;
    }
    if (found) return;
  }
}

/** How each of the readers below looks at an entry; one that is not for it yields nothing. */
export type EntryReader = (entry: JsonObject, name: string, section: string, title: string) => Generator<VectorCase>;

function* macs(entry: JsonObject, name: string, section: string, title: string): Generator<VectorCase> {
  const key = hex(entry, "effectiveKey", "key");
  const data = hex(entry, "data", "message", "msg");
  if (key === undefined || data === undefined) return;
  for (const [field, value] of Object.entries(entry)) {
    const mac = hex(entry, field);
    if (mac === undefined || typeof value !== "string") continue;
    const prf = /^prf(?:_(hmac_\w+))?$/.exec(field);
    if (prf !== null)
      yield { check: "prf", name: `${name} ${field}`, prf: prf[1] ?? aesMac(title), key, data, out: mac };
    else if (/^(?:auth_)?hmac_/.test(field))
      yield { check: "mac", name: `${name} ${field}`, algorithm: field, key, data, mac };
    else if (/^digest(?:96)?$/.test(field)) {
      const algorithm = `hmac-${/md5|sha\d*/.exec(section)?.[0] ?? (/MD5/.test(title) ? "md5" : "sha1")}`;
      yield { check: "mac", name: `${name} ${field}`, algorithm, key, data, mac };
    } else if (/^mac(?:96)?$/.test(field))
      yield { check: "mac", name: `${name} ${field}`, algorithm: aesMac(title), key, data, mac };
  }
}

function aesMac(title: string): string {
  return /XCBC/.test(title) ? "aes-xcbc" : "aes-cmac";
}

function* espPackets(entry: JsonObject, name: string, _section: string, title: string): Generator<VectorCase> {
  const outer = hex(entry, "espPacketWithOuterIp");
  const packet = outer === undefined ? hex(entry, "packet") : withoutIp(outer);
  const encrKey = hex(entry, "key");
  if (packet === undefined || encrKey === undefined || hex(entry, "spi") === undefined) return;
  const salt = hex(entry, "salt");
  // For GMAC the source prints no plaintext: what is authenticated stands in the packet.
  const padded = hex(entry, "preEncryption", "plaintext") || undefined;
  const encr = text(entry, "algorithm", "alg") ?? (/ChaCha/i.test(title) ? "chacha20-poly1305" : "aes-cbc");
  const sequence = hex(entry, "seq");
  // The high half of an extended sequence number stands before the low one, which is the packet's.
  const highSequence =
    entry.esn === true && sequence?.length === 16 ? Number.parseInt(sequence.slice(0, 8), 16) : undefined;
  yield {
    check: "esp",
    name,
    encr,
    encrKey,
    ...(salt === undefined ? {} : { salt }),
    ...(highSequence === undefined ? {} : { highSequence }),
    packet,
    ...(padded === undefined ? {} : { padded }),
  };
}

/** An IKEv2 message with the key of its SK payload (RFC 7634 Appendix B). */
function* ikePackets(entry: JsonObject, name: string, _section: string, title: string): Generator<VectorCase> {
  const octets = hex(entry, "ikeMessage");
  const key = hex(entry, "key");
  if (octets === undefined || key === undefined) return;
  const encr = /ChaCha/i.test(title) ? "chacha20-poly1305" : "aes-gcm";
  const plaintext = hex(entry, "notifyPayload");
  yield {
    check: "message",
    name,
    octets,
    open: { encr, encrKey: key + (hex(entry, "salt") ?? "") },
    ...(plaintext === undefined ? {} : { plaintext }),
  };
}

function withoutIp(packet: string): string {
  return packet.startsWith("6") ? packet.slice(80) : packet.slice(8 * Number.parseInt(packet.slice(1, 2), 16));
}

function* ciphers(entry: JsonObject, name: string, section: string, title: string): Generator<VectorCase> {
  const [key, plaintext, ciphertext] = [hex(entry, "key"), hex(entry, "plaintext"), hex(entry, "ciphertext")];
  if (key === undefined || plaintext === undefined || ciphertext === undefined || "tag" in entry) return;
  const iv = hex(entry, "iv");
  const camellia = /Camellia/i.test(title);
  if (iv === undefined) {
    if (!camellia) return;
    // One block alone is CBC with an IV of zeros.
    yield {
      check: "cipher",
      name: `${name} ${entry.keyBits ?? ""}`,
      algorithm: "camellia-cbc",
      key,
      iv: "00".repeat(16),
      plaintext,
      ciphertext,
    };
    return;
  }
  const counter = "firstCounterBlock" in entry || /ctr/.test(section);
  yield {
    check: "cipher",
    name,
    algorithm: `${camellia ? "camellia" : "aes"}-${counter ? "ctr" : "cbc"}`,
    key,
    ...(counter ? { salt: hex(entry, "nonce", "salt") ?? "" } : {}),
    iv,
    plaintext,
    ciphertext,
  };
}

function* aeads(entry: JsonObject, name: string, section: string, title: string): Generator<VectorCase> {
  const [key, nonce, tag] = [hex(entry, "key"), hex(entry, "nonce"), hex(entry, "tag")];
  if (key === undefined || nonce === undefined || tag === undefined) return;
  const mode = /ChaCha/i.test(title) ? "chacha20-poly1305" : /ccm/i.test(section + title) ? "ccm" : "gcm";
  const family = /Camellia/i.test(title) ? "camellia-" : "aes-";
  yield {
    check: "aead",
    name,
    algorithm: mode.startsWith("chacha") ? mode : `${family}${mode}`,
    key,
    nonce,
    aad: hex(entry, "aad") ?? "",
    plaintext: hex(entry, "plaintext") ?? "",
    ciphertext: hex(entry, "ciphertext") ?? "",
    tag,
  };
}

const ecdsaCurves: Readonly<Record<number, readonly [header: string, hash: string]>> = {
  9: ["3059301306072a8648ce3d020106082a8648ce3d030107034200", "SHA-256"],
  10: ["3076301006072a8648ce3d020106052b81040022036200", "SHA-384"],
  11: ["30819b301006072a8648ce3d020106052b8104002303818600", "SHA-512"],
};

const eddsaHeaders: Readonly<Record<string, string>> = {
  ed25519: "302a300506032b6570032100",
  ed448: "3043300506032b6571033a00",
};

function* signatures(entry: JsonObject, name: string): Generator<VectorCase> {
  const message = hex(entry, "message") ?? "";
  const method = number(entry, "authMethod");
  const curve = method === undefined ? undefined : ecdsaCurves[method];
  const [x, y, r, s] = [hex(entry, "gwx"), hex(entry, "gwy"), hex(entry, "r"), hex(entry, "s")];
  if (curve !== undefined && x !== undefined && y !== undefined && r !== undefined && s !== undefined) {
    const [header, hash] = curve;
    yield {
      check: "signature",
      name,
      scheme: "ecdsa",
      algorithm: name,
      hash,
      publicKey: `${header}04${x}${y}`,
      message,
      signature: r + s,
      encoding: "concatenated",
    };
    return;
  }
  const alg = text(entry, "alg") ?? "";
  const publicKey = hex(entry, "publicKey");
  const signature = hex(entry, "signature");
  if (publicKey === undefined || signature === undefined) return;
  const header = eddsaHeaders[alg.toLowerCase()];
  if (header === undefined || (hex(entry, "context") ?? "") !== "") {
    yield { check: "none", name, algorithm: alg, why: "IKEv2 uses pure EdDSA without a context (RFC 8420 2)" };
    return;
  }
  yield {
    check: "signature",
    name,
    scheme: "eddsa",
    algorithm: alg,
    publicKey: header + publicKey,
    message,
    signature,
  };
}

function* others(entry: JsonObject, name: string): Generator<VectorCase> {
  const transform = text(entry, "transform");
  if (transform !== undefined && "ESPPacket" in entry) {
    yield { check: "none", name, algorithm: transform, why: "GOST ciphers are not in the table" };
  } else if ("oid" in entry && "der" in entry) {
    yield { check: "algorithm-identifier", name, der: hex(entry, "der") ?? "" };
  } else if ("ciphertextOctets" in entry) {
    yield { check: "none", name, algorithm: "ml-kem", why: "ML-KEM is not in the table" };
  } else if ("irreducible" in entry) {
    yield { check: "none", name, algorithm: `group ${entry.group}`, why: "EC2N groups are not in the table" };
  } else if ("h" in entry && "curve" in entry) {
    yield { check: "none", name, algorithm: `${entry.curve}`, why: "curve parameters, which OpenSSL has of its own" };
  }
}
