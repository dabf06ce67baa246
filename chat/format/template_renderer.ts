/** Renders chat templates, which are untrusted code, in a thread with a time limit. @module */

/** Maximum milliseconds that a template may take. */
const TIMEOUT = 2000;

/** The variables of a template. */
export interface TemplateInput {
  readonly messages: readonly { readonly role: string; readonly content: string }[];
  /** Whether the text ends with the beginning of an answer. */
  readonly add_generation_prompt: boolean;
  readonly bos_token: string;
  readonly eos_token: string;
}

/** A message to the worker. */
export interface TemplateRequest {
  readonly template: string;
  readonly inputs: readonly TemplateInput[];
}

/** An answer of the worker. */
export type TemplateAnswer =
  | { readonly kind: "ready" }
  | { readonly kind: "rendered"; readonly texts: readonly string[] }
  | { readonly kind: "failed"; readonly reason: string };

/** Renders a template. Its thread keeps the process alive until this is disposed of. */
export class TemplateRenderer implements Disposable {
  readonly #template: string;
  #worker: Worker | null = null;
  #last: Promise<unknown> = Promise.resolve();

  /** @param template In the language of Jinja. */
  constructor(template: string) {
    this.#template = template;
  }

  /**
   * Renders the template with each of the inputs.
   *
   * @throws {RangeError} If the template refuses one, is wrong itself, or takes more than 2 s for all of
   * them.
   */
  render(inputs: readonly TemplateInput[]): Promise<readonly string[]> {
    // One after the other, so that waiting does not count against the time limit.
    const texts = this.#last.then(() => this.#renderNow(inputs));
    this.#last = texts.catch(() => {});
    return texts;
  }

  /** Ends the thread. */
  [Symbol.dispose](): void {
    this.#worker?.terminate();
    this.#worker = null;
  }

  async #renderNow(inputs: readonly TemplateInput[]): Promise<readonly string[]> {
    try {
      const worker = this.#worker ?? await this.#startWorker();
      const request: TemplateRequest = { template: this.#template, inputs };
      worker.postMessage(request);
      const answer = await nextAnswer(worker, TIMEOUT);
      if (answer.kind === "rendered") return answer.texts;
      throw new TemplateError(answer.kind === "failed" ? answer.reason : "none");
    } catch (cause) {
      if (!(cause instanceof TemplateError)) this[Symbol.dispose]();
      const reason = cause instanceof Error ? cause.message : `${cause}`;
      throw new RangeError(
        `Cannot render the conversation: wanted a text from the chat template, got ${reason}`,
        { cause },
      );
    }
  }

  async #startWorker(): Promise<Worker> {
    this.#worker = new Worker(new URL("./template_worker.ts", import.meta.url), { type: "module" });
    await nextAnswer(this.#worker);
    return this.#worker;
  }
}

/** An error that the template raised; its thread can continue. */
class TemplateError extends Error {}

function nextAnswer(worker: Worker, timeout?: number): Promise<TemplateAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<TemplateAnswer>();
  const timer = timeout === undefined
    ? undefined
    : setTimeout(() => reject(new Error(`none within ${timeout / 1000} s`)), timeout);
  worker.onmessage = ({ data }) => resolve(data);
  worker.onerror = (event) => {
    event.preventDefault();
    reject(new Error(event.message));
  };
  return promise.finally(() => clearTimeout(timer));
}
