/** Metrics of a server, in Prometheus' text format. @module */

import type { Batcher } from "../batch/batcher.ts";

/** Counts requests and times them. */
export class Metrics {
  readonly #responses = new Map<string, number>();
  readonly #batcher: Batcher;
  #firstTokens = { count: 0, seconds: 0 };
  #requests = { count: 0, seconds: 0 };
  #open = 0;

  /** @param batcher The batcher whose counts are reported as well. */
  constructor(batcher: Batcher) {
    this.#batcher = batcher;
  }

  /** Requests that are being answered. */
  get open(): number {
    return this.#open;
  }

  /** Counts a request as begun; the returned function counts it as ended. */
  begin(): () => void {
    const start = performance.now();
    let isOpen = true;
    this.#open++;
    return () => {
      if (!isOpen) return;
      isOpen = false;
      this.#open--;
      this.#requests.count++;
      this.#requests.seconds += (performance.now() - start) / 1000;
    };
  }

  /** Counts a response. */
  respond(path: string, status: number): void {
    const key = `path="${path}",status="${status}"`;
    this.#responses.set(key, (this.#responses.get(key) ?? 0) + 1);
  }

  /** Counts a first token. */
  firstToken(milliseconds: number): void {
    this.#firstTokens.count++;
    this.#firstTokens.seconds += milliseconds / 1000;
  }

  /** The text that `/metrics` answers with. */
  toText(): string {
    const { running, waiting, statistics } = this.#batcher;
    const lines = ["# TYPE nanodino_responses_total counter"];
    for (const [labels, count] of this.#responses) {
      lines.push(`nanodino_responses_total{${labels}} ${count}`);
    }
    const add = (name: string, type: "counter" | "gauge", value: number) =>
      lines.push(`# TYPE nanodino_${name} ${type}`, `nanodino_${name} ${value}`);
    add("requests_open", "gauge", this.#open);
    add("sequences_running", "gauge", running);
    add("requests_waiting", "gauge", waiting);
    add("prompt_tokens_total", "counter", statistics.promptTokens);
    add("cached_tokens_total", "counter", statistics.cachedTokens);
    add("generated_tokens_total", "counter", statistics.generatedTokens);
    add("decoding_steps_total", "counter", statistics.steps);
    add("requests_cancelled_total", "counter", statistics.cancelled);
    for (
      const [name, { count, seconds }] of [
        ["request_seconds", this.#requests],
        ["first_token_seconds", this.#firstTokens],
      ] as const
    ) {
      lines.push(`# TYPE nanodino_${name} summary`);
      lines.push(`nanodino_${name}_sum ${seconds}`, `nanodino_${name}_count ${count}`);
    }
    add("memory_resident_bytes", "gauge", Deno.memoryUsage().rss);
    return `${lines.join("\n")}\n`;
  }
}
