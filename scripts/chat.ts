/** A chat in the terminal with the last fine-tuned model, which is trained if there is none. */

import process from "node:process";
import { createInterface, type Interface } from "node:readline/promises";
import { calculate, type ChatFormat, ChatSession, pythonTool } from "../chat/mod.ts";
import { FoldedText, latestRun } from "../chat/internals.ts";
import type { LanguageModel, Tool } from "../gpt/mod.ts";
import { naming } from "../gpt/files/files.ts";
import { basePath } from "../gpt/internals.ts";
import type { Tokenizer } from "../tokenizer/mod.ts";
import {
  CHAT_TAG,
  type ChatRecipe,
  chatRecipe,
  isChatModelBegun,
  makeChatModel,
} from "./chat_recipe.ts";
import {
  choice,
  decimal,
  firstLine,
  givenFlags,
  integer,
  mainOf,
  optional,
  text,
  toggle,
  UsageError,
  type Values,
} from "./flags.ts";
import {
  chatParts,
  chooseModel,
  type ChosenModel,
  fromFlags,
  modelFlags,
  openModel,
  suggestionsFor,
} from "./models.ts";
import { write } from "./output.ts";
import { openPython, toolFlags } from "./tools.ts";
import { chosenType, deviceFlags, openChosenDevice, quantizeFlags } from "./device.ts";

const flags = {
  prompt: optional(text("", "Ask this one question, print the answer, and end")),
  system: text("", "The system message, before the first turn"),
  temperature: decimal(
    0.6,
    "1 samples from the model's distribution, less is more certain, 0 takes the most likely token",
  ),
  topK: integer(50, "Sample from this many of the most likely tokens, 0 for all", { least: 0 }),
  maxTokens: integer(256, "Maximum tokens of an answer"),
  seed: optional(
    integer(0, "The same seed gives the same answers; random by default", { least: 0 }),
  ),
  ...modelFlags,
  source: choice(
    ["latest", "sft", "rl"],
    "latest",
    "The model's stage: latest takes a reinforced model if there is one",
  ),
  ...fromFlags,
  ...quantizeFlags,
  ...toolFlags,
  name: text("Dino", "The name of the model, if one is trained first"),
  yes: toggle("Train a model first if there is none, without asking"),
  overwrite: toggle("Train the model of this command again if there is one already"),
  ...deviceFlags,
};

type ChatValues = Values<typeof flags>;

const talkingStages = ["sft", "rl"] as const;

/** Talks with the user until they leave. Returns the exit code. */
export const main: (args: readonly string[]) => Promise<number> = chatBy(chatRecipe);

/** Makes the command, with a recipe for the model that it trains if there is none. */
export function chatBy(recipe: ChatRecipe): (args: readonly string[]) => Promise<number> {
  return mainOf({
    summary: "Talks with the model that was fine-tuned last; trains one first if there is none.",
    command: "deno task chat",
    flags,
    run: (values, args) => runChat(values, args, recipe),
  });
}

async function runChat(
  values: ChatValues,
  args: readonly string[],
  recipe: ChatRecipe,
): Promise<number> {
  await using python = await openPython(values, "chat");
  const tool = python === null ? calculate : pythonTool(python);
  const found = values.from === "" ? await findOrMakeModel(values, recipe) : null;
  if (typeof found === "number") return found;
  const open = () => Promise.resolve(found!);
  const chosen = await chooseModel(values, givenFlags(args, flags), open);
  await using device = await openChosenDevice(values);
  const opened = await chosen.load(device, { computeDtype: chosenType(device, values) });
  const { tokenizer, format } = chatParts(opened, chosen);
  using _ = format;
  using session = openSession(opened.model, tokenizer, values, { tool, format });
  const suggestions = found === null ? [] : suggestionsFor(found);
  if (values.prompt === null) await new Chat(session, values, suggestions).run();
  else await streamAnswer(session, values.prompt, values, new AbortController().signal);
  return 0;
}

/** The model to talk with, or an exit code if there is none and none was trained. */
async function findOrMakeModel(
  values: ChatValues,
  recipe: ChatRecipe,
): Promise<ChosenModel | number> {
  const named = [
    ...values.modelTag === "" ? [] : ["--model-tag"],
    ...values.source === "rl" ? ["--source rl"] : [],
    ...values.step === null ? [] : ["--step"],
  ];
  if (named.length > 0 && values.overwrite) {
    throw new UsageError(
      `Cannot use --overwrite: wanted it without ${
        named[0]
      }, as it trains the model of this command`,
    );
  }
  if (named.length > 0) return await openModel(values, talkingStages);
  if (!values.overwrite) {
    // If no run can be read, a model is trained; warnings have named the runs that were skipped.
    const found = await latestRun(talkingStages).catch(() => null);
    const isBegun = await isChatModelBegun();
    if (found !== null && (found.progress.state === "finished" || !isBegun)) {
      return await openModel(values, talkingStages);
    }
    if (!isBegun && !values.yes && !await agrees()) {
      console.error(
        "There is no fine-tuned model yet. Make one: deno task chat --yes, or deno task chat_sft",
      );
      return 1;
    }
  }
  const code = await makeChatModel({ ...values, recipe });
  if (code !== 0) return code;
  return await openModel({ source: "sft", modelTag: CHAT_TAG, step: null }, talkingStages);
}

async function agrees(): Promise<boolean> {
  if (!Deno.stdin.isTerminal()) return false;
  const reader = createInterface({ input: process.stdin, output: process.stdout });
  const answer = await reader.question(
    "There is no fine-tuned model yet. Make one now? It takes some minutes. [Y/n] ",
  );
  reader.close();
  return /^\s*(y|yes|)\s*$/i.test(answer);
}

function openSession(
  model: LanguageModel,
  tokenizer: Tokenizer,
  { system }: ChatValues,
  options: { readonly tool: Tool; readonly format: ChatFormat },
): ChatSession {
  return new ChatSession(model, tokenizer, { ...options, ...(system === "" ? {} : { system }) });
}

/** Streams an answer to the terminal; tool calls are shown as `[17*23 = 391]`. */
async function streamAnswer(
  session: ChatSession,
  question: string,
  { temperature, topK, maxTokens, seed }: ChatValues,
  signal: AbortSignal,
): Promise<void> {
  const wasShort = session.dropped === 0;
  const folded = new FoldedText();
  const sampling = { temperature, topK, maxTokens, seed: seed ?? randomSeed() };
  for await (const piece of session.answer(question, { ...sampling, signal })) {
    write(folded.add(piece));
  }
  write(`${folded.end()}${signal.aborted ? " …" : ""}\n`);
  if (wasShort && session.dropped > 0) {
    console.log("(The chat is long: from here on, the model forgets its oldest exchanges.)");
  }
}

function randomSeed(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0]!;
}

const helpText = `/help                this text
/clear               start over
/retry               answer the last question again
/edit                take the last question back, to change it
/system [TEXT]       start over, with something the model is told first
/temperature [X]     1 samples as the model predicts, 0 is certain
/topk [N]            sample from this many of the most likely tokens
/save FILE           append the chat to a JSON Lines file
/quit, /exit         leave, as do Ctrl-D and Ctrl-C twice; Ctrl-C once stops an answer`;

/** As many suggestions as fit into a line. */
const SHOWN_SUGGESTIONS = 4;

class Chat {
  readonly #session: ChatSession;
  readonly #suggestions: readonly string[];
  #values: ChatValues;
  #reader: Interface | null = null;
  #answering: AbortController | null = null;
  /** Whether the last input was Ctrl-C. */
  #isLeaving = false;

  constructor(session: ChatSession, values: ChatValues, suggestions: readonly string[]) {
    this.#session = session;
    this.#values = values;
    this.#suggestions = suggestions;
  }

  async run(): Promise<void> {
    const isTerminal = Deno.stdin.isTerminal();
    const historyPath = basePath("chat_history");
    const history = isTerminal ? await readLines(historyPath) : [];
    const reader = createInterface({
      input: process.stdin,
      output: isTerminal ? process.stdout : undefined,
      history: history.toReversed(),
      prompt: "> ",
    });
    this.#reader = reader;
    reader.on("SIGINT", () => {
      if (this.#answering !== null) return this.#answering.abort();
      if (this.#isLeaving) return reader.close();
      this.#isLeaving = true;
      console.log("\n(Ctrl-C again, Ctrl-D or /quit leaves.)");
      reader.prompt();
    });
    if (isTerminal) {
      console.log("Type a message, or /help for commands.");
      const examples = this.#suggestions.slice(0, SHOWN_SUGGESTIONS);
      console.log(examples.length === 0 ? "" : `Try: ${examples.join(" ")}\n`);
      reader.prompt();
    }
    for await (const line of reader) {
      this.#isLeaving = false;
      const wantsMore = await this.#take(line.trim());
      if (!wantsMore) break;
      if (isTerminal) {
        // A chat goes on without a history that cannot be kept.
        await appendLine(historyPath, line.trim()).catch(() => {});
        // A question to be edited is in the line already, with the cursor at its end.
        reader.prompt(true);
      }
    }
    reader.close();
  }

  /** Handles a line; returns whether the chat continues. */
  async #take(line: string): Promise<boolean> {
    if (line === "") return true;
    if (!line.startsWith("/")) {
      await this.#answer(line);
      return true;
    }
    const [command, ...words] = line.split(/\s+/);
    if (command === "/exit" || command === "/quit") return false;
    try {
      await this.#command(command!, words.join(" "));
    } catch (error) {
      console.log(firstLine(error));
    }
    return true;
  }

  async #command(command: string, argument: string): Promise<void> {
    switch (command) {
      case "/help":
        return console.log(helpText);
      case "/clear":
        return this.#session.reset();
      case "/system":
        this.#session.reset(argument);
        return console.log(argument === "" ? "(No system turn.)" : "(Started over.)");
      case "/temperature":
        return this.#set("temperature", argument);
      case "/topk":
        return this.#set("topK", argument);
      case "/save":
        return await this.#save(argument);
      case "/retry": {
        const question = this.#session.undo();
        if (question === null) return console.log("(There is no question yet.)");
        return await this.#answer(question);
      }
      case "/edit": {
        const question = this.#session.undo();
        if (question === null) return console.log("(There is no question yet.)");
        // Without a terminal there is no line to edit, and the next one is the question.
        if (Deno.stdin.isTerminal()) this.#reader?.write(question);
        return;
      }
      default:
        console.log(`There is no ${command}. /help lists the commands.`);
    }
  }

  #set(name: "temperature" | "topK", argument: string): void {
    const said = name === "topK" ? "top-k" : name;
    if (argument !== "") {
      try {
        this.#values = { ...this.#values, [name]: flags[name].parse(argument) };
      } catch (cause) {
        throw new UsageError(`Cannot set the ${said}: ${firstLine(cause)}`, { cause });
      }
    }
    console.log(`(${said} ${this.#values[name]})`);
  }

  async #save(path: string): Promise<void> {
    if (path === "") throw new UsageError("Cannot save: wanted /save FILE");
    const line = savedLine(this.#session);
    const before = await Deno.readTextFile(path).catch(() => "");
    // A file that was written by hand may lack its last line break.
    const isWhole = before === "" || before.endsWith("\n");
    await naming("write", path, () => appendLine(path, isWhole ? line : `\n${line}`));
    console.log(`(Appended to ${path}.)`);
  }

  async #answer(question: string): Promise<void> {
    this.#answering = new AbortController();
    try {
      await streamAnswer(this.#session, question, this.#values, this.#answering.signal);
    } catch (error) {
      console.log(firstLine(error));
    } finally {
      this.#answering = null;
    }
  }
}

/**
 * The line that `/save` appends: a conversation that `chat_sft` reads.
 *
 * @throws {UsageError} If no question has an answer.
 */
export function savedLine(
  { system = "", messages }: Pick<ChatSession, "system" | "messages">,
): string {
  // An answer that was stopped before its first character is none.
  const answered = messages.filter((_, i) => messages[i % 2 === 0 ? i + 1 : i]!.content.length > 0);
  if (answered.length === 0) {
    throw new UsageError("Cannot save: wanted a chat with an answer, got none");
  }
  const before = system.trim() === "" ? [] : [{ role: "system", content: system }];
  return JSON.stringify({ messages: [...before, ...answered] });
}

/** The last lines of a file; none, if it cannot be read. */
async function readLines(path: string): Promise<string[]> {
  const text = await Deno.readTextFile(path).catch(() => "");
  return text.split("\n").filter((line) => line !== "").slice(-200);
}

async function appendLine(path: string, line: string): Promise<void> {
  await Deno.writeTextFile(path, `${line}\n`, { append: true });
}

if (import.meta.main) Deno.exit(await main(Deno.args));
