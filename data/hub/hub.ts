/**
 * The Hugging Face hub: what a repository consists of, and its files.
 *
 * Source: https://huggingface.co/docs/hub/api and https://huggingface.co/docs/dataset-viewer/parquet
 *
 * @module
 */

import { isInside } from "../store/origin.ts";
import { download, type DownloadOptions } from "./download.ts";
import { readJson, request, RequestError, type RequestOptions, type Token } from "./request.ts";

/** Options for {@linkcode Hub}. */
export interface HubOptions
  extends Pick<RequestOptions, "attempts" | "wait" | "onWait" | "signal"> {
  /** The hub or a mirror of it. @default {"https://huggingface.co"} */
  readonly endpoint?: string;
  /** For private and gated repositories; sent to the host of the endpoint only. */
  readonly token?: string | undefined;
  /** Whether repositories are data sets or models. @default {"datasets"} */
  readonly kind?: "datasets" | "models" | undefined;
}

/** A file of a repository. */
export interface HubFile {
  /** The path in the repository. */
  readonly path: string;
  /** Size in bytes. */
  readonly size: number;
  /**
   * The SHA-256 digest of its content; `null` for small files, as the hub has no digests of these.
   */
  readonly sha256: string | null;
}

const COMMIT = /^[0-9a-f]{40}$/;

/** A client of the hub. */
export class Hub {
  readonly #endpoint: string;
  readonly #options: RequestOptions;
  readonly #kind: "datasets" | "models";

  /** Creates a client; sends no request. */
  constructor(
    { endpoint = "https://huggingface.co", token, kind = "datasets", ...options }: HubOptions = {},
  ) {
    const url = URL.parse(endpoint);
    if (url === null || !["https:", "http:"].includes(url.protocol)) {
      throw new TypeError(
        `Cannot reach the hub: wanted HF_ENDPOINT as an address like https://huggingface.co, got "${endpoint}"`,
      );
    }
    // An error of `fetch` would show the header, and the token with it.
    if (token !== undefined && !/^[\x21-\x7e]+$/.test(token)) {
      throw new TypeError(
        "Cannot reach the hub: wanted HF_TOKEN as letters and digits in one line, got other characters",
      );
    }
    this.#kind = kind;
    this.#endpoint = endpoint.replace(/\/+$/, "");
    const secret: Token | undefined = token === undefined
      ? undefined
      : { host: url.host, value: token };
    this.#options = { ...options, token: secret };
  }

  /**
   * The commit that a revision of a repository stands for, so that later reads get the same files.
   *
   * @throws {Error} If the hub does not answer, or with something else.
   */
  async commit(repository: string, revision = "main"): Promise<string> {
    if (COMMIT.test(revision)) return revision;
    const path = `api/${this.#kind}/${repository}/revision/${encodeURIComponent(revision)}`;
    const { json } = await this.#json(`${this.#endpoint}/${path}`, repository);
    const { sha } = json as { sha?: unknown };
    if (typeof sha === "string" && COMMIT.test(sha)) return sha;
    throw new TypeError(`Cannot read ${repository}: wanted a commit of ${revision}, got ${sha}`);
  }

  /**
   * All files of a repository at a commit, in the order of the hub.
   *
   * @throws {Error} If the hub does not answer, or with something else.
   */
  async files(repository: string, commit: string): Promise<HubFile[]> {
    const files: HubFile[] = [];
    let next: string | null =
      `${this.#endpoint}/api/${this.#kind}/${repository}/tree/${commit}?recursive=true`;
    while (next !== null) {
      const { json: page, headers } = await this.#json(next, repository);
      if (!Array.isArray(page)) throw malformed(repository, "a list of files");
      for (const entry of page) {
        if (entry?.type !== "file") continue;
        const { path, size, lfs } = entry;
        if (typeof path !== "string" || typeof size !== "number") {
          throw malformed(repository, "files with a path and a size");
        }
        if (!isInside(path)) throw malformed(repository, "paths inside of it");
        const sha256 = typeof lfs?.oid === "string" ? lfs.oid : null;
        files.push({ path, size: lfs?.size ?? size, sha256 });
      }
      const link: string | null = headers.get("link");
      const following: string | undefined = /<([^>]+)>;\s*rel="next"/.exec(link ?? "")?.[1];
      next = following === undefined ? null : this.#onThisHub(following, repository);
    }
    return files;
  }

  /**
   * Downloads a file of a repository.
   *
   * @returns Its SHA-256 digest.
   * @throws {Error} If it cannot be downloaded, or differs from what `file` says.
   */
  async download(
    repository: string,
    commit: string,
    file: Pick<HubFile, "path" | "sha256">,
    path: string,
    options: Pick<DownloadOptions, "onProgress" | "signal"> = {},
  ): Promise<string> {
    const encoded = file.path.split("/").map(encodeURIComponent).join("/");
    // The URLs of models have no prefix.
    const place = this.#kind === "models" ? repository : `${this.#kind}/${repository}`;
    const url = `${this.#endpoint}/${place}/resolve/${commit}/${encoded}`;
    const sha256 = file.sha256 ?? undefined;
    try {
      return await download(url, path, { ...this.#options, ...options, sha256 });
    } catch (error) {
      throw explained(error, repository, this.#kind);
    }
  }

  async #json(url: string, repository: string): Promise<{ json: object; headers: Headers }> {
    try {
      const { response } = await request(url, this.#options);
      const json = await readJson(response, repository, "the hub");
      return { json, headers: response.headers };
    } catch (error) {
      throw explained(error, repository, this.#kind);
    }
  }

  /** The next page of a list: a token must not go elsewhere. */
  #onThisHub(link: string, repository: string): string {
    const url = URL.parse(link, this.#endpoint);
    if (url !== null && url.origin === new URL(this.#endpoint).origin) return url.href;
    throw malformed(repository, `another page on ${this.#endpoint}`);
  }
}

/** Explains what to do if the hub refuses access to a repository. */
function explained(error: unknown, repository: string, kind: "datasets" | "models"): unknown {
  if (!(error instanceof RequestError)) return error;
  const [prefix, name] = kind === "models" ? ["", "model"] : ["datasets/", "data set"];
  const page = `https://huggingface.co/${prefix}${repository}`;
  if (error.status === 401) {
    return new Error(
      `Cannot read ${repository}: there is no such ${name}, or it is private: see ${page}; a ` +
        "token in HF_TOKEN shows private ones",
      { cause: error },
    );
  }
  if (error.status === 403) {
    return new Error(
      `Cannot read ${repository}: it asks for an agreement; accept it on ${page}, and set HF_TOKEN`,
      { cause: error },
    );
  }
  if (error.status === 404) {
    return new Error(`Cannot read ${repository}: the hub has no such ${name}, file or revision`, {
      cause: error,
    });
  }
  return error;
}

function malformed(repository: string, wanted: string): TypeError {
  return new TypeError(
    `Cannot read ${repository}: wanted ${wanted} from the hub, got something else`,
  );
}
