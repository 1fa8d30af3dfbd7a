/** Asks for what is not known about the certificates of a path that holds already, and judges again. */
import type { Certificate } from "../../credentials/certificate.ts";
import { sameName } from "../../credentials/name.ts";
import type { Path } from "../../credentials/path/candidates.ts";
import type { RevocationPolicy } from "../../credentials/peer-trust.ts";
import {
  judgeRevocation,
  type RevocationEvidence,
  type RevocationSource,
  revocationSources,
  revocationStatus,
} from "../../credentials/revocation/judge.ts";
import { type OcspAnswer, ocspRequest, readOcspAnswer } from "../../credentials/revocation/ocsp.ts";
import {
  type ListFault,
  longestList,
  RevocationList,
  readingRevocationList,
} from "../../credentials/revocation/revocation-list.ts";
import { constantTimeEqual, randomBytes } from "../../crypto/secret.ts";
import type { CertificateFinding } from "../../negotiate/reason.ts";
import type { Fetcher } from "./fetch.ts";
import type { ListFiles } from "./list-files.ts";

export interface CheckerOptions {
  readonly fetch: Fetcher;
  readonly files: ListFiles;
  /** ms since 1970. */
  now(): number;
  /** What went wrong with a source, once for each failure. */
  failed(sentence: string): void;
}

/** How long a source that failed, or helped nobody, is left alone, so that peers do not wait for it one after the other. */
const pause = 60_000;
/** After that a list is fetched anew, behind the backs of those who ask, although it holds on. */
const refreshAfter = 3_600_000;
/** From disk, from the network, and the changes since. */
const listSteps = 3;
const answerLimit = 1 << 18;
const mostLists = 64;
/** Of all lists together; in memory they take about six times as much. */
const mostListOctets = 4 * longestList;
const mostAnswers = 4096;
const nonceLength = 32;
/** Of an answer that goes into an IKE message of ours. */
const longestSent = 1 << 13;

/** One for the whole process: what one peer's certificate brought about is known for the next. */
export class RevocationChecker {
  readonly #options: CheckerOptions;
  readonly #lists = new Map<string, { readonly list: RevocationList; readonly at: number }>();
  readonly #answers = new Map<string, OcspAnswer>();
  readonly #running = new Map<string, Promise<void>>();
  /** When each source was asked last. */
  readonly #asked = new Map<string, number>();

  constructor(options: CheckerOptions) {
    this.#options = options;
  }

  /**
   * Why the policy does not take the path, which was validated before: nothing is fetched for one that nobody trusts
   * (CVE-2022-40617). `inBand`: answers that the peer sent itself (RFC 4806). Never rejects.
   */
  async check(
    path: Path,
    policy: RevocationPolicy,
    inBand: readonly Uint8Array[],
  ): Promise<CertificateFinding | undefined> {
    if (policy === "off" || path.length < 2) return undefined;
    const sent = inBand.map(readOcspAnswer).flatMap((read) => ("fault" in read ? [] : [read]));
    const evidence = (): RevocationEvidence => ({
      lists: [...this.#lists.values()].map(({ list }) => list),
      answers: [...sent, ...this.#answers.values()],
    });
    await this.#verifyLists(path);
    await this.#learn(revocationSources(path, evidence(), this.#options.now(), "answer"));
    // What was kept may not help, and what is fetched then may say where its changes are.
    for (let step = 0; step < listSteps; step += 1) {
      await this.#learn(revocationSources(path, evidence(), this.#options.now(), "list"));
      await this.#verifyLists(path);
    }
    this.#refresh();
    return judgeRevocation(path, policy, evidence(), this.#options.now());
  }

  /** What a responder says about a certificate of ours, for peers that ask for it (RFC 4806): that it is good. Never rejects. */
  async answerAbout(certificate: Certificate, issuer: Certificate): Promise<Uint8Array | undefined> {
    const answers = (): readonly OcspAnswer[] => [...this.#answers.values()];
    const evidence = { lists: [], answers: answers() };
    await this.#learn(revocationSources([certificate, issuer], evidence, this.#options.now(), "answer"));
    const clears = (answer: OcspAnswer): boolean =>
      answer.der.length <= longestSent &&
      revocationStatus(certificate, issuer, { lists: [], answers: [answer] }, this.#options.now()).kind === "good";
    return answers().find(clears)?.der;
  }

  /** Those of the path's authorities, before anybody asks whether one holds: a long one takes tens of milliseconds. */
  async #verifyLists(path: Path): Promise<void> {
    const begun = () =>
      [...this.#lists.values()].flatMap(({ list }) =>
        path.slice(1).flatMap((issuer) => {
          const verified = sameName(list.issuer, issuer.subject) ? list.verifyElsewhere(issuer) : undefined;
          return verified === undefined ? [] : [verified];
        }),
      );
    // Others may have fetched one meanwhile.
    for (let verified = begun(); verified.length > 0; verified = begun()) await Promise.all(verified);
  }

  async #learn(sources: readonly RevocationSource[]): Promise<void> {
    await Promise.all(sources.map((source) => this.#ask(source)));
  }

  /** Asks each source once at a time, whoever wants to know. */
  #ask(source: RevocationSource): Promise<void> {
    const key = source.kind === "list" ? source.url : `${source.url} ${source.certificate.fingerprint}`;
    const running = this.#running.get(key);
    if (running !== undefined) return running;
    if (this.#isPaused(key)) return Promise.resolve();
    const started = this.#start(key, () =>
      source.kind === "list" ? this.#fetchList(source.url) : this.#fetchAnswer(key, source),
    );
    this.#running.set(key, started);
    return started;
  }

  async #start(key: string, fetch: () => Promise<string | undefined>): Promise<void> {
    const wrong = await fetch();
    this.#running.delete(key);
    if (wrong !== undefined) this.#options.failed(wrong);
  }

  #pause(key: string): void {
    bound(this.#asked, mostAnswers);
    this.#asked.set(key, this.#options.now());
  }

  #isPaused(key: string): boolean {
    const asked = this.#asked.get(key);
    return asked !== undefined && this.#options.now() < asked + pause;
  }

  async #fetchList(url: string): Promise<string | undefined> {
    const kept = this.#lists.has(url) ? undefined : await this.#options.files.read(url);
    if (kept !== undefined && (await this.#keepList(url, kept)) === undefined) return undefined;
    const fetched = await this.#options.fetch({ url, limit: longestList });
    this.#pause(url);
    if ("wrong" in fetched) return fetched.wrong;
    const wrong = await this.#keepList(url, fetched.octets);
    if (wrong === undefined) await this.#options.files.write(url, fetched.octets);
    return wrong;
  }

  /** Undefined where the list is one that is not past its time. */
  async #keepList(url: string, octets: Uint8Array): Promise<string | undefined> {
    const list = await readPatiently(octets);
    if (!(list instanceof RevocationList)) return `${url} is no list of revoked certificates: ${list.sentence}`;
    if (list.nextUpdate !== undefined && list.nextUpdate < this.#options.now())
      return `${url} is a list of revoked certificates that should have been replaced at ${new Date(list.nextUpdate).toISOString()}`;
    this.#lists.delete(url);
    bound(this.#lists, mostLists);
    this.#lists.set(url, { list, at: this.#options.now() });
    let kept = 0;
    for (const each of this.#lists.values()) kept += each.list.der.length;
    for (const [oldest, each] of this.#lists) {
      if (kept <= mostListOctets) break;
      this.#lists.delete(oldest);
      kept -= each.list.der.length;
    }
    return undefined;
  }

  async #fetchAnswer(key: string, { url, certificate, issuer }: RevocationSource): Promise<string | undefined> {
    const nonce = randomBytes(nonceLength);
    const body = ocspRequest(certificate, issuer, nonce);
    const fetched = await this.#options.fetch({ url, body, limit: answerLimit });
    this.#pause(key);
    if ("wrong" in fetched) return fetched.wrong;
    const answer = readOcspAnswer(fetched.octets);
    if ("fault" in answer) return `${url}: ${answer.sentence}`;
    // RFC 6960 4.4.1: another nonce is the answer to another question; many responders know none.
    if (answer.nonce !== undefined && !constantTimeEqual(answer.nonce, nonce))
      return `${url} answers with another nonce than it was asked with`;
    this.#answers.delete(key);
    bound(this.#answers, mostAnswers);
    this.#answers.set(key, answer);
    return undefined;
  }

  /** Nobody waits for it. */
  #refresh(): void {
    for (const [url, { at }] of this.#lists) {
      if (this.#options.now() < at + refreshAfter || this.#running.has(url) || this.#isPaused(url)) continue;
      this.#running.set(
        url,
        this.#start(url, () => this.#fetchList(url)),
      );
    }
  }
}

/** Reads a list while everybody else has their turn: a long one takes seconds. */
async function readPatiently(octets: Uint8Array): Promise<RevocationList | ListFault> {
  const steps = readingRevocationList(octets);
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Makes room for one more: the oldest goes. */
function bound<V>(map: Map<string, V>, most: number): void {
  const [oldest] = map.keys();
  if (map.size >= most && oldest !== undefined) map.delete(oldest);
}
