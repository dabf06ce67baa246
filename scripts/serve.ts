/** A server of the last model, by OpenAI's API. */

import { readText } from "../chat/files/read_text.ts";
import { openChatFormat } from "../chat/mod.ts";
import { describeProgress, nanochatConfig, parameterCount } from "../gpt/internals.ts";
import { serve, type ServeOptions } from "../serve/mod.ts";
import {
  givenFlags,
  integer,
  list,
  mainOf,
  text,
  toggle,
  UsageError,
  type Values,
} from "./flags.ts";
import { onInterrupt, untilInterrupted } from "./interrupt.ts";
import {
  assistantNameOf,
  chooseModel,
  type ChosenModel,
  fromFlags,
  modelFlags,
  openModel,
  parametersOf,
  suggestionsFor,
  wantedTokenizer,
} from "./models.ts";
import { print, printError } from "./output.ts";
import { chosenType, deviceFlags, openChosenDevice, quantizeFlags } from "./device.ts";

/**
 * A constant, not a literal import, so that packages for pages are only downloaded if they are
 * used.
 */
const CHAT_PAGE = "../web/page.ts";

/** The environment variable of the key. */
const KEY_VARIABLE = "NANODINO_API_KEY";

const flags = {
  port: integer(8000, "The port to listen on, 0 for a free one", { least: 0, most: 65_535 }),
  host: text(
    "127.0.0.1",
    "The address to listen on; for other machines see deno task serve:network",
    "ADDRESS",
  ),
  ...modelFlags,
  ...fromFlags,
  ...quantizeFlags,
  allowHost: list(
    "A host name by which clients may reach the server, such as chat.example.com; may be repeated",
    "NAME",
  ),
  apiKey: text(
    "",
    `The key that clients must send, as Authorization: Bearer KEY; by default ${KEY_VARIABLE}`,
    "KEY",
  ),
  apiKeyFile: text("", "A file with the key, which is not shown in lists of processes", "PATH"),
  allowOrigin: list(
    "An origin whose pages may send requests, such as http://localhost:5173; may be repeated",
    "ORIGIN",
  ),
  context: integer(0, "Tokens of a prompt and its answer, 0 for the training length", {
    least: 0,
  }),
  maxSequences: integer(32, "Maximum sequences in a batch", { most: 1024 }),
  maxQueue: integer(64, "Maximum number of waiting requests", { least: 0 }),
  noPage: toggle("Serve no chat page"),
  ...deviceFlags,
};

/** Serves until it is interrupted. Returns the exit code. */
export const main = mainOf({
  summary: "Serves the model that was saved last, by OpenAI's API.",
  command: "deno task serve",
  flags,
  run: runServe,
});

async function runServe(values: Values<typeof flags>, args: readonly string[]): Promise<void> {
  const apiKey = await readKey(values);
  const wrong = values.allowOrigin.find((text) =>
    !URL.canParse(text) || new URL(text).origin !== text
  );
  if (wrong !== undefined) {
    throw new UsageError(
      `Cannot use --allow-origin: wanted an origin like http://localhost:3000, got "${wrong}"`,
    );
  }
  const choice = await chooseModel(values, givenFlags(args, flags), () => openModel(values));
  const { name, checkpoint } = choice;
  await using device = await openChosenDevice(values);
  const computeDtype = chosenType(device, values, choice.checkpoint?.meta.settings.dtype);
  const opened = await choice.load(device, { computeDtype });
  const { model, chatTemplate } = opened;
  const tokenizer = wantedTokenizer(opened.tokenizer, choice);
  const stage = checkpoint?.stage ?? (chatTemplate === null ? "base" : "chat");
  using format = openChatFormat({ tokenizer, chatTemplate });
  using interrupt = onInterrupt("Stopping when the answers have come to an end.");
  const server = await serve(model, tokenizer, {
    ...format !== null && { format },
    ...checkpoint === null ? { parameters: parametersOf(model) } : cardOf(checkpoint),
    name,
    stage,
    hostname: values.host,
    port: values.port,
    origins: values.allowOrigin,
    hosts: values.allowHost,
    maxSequences: values.maxSequences,
    maxQueue: values.maxQueue,
    ...(apiKey === null ? {} : { apiKey }),
    ...(values.context === 0 ? {} : { context: values.context }),
    ...(values.noPage ? {} : { page: await buildPage() }),
    onError: (error) => printError(`${error}`),
  });
  print(`Serving ${name} (${stage}) on ${server.url}/v1. Ctrl-C stops.`);
  if (!values.noPage) print(`Chat with it: ${server.url}/`);
  if (apiKey === null && !isThisMachine(values.host)) {
    printError(
      `Warning: anyone who can reach ${values.host} can use the model without a key; see --api-key-file`,
    );
  }
  await untilInterrupted(interrupt);
  await server.stop();
}

/** The key that clients have to show; `null` for none. */
async function readKey(
  { apiKey, apiKeyFile }: Pick<Values<typeof flags>, "apiKey" | "apiKeyFile">,
): Promise<string | null> {
  if (apiKey !== "" && apiKeyFile !== "") {
    throw new UsageError("Cannot use --api-key-file: wanted one key, got --api-key, too");
  }
  if (apiKey !== "") return checkedKey(apiKey, "--api-key");
  if (apiKeyFile !== "") return checkedKey((await readText(apiKeyFile)).trim(), apiKeyFile);
  const variable = { name: "env", variable: KEY_VARIABLE } as const;
  if ((await Deno.permissions.query(variable)).state !== "granted") return null;
  const key = Deno.env.get(KEY_VARIABLE) ?? "";
  return key === "" ? null : checkedKey(key, KEY_VARIABLE);
}

/** A key that a header can have. The error does not show it. */
function checkedKey(key: string, source: string): string {
  if (/^[!-~]+$/.test(key)) return key;
  const got = key === "" ? "none" : /\s/.test(key) ? "several" : "other characters";
  throw new Error(`Cannot use ${source}: wanted a key in one word of ASCII, got ${got}`);
}

function isThisMachine(host: string): boolean {
  return host === "localhost" || host.startsWith("127.") || /^\[?::1\]?$/.test(host);
}

/** Facts about the model of a run, for pages. */
function cardOf(
  checkpoint: ChosenModel,
): Pick<ServeOptions, "origin" | "assistantName" | "examples" | "parameters" | "layers"> {
  const { meta, progress } = checkpoint;
  return {
    origin: describeProgress(progress),
    assistantName: assistantNameOf(checkpoint),
    examples: suggestionsFor(checkpoint),
    parameters: parameterCount(meta),
    ...meta.architecture === undefined && { layers: nanochatConfig(meta).nLayer },
  };
}

async function buildPage(): Promise<(path: string) => Response | null> {
  const { buildChat }: typeof import("../web/page.ts") = await import(CHAT_PAGE);
  return await buildChat();
}

if (import.meta.main) Deno.exit(await main(Deno.args));
