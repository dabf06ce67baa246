/** Chat formats of other models, given as Jinja templates. @module */

import type {
  Conversation,
  Message,
  RenderedConversation,
  Tokenizer,
} from "../../tokenizer/mod.ts";
import type { ChatFormat } from "./format.ts";
import { type TemplateInput, TemplateRenderer } from "./template_renderer.ts";

/** Options for {@linkcode TemplateFormat}. */
export interface TemplateFormatOptions {
  /** The template, in the language of Jinja: `chat_template` of Hugging Face's files. */
  readonly template: string;
  /** Encodes what it renders. */
  readonly tokenizer: Tokenizer;
  /** Names of the special tokens that end an answer. @default {those of `tokenizer.ends`} */
  readonly ends?: readonly string[];
  /** The value of `bos_token` in templates. @default {the token that starts documents, or ""} */
  readonly bosToken?: string;
  /** The value of `eos_token` in templates. @default {the first of `ends`} */
  readonly eosToken?: string;
}

/**
 * A chat format given as a template. Names of special tokens that the template writes become these
 * tokens; inside messages they stay plain text.
 *
 * A template is untrusted code: it runs in a thread of its own, for at most 2 s. The thread keeps
 * the process alive until the format is disposed of.
 *
 * @example
 * ```ts
 * import { Tokenizer } from "../../tokenizer/mod.ts";
 * import { TemplateFormat } from "./template_format.ts";
 *
 * const specialTokens = ["<|im_start|>", "<|im_end|>"];
 * const tokenizer = await Tokenizer.train([], { vocabSize: 258, specialTokens });
 * using format = new TemplateFormat({
 *   tokenizer,
 *   template: "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>{% endfor %}" +
 *     "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}",
 * });
 * const ids = await format.renderPrompt([{ role: "user", content: "hi" }]);
 * const text = "<|im_start|>user\nhi<|im_end|><|im_start|>assistant\n";
 * if (tokenizer.decode(ids) !== text) throw new Error(tokenizer.decode(ids));
 * ```
 */
export class TemplateFormat implements ChatFormat, Disposable {
  readonly ends: readonly number[];
  readonly #tokenizer: Tokenizer;
  readonly #renderer: TemplateRenderer;
  readonly #variables: Pick<TemplateInput, "bos_token" | "eos_token">;
  /** Matches the name of any special token, or of one that ends an answer. */
  readonly #anyName: RegExp;
  readonly #endName: RegExp;

  /**
   * Creates the format; the template is parsed when it first renders.
   *
   * @throws {RangeError} If there is no token that ends an answer.
   */
  constructor({ template, tokenizer, ...options }: TemplateFormatOptions) {
    const { ends = endsOf(tokenizer), bosToken = startOf(tokenizer), eosToken } = options;
    if (ends.length === 0) {
      throw new RangeError(
        "Cannot use a chat template: wanted a token that ends answers, got none",
      );
    }
    this.ends = ends.map((name) => {
      const id = tokenizer.specialTokens.get(name);
      if (id !== undefined) return id;
      throw new RangeError(
        `Cannot use a chat template: wanted a special token that ends answers, got "${name}"`,
      );
    });
    this.#tokenizer = tokenizer;
    this.#renderer = new TemplateRenderer(template);
    this.#variables = { bos_token: bosToken, eos_token: eosToken ?? ends[0]! };
    this.#anyName = anyOf([...tokenizer.specialTokens.keys()]);
    this.#endName = anyOf(ends);
  }

  async renderPrompt(messages: readonly Message[]): Promise<number[]> {
    const mark = unusedMark(messages);
    const last = messages.at(-1);
    const continues = last?.role === "assistant";
    const [text] = await this.#render([{ messages, isPrompt: !continues }], mark);
    if (!continues) return this.#encode(text!, mark);
    // Templates may trim messages, and add text after them.
    const begun = this.#marked(contentOf(last), mark).trim();
    const start = text!.lastIndexOf(begun);
    if (start === -1) {
      throw new RangeError(
        "Cannot continue the answer: wanted its beginning as it is, got another text from the chat " +
          "template",
      );
    }
    return this.#encode(text!.slice(0, start + begun.length), mark);
  }

  async renderConversation({ messages }: Conversation): Promise<RenderedConversation> {
    const mark = unusedMark(messages);
    const answers = messages.flatMap(({ role }, i) => role === "assistant" ? [i] : []);
    const [text, ...prompts] = await this.#render([
      { messages, isPrompt: false },
      ...answers.map((i) => ({ messages: messages.slice(0, i), isPrompt: true })),
    ], mark);
    const whole = text!;
    const rendered: RenderedConversation = { ids: [], mask: [] };
    let position = 0;
    const appendTo = (end: number, mask: 0 | 1): void => {
      for (const id of this.#encode(whole.slice(position, end), mark)) {
        rendered.ids.push(id);
        rendered.mask.push(mask);
      }
      position = end;
    };
    for (const [i, prompt] of prompts.entries()) {
      if (!whole.startsWith(prompt) || prompt.length < position) {
        throw new RangeError(
          `Cannot learn from the conversation: wanted it to begin with the prompt of answer ${i}, ` +
            "got another text from the chat template",
        );
      }
      appendTo(prompt.length, 0);
      const end = matchesOf(this.#endName, whole, mark).find(({ start }) => start >= position)?.end;
      if (end === undefined) {
        throw new RangeError(
          `Cannot learn from the conversation: wanted a token that ends answer ${i}, got none from ` +
            "the chat template",
        );
      }
      appendTo(end, 1);
    }
    appendTo(whole.length, 0);
    return rendered;
  }

  /** Ends the thread of the template. */
  [Symbol.dispose](): void {
    this.#renderer[Symbol.dispose]();
  }

  /** A message in which a mark follows the first character of each name of a special token. */
  #marked(content: string, mark: string): string {
    return content.replace(this.#anyName, (name) => `${name[0]}${mark}${name.slice(1)}`);
  }

  /**
   * Renders each input; names of special tokens inside messages get a mark after their first
   * character.
   */
  #render(
    prompts: readonly { readonly messages: readonly Message[]; readonly isPrompt: boolean }[],
    mark: string,
  ): Promise<readonly string[]> {
    return this.#renderer.render(prompts.map(({ messages, isPrompt }) => ({
      messages: messages.map((message) => ({
        role: message.role,
        content: this.#marked(contentOf(message), mark),
      })),
      add_generation_prompt: isPrompt,
      ...this.#variables,
    })));
  }

  /** The tokens of a text that was rendered. */
  #encode(text: string, mark: string): number[] {
    const ids: number[] = [];
    const appendText = (start: number, end: number): void => {
      // Not spread, as a text may be longer than a call has arguments.
      for (const id of this.#tokenizer.encode(text.slice(start, end).replaceAll(mark, ""))) {
        ids.push(id);
      }
    };
    let position = 0;
    for (const { start, end } of matchesOf(this.#anyName, text, mark)) {
      appendText(position, start);
      ids.push(this.#tokenizer.specialTokens.get(text.slice(start, end))!);
      position = end;
    }
    appendText(position, text.length);
    return ids;
  }
}

/** Names of the special tokens that end a turn. */
function endsOf({ ends, specialTokens }: Tokenizer): string[] {
  const names = new Map(Array.from(specialTokens, ([name, id]) => [id, name]));
  return ends.map((id) => names.get(id)).filter((name) => name !== undefined);
}

function startOf(tokenizer: Tokenizer): string {
  const { documentStart } = tokenizer;
  return documentStart === null ? "" : tokenizer.decode([documentStart]);
}

/** Matches any of the names; the longest, if several match. */
function anyOf(names: readonly string[]): RegExp {
  const longestFirst = [...names].sort((a, b) => b.length - a.length);
  return new RegExp(longestFirst.map((name) => RegExp.escape(name)).join("|") || "$^", "g");
}

/**
 * Finds the names that the template itself wrote: those in messages have a mark inside or after
 * them.
 */
function matchesOf(
  names: RegExp,
  text: string,
  mark: string,
): { readonly start: number; readonly end: number }[] {
  return Array.from(text.matchAll(names), ({ index, 0: name }) => ({
    start: index,
    end: index + name.length,
  })).filter(({ end }) => text[end] !== mark);
}

/** One of Unicode's 32 noncharacters that does not occur in the messages. */
function unusedMark(messages: readonly Message[]): string {
  const text = messages.map(contentOf).join("");
  for (let code = 0xfdd0; code < 0xfdf0; code++) {
    const mark = String.fromCharCode(code);
    if (!text.includes(mark)) return mark;
  }
  throw new RangeError("Cannot render the conversation: wanted text, got all of the noncharacters");
}

function contentOf({ role, content }: Message): string {
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) {
    throw new TypeError(
      `Cannot render the conversation: wanted text from the ${role}, got ${typeof content}`,
    );
  }
  return content.map(({ type, text }) => {
    if (type === "text" && typeof text === "string") return text;
    throw new RangeError(
      `Cannot render the conversation: wanted text, as chat templates have no tool calls, got a part ` +
        `of type ${type}`,
    );
  }).join("");
}
