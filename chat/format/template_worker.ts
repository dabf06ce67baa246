/// <reference no-default-lib="true" />
/// <reference lib="deno.worker" />
/** The thread of a `TemplateRenderer`. @module */

import { importJinja } from "../deps.ts";
import type { TemplateAnswer, TemplateRequest } from "./template_renderer.ts";

const { Template } = await importJinja();
const answer = (message: TemplateAnswer) => self.postMessage(message);

self.onmessage = ({ data }: MessageEvent<TemplateRequest>) => {
  try {
    const template = new Template(data.template);
    answer({ kind: "rendered", texts: data.inputs.map((input) => template.render({ ...input })) });
  } catch (error) {
    answer({ kind: "failed", reason: error instanceof Error ? error.message : `${error}` });
  }
};
answer({ kind: "ready" });
