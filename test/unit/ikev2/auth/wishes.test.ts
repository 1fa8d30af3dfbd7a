import { expect, it } from "vitest";
import { addWishes, noWishes } from "../../../../src/ikev2/auth/wishes.ts";
import { certEncoding } from "../../../../src/wire/ikev2/registry/identity.ts";

it("of the authorities that a stranger names, some are kept, and never more", () => {
  const encoding = certEncoding.X509_CERTIFICATE_SIGNATURE;
  const request = (first: number) => {
    const data = Buffer.alloc(20 * 3_000);
    for (let index = 0; index < 3_000; index++) data.writeUInt32BE(first + index, 20 * index);
    return { kind: "CERTREQ", encoding, data } as const;
  };
  const once = addWishes(noWishes, [request(0)]);
  expect(once.authorities.size).toBe(256);
  expect(addWishes(once, [request(3_000), request(6_000)]).authorities).toEqual(once.authorities);
});
