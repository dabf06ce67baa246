/** A file on the web. @module */

import { DigestError, download } from "../hub/download.ts";
import type { RequestOptions } from "../hub/request.ts";
import { nameOf, type WebAddress } from "./address.ts";
import type { Origin } from "./origin.ts";

/**
 * The server of a URL. Servers have no revisions: the digest of the downloaded file pins it, and
 * another file is refused.
 */
export function webOrigin({ url }: WebAddress, options: RequestOptions): Origin {
  return {
    name: url,
    revision: () => Promise.resolve(""),
    files: () => Promise.resolve([{ path: nameOf(new URL(url)), size: null, sha256: null }]),
    async download(_revision, { sha256 }, path, more) {
      try {
        return await download(url, path, { ...options, ...more, sha256: sha256 ?? undefined });
      } catch (cause) {
        if (!(cause instanceof DigestError)) throw cause;
        throw new Error(
          `${cause.message}: it has changed on the server; remove the data set to get the new one`,
          { cause },
        );
      }
    },
  };
}
