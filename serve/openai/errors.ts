/** Errors in OpenAI's shape. @module */

/** Details of an {@linkcode ApiError}. */
export interface ApiErrorDetails {
  /** A word for programs, such as `model_not_found`. */
  readonly code?: string;
  /** The field of the request that is to blame. */
  readonly param?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/**
 * An error in a request, in the form that the client receives.
 *
 * @example
 * ```ts
 * import { ApiError } from "./errors.ts";
 *
 * const response = new ApiError(400, "Cannot use top_p: wanted 0 to 1, got 2", { param: "top_p" })
 *   .toResponse();
 * if (response.status !== 400) throw new Error("expected a response with its status");
 * ```
 */
export class ApiError extends Error {
  override readonly name = "ApiError";
  readonly status: number;
  readonly #details: ApiErrorDetails;

  constructor(status: number, message: string, details: ApiErrorDetails = {}) {
    super(message);
    this.status = status;
    this.#details = details;
  }

  /** The body of the response: `{ error: { message, type, param, code } }`. */
  toJSON(): { readonly error: Readonly<Record<string, string | null>> } {
    const { code = null, param = null } = this.#details;
    return { error: { message: this.message, type: typeOf(this.status), param, code } };
  }

  toResponse(): Response {
    const headers = { "cache-control": "no-store", ...this.#details.headers };
    return Response.json(this, { status: this.status, headers });
  }
}

function typeOf(status: number): string {
  if (status === 429) return "rate_limit_error";
  return status >= 500 ? "server_error" : "invalid_request_error";
}
