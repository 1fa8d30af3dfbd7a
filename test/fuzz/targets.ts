/** Every parser of what comes from outside, with its first inputs and the only errors that it may throw. */
import { CaptureError } from "../../src/capture/packet.ts";
import { CaptureReader } from "../../src/capture/reader.ts";
import { parseYaml } from "../../src/config/yaml-syntax.ts";
import { Certificate, readCertificate } from "../../src/credentials/certificate.ts";
import { CredentialFileError } from "../../src/credentials/files/file-error.ts";
import { readPem } from "../../src/credentials/files/pem.ts";
import { readPublicKeys } from "../../src/credentials/files/public-key.ts";
import { isAnsweredFor, readOcspAnswer } from "../../src/credentials/revocation/ocsp.ts";
import { RevocationList, readRevocationList } from "../../src/credentials/revocation/revocation-list.ts";
import { KeyError } from "../../src/crypto/signature/key-error.ts";
import { ControlError, parseRequest } from "../../src/daemon/control-protocol.ts";
import { LineReader } from "../../src/daemon/line-reader.ts";
import { Decoder } from "../../src/decode/decoder.ts";
import { KeyFileError } from "../../src/decode/keys/algorithms.ts";
import { KeyStore } from "../../src/decode/keys/key-store.ts";
import { addSidecar } from "../../src/decode/keys/sidecar.ts";
import { addWiresharkTable } from "../../src/decode/keys/wireshark.ts";
import { textOf } from "../../src/decode/text.ts";
import { Conversations } from "../../src/explain/conversation.ts";
import { explain } from "../../src/explain/explain.ts";
import { readAcknowledgement, readDone } from "../../src/netlink-xfrm/codec/acknowledgement.ts";
import { forEachMessage } from "../../src/netlink-xfrm/codec/message-reader.ts";
import { Octets } from "../../src/netlink-xfrm/codec/octets.ts";
import { MalformedMessageError } from "../../src/netlink-xfrm/errors.ts";
import { readRouteEvent } from "../../src/netlink-xfrm/rtnetlink/events.ts";
import { readXfrmEvent } from "../../src/netlink-xfrm/xfrm/events.ts";
import { LayoutError } from "../../src/vectors/layouts/error.ts";
import { readVectors } from "../../src/vectors/layouts/layout.ts";
import { WireError } from "../../src/wire/error.ts";
import { decodeProtected, decodeMessage as decodeV1 } from "../../src/wire/ikev1/message.ts";
import { decodePayloads, decodeMessage as decodeV2 } from "../../src/wire/ikev2/message.ts";
import { contentsOf, hexOf, repositoryFiles, x509Of } from "./corpora.ts";
import { ikev1Types } from "./mutate.ts";

/** A parser under attack. */
export interface Target {
  readonly about: string;
  corpus(): Buffer[];
  run(input: Buffer): void;
  /** What it may throw. */
  readonly refusals: readonly (abstract new (
    ...args: never[]
  ) => Error)[];
  /** What a next payload may become, where there are payloads. */
  readonly types?: readonly number[];
}

const captures = () =>
  contentsOf("captures", ".pcap", ".pcapng", ".cap", ".snoop").filter(({ length }) => length < 20_000);

/** By the name on the command line. */
export const targets: Readonly<Record<string, Target>> = {
  ikev2: {
    about: "IKEv2 messages",
    corpus: () => hexOf("sources/ikev2-messages", "hex").filter(({ length }) => length >= 28),
    run: (input) => void decodeV2(input),
    refusals: [WireError],
  },
  "ikev2-inside": {
    about: "what IKEv2's SK holds",
    corpus: () => hexOf("sources/ikev2-messages", "hex"),
    // The first octet says which payload comes first.
    run: (input) => void decodePayloads(33 + ((input[0] ?? 0) % 22), input.subarray(1), "protected"),
    refusals: [WireError],
  },
  ikev1: {
    about: "IKEv1 messages",
    corpus: () => [...hexOf("sources/ikev1-messages", "hex"), ...hexOf("sources/handshakes", "hex")],
    run: (input) => void decodeV1(input),
    refusals: [WireError],
    types: ikev1Types,
  },
  "ikev1-inside": {
    about: "what an encrypted IKEv1 message holds",
    corpus: () => hexOf("sources/ikev1-messages", "hex"),
    run: (input) => void decodeProtected((input[0] ?? 0) % 24, input.subarray(1)),
    refusals: [WireError],
    types: ikev1Types,
  },
  certificate: {
    about: "X.509 certificates",
    corpus: () => x509Of("certificates"),
    run: (input) => void readCertificate(input),
    refusals: [],
  },
  "public-key": {
    about: "public keys as certificates have them, and files with them",
    corpus: () => hexOf("sources/wycheproof", "publicKeyDer").slice(0, 200),
    run: (input) => {
      readCertificate(input);
      readPublicKeys(input);
    },
    refusals: [CredentialFileError, KeyError],
  },
  "revocation-list": {
    about: "lists of revoked certificates",
    corpus: () => x509Of("lists"),
    run: (input) => {
      const read = readRevocationList(input);
      if (read instanceof RevocationList) read.isSignedBy(fuzzRoot());
    },
    refusals: [],
  },
  "ocsp-answer": {
    about: "answers about single certificates",
    corpus: () => x509Of("answers"),
    run: (input) => {
      const read = readOcspAnswer(input);
      if (!("fault" in read)) isAnsweredFor(read, fuzzRoot(), 0);
    },
    refusals: [],
  },
  pem: {
    about: "PEM files",
    corpus: () => [Buffer.from("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n")],
    run: (input) => void readPem(input),
    refusals: [CredentialFileError],
  },
  yaml: {
    about: "the configuration file's syntax",
    corpus: () => repositoryFiles("examples", ".yaml"),
    run: (input) => void parseYaml(input.toString("utf8")),
    refusals: [],
  },
  control: {
    about: "requests on the control socket",
    corpus: () =>
      [
        '{"jsonrpc":"2.0","id":1,"method":"up","params":{"peer":"site-b"}}',
        '{"jsonrpc":"2.0","id":"x","method":"exchanges","params":{"peer":"site-b"}}',
        '{"jsonrpc":"2.0","method":"status"}',
        '{"jsonrpc":"2.0","id":null,"method":"rekey","params":{"peer":"b","what":"ike"}}\n{"jsonrpc":"2.0","id":2,"method":"reload"}',
      ].map((text) => Buffer.from(`${text}\n`)),
    run: (input) => {
      for (const event of new LineReader(4096).push(input)) if (event.kind === "line") parseRequest(event.text);
    },
    refusals: [ControlError],
  },
  netlink: {
    about: "what the kernel answers and reports",
    corpus: () => repositoryFiles("test/unit/netlink-xfrm/fixtures", "6.18.json").flatMap(datagrams),
    run: (input) => {
      const octets = Octets.copy(input);
      forEachMessage(octets, input.length, (message) => {
        for (const read of [readXfrmEvent, readRouteEvent, readAcknowledgement, readDone])
          refusing(() => read(message), MalformedMessageError);
      });
    },
    refusals: [MalformedMessageError],
  },
  capture: {
    about: "capture files, down to what is explained of them",
    corpus: captures,
    run: (input) => {
      const [reader, decoder, conversations] = [new CaptureReader(), new Decoder(new KeyStore()), new Conversations()];
      for (const packets of [reader.push(input), reader.end()]) {
        for (const packet of packets) {
          for (const decoded of decoder.decode(packet)) {
            textOf(decoded, false);
            conversations.add(decoded);
          }
        }
      }
      explain(conversations.all());
    },
    refusals: [CaptureError],
  },
  keys: {
    about: "Wireshark's key tables",
    corpus: () => [
      Buffer.from(
        '0158b8fb90b7623d,13514610cea16160,aabb,ccdd,"AES-CBC-128 [RFC3602]",aa,bb,"HMAC_SHA1_96 [RFC2404]"\n',
      ),
      Buffer.from('"IPv4","192.0.2.1","*","0x12345678","AES-CBC [RFC3602]","0x00","HMAC-SHA-1-96 [RFC2404]","0x00"\n'),
    ],
    run: (input) => addWiresharkTable(input.toString("utf8"), new KeyStore()),
    refusals: [KeyFileError],
  },
  sidecar: {
    about: "keys in JSON",
    corpus: () => contentsOf("captures", ".keys.json").filter(({ length }) => length < 20_000),
    run: (input) => addSidecar(JSON.parse(input.toString("utf8")), new KeyStore()),
    refusals: [KeyFileError, SyntaxError],
  },
  vectors: {
    about: "files of test vectors",
    corpus: () => contentsOf("sources/rfc", ".json").filter(({ length }) => length < 8000),
    run: (input) => void readVectors(JSON.parse(input.toString("utf8")), "fuzz"),
    refusals: [LayoutError, SyntaxError],
  },
};

let root: Certificate | undefined;

/** Whoever signed what is in the corpus. */
function fuzzRoot(): Certificate {
  const [first = Buffer.alloc(0)] = x509Of("certificates");
  const read = root ?? readCertificate(first);
  if (!(read instanceof Certificate)) throw new Error("the corpus begins with no certificate");
  root = read;
  return read;
}

function datagrams(content: Buffer): Buffer[] {
  const { cases } = JSON.parse(content.toString("utf8")) as { cases: { received: string[] }[] };
  return cases
    .flatMap(({ received }) => received.map((hex) => Buffer.from(hex, "hex")))
    .filter(({ length }) => length < 3000);
}

function refusing(read: () => unknown, refusal: abstract new (...args: never[]) => Error): void {
  try {
    read();
  } catch (error) {
    if (!(error instanceof refusal)) throw error;
  }
}
