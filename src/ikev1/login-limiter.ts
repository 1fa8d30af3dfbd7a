/** How many passwords may be tried: a caller has proved no more than a secret that many may share. */

/** Wrong passwords within the time, after which none is looked at until it is over. */
const mostFailures = 5;

/** In milliseconds, from the first of them. */
const failureTime = 60_000;

/** Callers that are remembered, the oldest forgotten first. */
const mostRemembered = 4_096;

interface Failures {
  readonly since: number;
  count: number;
}

/** Counts wrong passwords by the caller's address and user, so that nobody can lock a user out from elsewhere. */
export class LoginLimiter {
  readonly #failures = new Map<string, Failures>();

  /** Whether a password of that user may be looked at. */
  mayTry(user: string, address: string, now: number): boolean {
    const known = this.#failures.get(keyOf(user, address));
    return known === undefined || now - known.since >= failureTime || known.count < mostFailures;
  }

  /** It was wrong. */
  failed(user: string, address: string, now: number): void {
    const key = keyOf(user, address);
    const known = this.#failures.get(key);
    if (known !== undefined && now - known.since < failureTime) {
      known.count += 1;
      return;
    }
    this.#failures.delete(key);
    this.#failures.set(key, { since: now, count: 1 });
    if (this.#failures.size <= mostRemembered) return;
    const [oldest] = this.#failures.keys();
    if (oldest !== undefined) this.#failures.delete(oldest);
  }

  /** It was right. */
  succeeded(user: string, address: string): void {
    this.#failures.delete(keyOf(user, address));
  }
}

function keyOf(user: string, address: string): string {
  return `${address} ${user}`;
}
