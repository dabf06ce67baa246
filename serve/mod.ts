/**
 * A model behind HTTP: OpenAI's API with continuous batching.
 *
 * `http/` has the server and its limits, `openai/` the shapes of requests and responses, `batch/`
 * the batch that requests join and leave. `task serve` starts it. `dashboard/` follows the files of
 * runs for `task dashboard`.
 *
 * | Path | |
 * | --- | --- |
 * | `POST /v1/chat/completions` | the answer to a conversation |
 * | `POST /v1/completions` | the continuation of a text; a base model is enough |
 * | `GET /v1/models`, `/v1/models/NAME` | the model that is served |
 * | `GET /health` | whether it answers |
 * | `GET /metrics` | counts for Prometheus |
 *
 * These fields of a request are read: `model`, `messages` or `prompt`, `stream`,
 * `stream_options.include_usage`, `stop`, `max_tokens`, `max_completion_tokens`, `temperature`,
 * `top_p`, `frequency_penalty`, `presence_penalty`, `seed`, `n`, `logprobs`, `top_logprobs`,
 * `echo`, and three that other servers have as well: `top_k`, `truncation` and
 * `continue_final_message`. Fields that do not affect the answer, such as `user` and `store`, are
 * ignored. Unsupported fields that would affect it, such as `tools` and `response_format`, and
 * unknown fields, are refused with status 400. Calls and answers of a tool are part of the content,
 * in brackets; `parts` has them separately.
 *
 * A stream has an event for each token that completes a character. Events that follow each other within
 * 10 ms are sent together.
 *
 * The same seed gives the same answer, whatever else is in the batch. Batches may add sums in
 * another order, so if two tokens are equally likely up to the last digits, the other one may be
 * chosen.
 *
 * @module
 */

export * from "./browser.ts";
export {
  type Dashboard,
  type DashboardAction,
  type DashboardOptions,
  serveDashboard,
} from "./dashboard/server.ts";
export type {
  Columns,
  DashboardEvent,
  ListedRun,
  RunData,
  RunState,
} from "./dashboard/messages.ts";
export { openDashboard } from "./dashboard/thread.ts";
export type { GuardOptions } from "./http/guard.ts";
export { serve, type ServeOptions, type Server } from "./http/server.ts";
