/** A file on the web. @module */

import { download } from "../hub/download.ts";
import type { RequestOptions } from "../hub/request.ts";
import { nameOf, type WebAddress } from "./address.ts";
import type { Origin } from "./origin.ts";

/** The server of a URL. Servers have no revisions: the digest of the downloaded file pins it. */
export function webOrigin({ url }: WebAddress, options: RequestOptions): Origin {
  return {
    name: url,
    revision: () => Promise.resolve(""),
    files: () => Promise.resolve([{ path: nameOf(new URL(url)), size: null, sha256: null }]),
    download: (_revision, _file, path, more) => download(url, path, { ...options, ...more }),
  };
}
