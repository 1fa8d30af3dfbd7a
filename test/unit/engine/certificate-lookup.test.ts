/** A peer that names where its certificate is to be had instead of sending it (RFC 7296 3.6). */
import { describe, expect, it } from "vitest";
import { hash } from "../../../src/crypto/hash.ts";
import { computeHere } from "../../../src/daemon/compute.ts";
import type { PayloadRewrite } from "../../../src/ikev2/host.ts";
import type { ComputeJob } from "../../../src/sa/compute.ts";
import { certEncoding } from "../../../src/wire/ikev2/registry/identity.ts";
import { notifyType } from "../../../src/wire/ikev2/registry/notify.ts";
import { host, root, signing, trusting } from "./certificates.ts";
import { a, b, ends, expectRest, facing, gre, type Pair } from "./pair.ts";

const [idA, idB] = [`gw-${a}`, `gw-${b}`];
const places = ["http://c.example/gateways/"];

/** `one` calls, and names a URL in the place of each certificate; what `two` is asked to look up, and whether it says that it does. */
function calling(options: { readonly places?: readonly string[]; readonly url?: string; readonly encoding?: number }): {
  readonly pair: Pair;
  readonly jobs: ComputeJob[];
  readonly announced: () => boolean;
} {
  const { url = "http://c.example/gateways/a.der", encoding = certEncoding.HASH_AND_URL_X509_CERTIFICATE } = options;
  const jobs: ComputeJob[] = [];
  let announced = false;
  const named: PayloadRewrite = (_exchange, _isResponse, payloads) =>
    payloads.map((one) => {
      if (one.kind !== "CERT") return one;
      return { ...one, encoding, data: Buffer.concat([hash("sha1", one.data), Buffer.from(url)]) };
    });
  const said: PayloadRewrite = (_exchange, _isResponse, payloads) => {
    announced ||= payloads.some((one) => one.kind === "N" && one.type === notifyType.HTTP_CERT_LOOKUP_SUPPORTED);
    return payloads;
  };
  const compute = (job: ComputeJob) => {
    jobs.push(job);
    if (job.kind !== "examine") return computeHere(job);
    const found = (job.proof.references ?? []).length > 0 ? [host(idA).der] : [];
    return computeHere({ ...job, proof: { ...job.proof, certificates: [...found, ...job.proof.certificates] } });
  };
  const pair = ends({ one: { rewrite: named }, two: { rewrite: said, compute } });
  const trust = trusting({ authorities: [root()] }, options.places === undefined ? {} : { places: options.places });
  pair.one.configure(facing(a, { auth: { local: [signing([host(idA)])], remote: [trusting()] } }));
  pair.two.configure(facing(b, { initiate: false, auth: { local: [signing([host(idB)])], remote: [trust] } }));
  pair.world.guarded.push(...gre(pair));
  pair.world.run(15_000);
  return { pair, jobs, announced: () => announced };
}

const examined = (jobs: readonly ComputeJob[]) => jobs.flatMap((job) => (job.kind === "examine" ? [job.proof] : []));

describe("hash and URL", () => {
  it("is looked up where the section allows it, and that is said", () => {
    const { pair, jobs, announced } = calling({ places });
    expectRest(pair);
    expect(announced()).toBe(true);
    expect(examined(jobs)[0]).toMatchObject({
      certificates: [],
      references: [
        {
          url: "http://c.example/gateways/a.der",
          hash: Uint8Array.from(hash("sha1", host(idA).der)),
          bundle: false,
          after: 0,
        },
      ],
    });
  });

  it("may be a bundle", () => {
    const { jobs } = calling({ places, encoding: certEncoding.HASH_AND_URL_X509_BUNDLE });
    expect(examined(jobs)[0]?.references).toMatchObject([{ bundle: true }]);
  });

  it("is refused without a computation where nothing is allowed", () => {
    const { pair, jobs, announced } = calling({});
    expect(announced()).toBe(false);
    expect(examined(jobs)).toEqual([]);
    expect(pair.two.peer().reason).toMatchObject({
      code: "certificate-unreadable",
      fault: expect.stringContaining("HASH_AND_URL"),
    });
  });

  it("is refused without a computation where it lies elsewhere", () => {
    const { pair, jobs } = calling({ places, url: "http://127.0.0.1/gateways/a.der" });
    expect(examined(jobs)).toEqual([]);
    expect(pair.two.peer().reason).toMatchObject({
      code: "certificate-unreadable",
      identity: idA,
      fault: "it is at http://127.0.0.1/gateways/a.der, which is none of certificate-urls: http://c.example/gateways/",
    });
  });
});
