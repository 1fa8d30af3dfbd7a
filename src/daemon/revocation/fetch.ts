/** Fetches lists and answers over HTTP: bounded in time and octets, without following anybody elsewhere. */

export interface FetchRequest {
  readonly url: string;
  /** Sent with POST, as an OCSP request (RFC 6960 A.1). */
  readonly body?: Uint8Array;
  /** Octets that are read at most. */
  readonly limit: number;
}

/** What came, or why nothing did. Never rejects. */
export type Fetched = { readonly octets: Uint8Array } | { readonly wrong: string };

export type Fetcher = (request: FetchRequest) => Promise<Fetched>;

/** A peer waits meanwhile, and repeats its request for half a minute at most. */
const patience = 3000;

/** By node's own client. */
export const fetchOverHttp: Fetcher = async ({ url, body, limit }) => {
  try {
    const response = await fetch(url, {
      redirect: "error",
      signal: AbortSignal.timeout(patience),
      ...(body === undefined
        ? {}
        : { method: "POST", body: Buffer.from(body), headers: { "content-type": "application/ocsp-request" } }),
    });
    if (response.status !== 200) {
      await response.body?.cancel();
      return { wrong: `${url} answers ${response.status}` };
    }
    return await bounded(response, url, limit);
  } catch (error) {
    return { wrong: `${url}: ${sentenceOf(error)}` };
  }
};

async function bounded(response: Response, url: string, limit: number): Promise<Fetched> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of response.body ?? []) {
    length += chunk.length;
    if (length > limit) return { wrong: `${url} sends more than ${limit} octets` };
    chunks.push(chunk);
  }
  return { octets: Uint8Array.from(Buffer.concat(chunks)) };
}

/** `fetch failed` says nothing; its cause does. */
function sentenceOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause } = error;
  return cause instanceof Error ? cause.message || error.message : error.message;
}
