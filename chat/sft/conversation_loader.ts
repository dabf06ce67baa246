/**
 * Packs whole conversations into rows, for fine-tuning.
 *
 * @module
 */

import { BestFit } from "../../data/best_fit.ts";
import { type Batch, type BatchOptions, checkCount, checkState } from "../../data/loader.ts";
import { permutation } from "../../data/shuffle.ts";
import type { Tokenizer } from "../../tokenizer/mod.ts";
import { type ChatFormat, nanochatFormat } from "../format/format.ts";
import type { Task } from "../tasks/task.ts";

/** Options for {@linkcode ConversationLoader}. */
export interface ConversationLoaderOptions extends BatchOptions {
  /** The conversations, each seen once in every epoch. */
  readonly task: Task;
  /** The tokenizer. */
  readonly tokenizer: Tokenizer;
  /** How conversations become tokens. @default {nanochatFormat(tokenizer)} */
  readonly format?: ChatFormat | undefined;
  /** Shuffles every epoch differently; without a seed, the order is that of the task. */
  readonly seed?: number;
  /** Number of candidate conversations for each choice. @default {100} (as nanochat) */
  readonly bufferSize?: number;
  /** A state to resume from, of a loader with the same options. */
  readonly state?: ConversationLoaderState;
}

/** Resumable state of a loader: JSON-serializable. */
export interface ConversationLoaderState {
  /** The task's name and length, which must match the options, as must the next three. */
  readonly task: string;
  /** Tokens per row. */
  readonly sequenceLength: number;
  /** The seed; `null` for the order of the task. */
  readonly seed: number | null;
  /** Number of candidate conversations. */
  readonly bufferSize: number;
  /** The epoch, from 0, whose conversations are buffered. */
  readonly epoch: number;
  /** Conversations of the epoch that have been read. */
  readonly read: number;
  /** Places in the epoch's order of the buffered conversations, in the order of their arrival. */
  readonly waiting: readonly number[];
  /** Conversations so far that were put into rows, cut, and left out. */
  readonly placed: number;
  /** Conversations so far that lost their end, as it did not fit into a row. */
  readonly cut: number;
  /** Conversations so far without an answer that fits into a row. */
  readonly leftOut: number;
}

/** A rendered conversation that waits for a row. */
interface Waiting {
  /** The place in the order of the epoch. */
  readonly place: number;
  readonly ids: readonly number[];
  readonly mask: readonly number[];
  readonly length: number;
  /** Whether it lost its end. */
  readonly isCut: boolean;
}

/**
 * Best-fit packing of conversations. A row repeatedly takes the longest buffered conversation that
 * fits (if several are equally long, the one that has waited longest); when none fits, the rest is
 * filled with `<|bos|>`. Only what the assistant learns to say is a target; all other targets are
 * −1. The loader never ends.
 *
 * Differences from nanochat's `chat_sft.py`: every conversation is seen once in every epoch, since
 * the buffer is not filled beyond the epoch's end (nanochat sees 61 of 100 conversations); and one
 * that is longer than a row is cut if an answer remains, and left out otherwise (in nanochat it
 * stays in the buffer forever).
 *
 * @example
 * ```ts
 * import { Tokenizer } from "../../tokenizer/mod.ts";
 * import { listTask } from "../tasks/task.ts";
 * import { ConversationLoader } from "./conversation_loader.ts";
 *
 * const tokenizer = await Tokenizer.train([], { vocabSize: 265 });
 * const task = listTask("greetings", [{
 *   messages: [{ role: "user", content: "hi" }, { role: "assistant", content: "yo" }],
 * }]);
 * const loader = new ConversationLoader({ task, tokenizer, batchSize: 1, sequenceLength: 10 });
 * const { targets } = await loader.take();
 * const learned = targets.filter((id) => id >= 0);
 * if (tokenizer.decode([...learned]) !== "yo<|assistant_end|>") throw new Error(`got ${targets}`);
 * ```
 */
export class ConversationLoader {
  readonly #options: ConversationLoaderOptions;
  readonly #settings: Pick<
    ConversationLoaderState,
    "task" | "sequenceLength" | "seed" | "bufferSize"
  >;
  readonly #waiting = new BestFit<Waiting>();
  /** Places of conversations that waited in the state, which are rendered with the first batch. */
  #restored: readonly number[] = [];
  readonly #format: ChatFormat;
  /** The token that fills the rest of a row; any would do. */
  readonly #padding: number;
  #order: ArrayLike<number> | null = null;
  #epoch = 0;
  #read = 0;
  #placed = 0;
  #cut = 0;
  #leftOut = 0;

  /**
   * Opens a loader.
   *
   * @throws {RangeError} If the task has no conversations, an option is out of range, or the tokenizer
   * lacks a special token.
   * @throws {Error} If the state belongs to other options.
   */
  constructor(options: ConversationLoaderOptions) {
    const { task, seed = null, bufferSize = 100, batchSize, sequenceLength, state } = options;
    for (const [name, value] of Object.entries({ bufferSize, batchSize, sequenceLength })) {
      if (Number.isSafeInteger(value) && value >= 1) continue;
      throw new RangeError(`Cannot pack conversations: wanted ${name} from 1, got ${value}`);
    }
    if (task.length === 0) {
      throw new RangeError(`Cannot pack conversations: wanted some in ${task.name}, got none`);
    }
    // Checked here and not at the first conversation: by then a run may have archived an earlier
    // one.
    this.#format = options.format ?? nanochatFormat(options.tokenizer);
    this.#padding = options.tokenizer.documentStart ?? this.#format.ends[0]!;
    this.#options = options;
    this.#settings = { task: `${task.name} (${task.length})`, sequenceLength, seed, bufferSize };
    if (state !== undefined) this.#restore(state);
  }

  /** Conversations used so far, including those left out. */
  get consumed(): number {
    return this.#placed + this.#leftOut;
  }

  /** The epoch of the next conversation, from 0. */
  get epoch(): number {
    return Math.floor(this.consumed / this.#options.task.length);
  }

  /** Conversations that lost their end so far, as it did not fit into a row. */
  get cut(): number {
    return this.#cut;
  }

  /** Conversations read so far and left out, as no answer fitted into a row. */
  get leftOut(): number {
    return this.#leftOut;
  }

  /**
   * The next batch.
   *
   * @throws {RangeError} If no conversation of an epoch has an answer that fits into a row, or the format has
   * no place for one.
   */
  async take(): Promise<Batch<ConversationLoaderState>> {
    const { batchSize, sequenceLength } = this.#options;
    const inputs = new Int32Array(batchSize * sequenceLength);
    const targets = new Int32Array(batchSize * sequenceLength);
    for (let row = 0; row < batchSize; row++) {
      const { ids, mask } = await this.#row();
      for (let i = 0; i < sequenceLength; i++) {
        const at = row * sequenceLength + i;
        inputs[at] = ids[i] ?? this.#padding;
        targets[at] = mask[i + 1] === 1 ? ids[i + 1]! : -1;
      }
    }
    return { inputs, targets, shape: [batchSize, sequenceLength], state: this.state() };
  }

  /** Where the loader is, after the last batch. */
  state(): ConversationLoaderState {
    return {
      ...this.#settings,
      epoch: this.#epoch,
      read: this.#read,
      waiting: [...this.#restored, ...Array.from(this.#waiting.items(), ({ place }) => place)],
      placed: this.#placed,
      cut: this.#cut,
      leftOut: this.#leftOut,
    };
  }

  /** The conversations of one row, one after the other: at most `sequenceLength` + 1 tokens. */
  async #row(): Promise<{ ids: number[]; mask: number[] }> {
    const ids: number[] = [];
    const mask: number[] = [];
    await this.fill();
    while (true) {
      const next = this.#waiting.takeLongest(this.#options.sequenceLength + 1 - ids.length);
      if (next === undefined) return { ids, mask };
      ids.push(...next.ids);
      mask.push(...next.mask);
      this.#placed++;
      if (next.isCut) this.#cut++;
      await this.fill();
    }
  }

  /**
   * Fills the buffer with conversations of this epoch; of the next one only once it is empty. Batches
   * do so by themselves.
   *
   * @throws {RangeError} If no conversation of an epoch has an answer that fits into a row.
   */
  async fill(): Promise<void> {
    const { task } = this.#options;
    const { bufferSize } = this.#settings;
    for (const place of this.#restored) {
      const conversation = await this.#render(place);
      if (conversation !== null) this.#waiting.add(conversation);
    }
    this.#restored = [];
    while (this.#waiting.size < bufferSize) {
      if (this.#read === task.length) {
        if (this.#waiting.size > 0) return;
        if (this.#leftOut > 0 && this.#placed === 0) {
          throw new RangeError(
            `Cannot pack conversations: wanted one whose answer fits into ${
              this.#options.sequenceLength + 1
            } tokens, got none of ${task.length}`,
          );
        }
        this.#epoch++;
        this.#read = 0;
        this.#order = null;
      }
      const conversation = await this.#render(this.#read++);
      if (conversation === null) this.#leftOut++;
      else this.#waiting.add(conversation);
    }
  }

  /** The conversation at a place of the epoch's order, cut to a row; `null` without an answer. */
  async #render(place: number): Promise<Waiting | null> {
    const { task, seed, sequenceLength } = this.#options;
    this.#order ??= seed === undefined
      ? Array.from({ length: task.length }, (_, i) => i)
      : permutation(task.length, seed, this.#epoch);
    const index = this.#order[place]!;
    const capacity = sequenceLength + 1;
    const rendered = await this.#format.renderConversation(task.get(index));
    const mask = rendered.mask.slice(0, capacity);
    if (!mask.includes(1)) return null;
    const ids = rendered.ids.slice(0, capacity);
    return { place, ids, mask, length: ids.length, isCut: rendered.ids.length > capacity };
  }

  #restore(state: ConversationLoaderState): void {
    checkState(state, { ...this.#settings });
    const { epoch, read, waiting, placed, cut, leftOut } = state;
    for (const [name, value] of Object.entries({ epoch, read, placed, cut, leftOut })) {
      checkCount(name, value);
    }
    this.#epoch = epoch;
    for (const place of waiting) checkCount("waiting", place);
    this.#restored = waiting;
    this.#read = read;
    this.#placed = placed;
    this.#cut = cut;
    this.#leftOut = leftOut;
  }
}
