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

/** Names in the order of their numbers from `first` on, as the registry at IANA has them; "-" is reserved. */
function numbered(first: number, names: string): Record<string, number> {
  const all = names.trim().split(/\s+/);
  return Object.fromEntries(all.flatMap((name, i) => (name === "-" ? [] : [[name, first + i]])));
}

/** RFC 7296 3.1, 3.2, 3.10.1 and 3.15, and what later RFCs added, typed from there and not from the code. */
describe("the numbers are those of IANA's registry", () => {
  test("exchange types", () => {
    const names = `IKE_SA_INIT IKE_AUTH CREATE_CHILD_SA INFORMATIONAL IKE_SESSION_RESUME GSA_AUTH GSA_REGISTRATION
      GSA_REKEY GSA_INBAND_REKEY IKE_INTERMEDIATE IKE_FOLLOWUP_KE`;
    expect(numbers.exchangeType).toEqual(numbered(34, names));
  });

  test("payload types", () => {
    const names = `SA KE IDi IDr CERT CERTREQ AUTH Nonce N D V TSi TSr SK CP EAP GSPM IDg GSA KD SKF PS`;
    expect(numbers.payloadType).toEqual({ NONE: 0, ...numbered(33, names) });
  });

  test("errors", () => {
    const names = `UNSUPPORTED_CRITICAL_PAYLOAD - - INVALID_IKE_SPI INVALID_MAJOR_VERSION - INVALID_SYNTAX -
      INVALID_MESSAGE_ID - INVALID_SPI - - NO_PROPOSAL_CHOSEN - - INVALID_KE_PAYLOAD - - - - - - AUTHENTICATION_FAILED
      - - - - - - - - - SINGLE_PAIR_REQUIRED NO_ADDITIONAL_SAS INTERNAL_ADDRESS_FAILURE FAILED_CP_REQUIRED
      TS_UNACCEPTABLE INVALID_SELECTORS UNACCEPTABLE_ADDRESSES UNEXPECTED_NAT_DETECTED USE_ASSIGNED_HoA
      TEMPORARY_FAILURE CHILD_SA_NOT_FOUND INVALID_GROUP_ID AUTHORIZATION_FAILED STATE_NOT_FOUND TS_MAX_QUEUE
      REGISTRATION_FAILED`;
    const errors = Object.entries(notify.notifyType).filter(([, type]) => isErrorNotify(type));
    expect(Object.fromEntries(errors)).toEqual(numbered(1, names));
  });

  test("status types", () => {
    const names = `INITIAL_CONTACT SET_WINDOW_SIZE ADDITIONAL_TS_POSSIBLE IPCOMP_SUPPORTED NAT_DETECTION_SOURCE_IP
      NAT_DETECTION_DESTINATION_IP COOKIE USE_TRANSPORT_MODE HTTP_CERT_LOOKUP_SUPPORTED REKEY_SA
      ESP_TFC_PADDING_NOT_SUPPORTED NON_FIRST_FRAGMENTS_ALSO MOBIKE_SUPPORTED ADDITIONAL_IP4_ADDRESS
      ADDITIONAL_IP6_ADDRESS NO_ADDITIONAL_ADDRESSES UPDATE_SA_ADDRESSES COOKIE2 NO_NATS_ALLOWED AUTH_LIFETIME
      MULTIPLE_AUTH_SUPPORTED ANOTHER_AUTH_FOLLOWS REDIRECT_SUPPORTED REDIRECT REDIRECTED_FROM TICKET_LT_OPAQUE
      TICKET_REQUEST TICKET_ACK TICKET_NACK TICKET_OPAQUE LINK_ID USE_WESP_MODE ROHC_SUPPORTED EAP_ONLY_AUTHENTICATION
      CHILDLESS_IKEV2_SUPPORTED QUICK_CRASH_DETECTION IKEV2_MESSAGE_ID_SYNC_SUPPORTED
      IPSEC_REPLAY_COUNTER_SYNC_SUPPORTED IKEV2_MESSAGE_ID_SYNC IPSEC_REPLAY_COUNTER_SYNC SECURE_PASSWORD_METHODS
      PSK_PERSIST PSK_CONFIRM ERX_SUPPORTED IFOM_CAPABILITY GROUP_SENDER IKEV2_FRAGMENTATION_SUPPORTED
      SIGNATURE_HASH_ALGORITHMS CLONE_IKE_SA_SUPPORTED CLONE_IKE_SA PUZZLE USE_PPK PPK_IDENTITY NO_PPK_AUTH
      INTERMEDIATE_EXCHANGE_SUPPORTED IP4_ALLOWED IP6_ALLOWED ADDITIONAL_KEY_EXCHANGE USE_AGGFRAG
      SUPPORTED_AUTH_METHODS SA_RESOURCE_INFO USE_PPK_INT PPK_IDENTITY_KEY`;
    const status = Object.entries(notify.notifyType).filter(([, type]) => !isErrorNotify(type));
    expect(Object.fromEntries(status)).toEqual(numbered(16384, names));
  });

  test("configuration types and the attributes of RFC 7296", () => {
    expect(configuration.cpType).toEqual(numbered(1, "CFG_REQUEST CFG_REPLY CFG_SET CFG_ACK"));
    const names = `INTERNAL_IP4_ADDRESS INTERNAL_IP4_NETMASK INTERNAL_IP4_DNS INTERNAL_IP4_NBNS - INTERNAL_IP4_DHCP
      APPLICATION_VERSION INTERNAL_IP6_ADDRESS - INTERNAL_IP6_DNS - INTERNAL_IP6_DHCP INTERNAL_IP4_SUBNET
      SUPPORTED_ATTRIBUTES INTERNAL_IP6_SUBNET`;
    expect(configuration.cpAttribute).toMatchObject(numbered(1, names));
  });

  test("identification, authentication and certificates (RFC 7296 3.5, 3.6, 3.8; 4754, 7427, 7619, 7670)", () => {
    expect(identity.idType).toMatchObject({ ID_IPV4_ADDR: 1, ID_FQDN: 2, ID_RFC822_ADDR: 3, ID_IPV6_ADDR: 5 });
    expect(identity.idType).toMatchObject({ ID_DER_ASN1_DN: 9, ID_DER_ASN1_GN: 10, ID_KEY_ID: 11, ID_NULL: 13 });
    const methods = `RSA_DIGITAL_SIGNATURE SHARED_KEY_MESSAGE_INTEGRITY_CODE DSS_DIGITAL_SIGNATURE - - - - -
      ECDSA_SHA256_P256 ECDSA_SHA384_P384 ECDSA_SHA512_P521 GENERIC_SECURE_PASSWORD NULL_AUTHENTICATION DIGITAL_SIGNATURE`;
    expect(identity.authMethod).toEqual(numbered(1, methods));
    const encodings = `PKCS7_WRAPPED_X509_CERTIFICATE PGP_CERTIFICATE DNS_SIGNED_KEY X509_CERTIFICATE_SIGNATURE -
      KERBEROS_TOKEN CERTIFICATE_REVOCATION_LIST AUTHORITY_REVOCATION_LIST SPKI_CERTIFICATE X509_CERTIFICATE_ATTRIBUTE
      RAW_RSA_KEY HASH_AND_URL_X509_CERTIFICATE HASH_AND_URL_X509_BUNDLE OCSP_CONTENT RAW_PUBLIC_KEY`;
    expect(identity.certEncoding).toEqual(numbered(1, encodings));
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
