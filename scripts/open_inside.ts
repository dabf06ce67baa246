/** The lesson for dashboards, of which a section looks inside the model of a run. @module */

import { stagePath, type stages } from "../chat/files/stages.ts";
import type { Site } from "../web/build.tsx";
import { readModelFiles } from "./model_files.ts";

/** A constant, so that only who looks inside a model loads what builds the lesson. */
const LESSON = "../web/build.tsx";

/** The lesson with the model of a run that was looked into last. */
const sites = new Map<string, Promise<Site>>();

async function buildInside(run: string): Promise<Site> {
  const { buildSite }: typeof import("../web/build.tsx") = await import(LESSON);
  const [stage, tag] = run.split("/") as [typeof stages[number], string];
  return await buildSite({ model: await readModelFiles(stagePath(stage, tag)) });
}

/** Answers with the lesson, of which a section looks inside the model that a run saved last. */
export async function openInside(run: string, path: string): Promise<Response> {
  const { siteResponse } = await import("../web/serve.ts");
  // A page that is opened shows the model of now; its own files follow.
  const site = (path === "" ? undefined : sites.get(run)) ?? buildInside(run);
  sites.set(run, site);
  try {
    // Without the worker that keeps a site for visits without a network: it would keep the model, too.
    return path === "sw.js" ? new Response(null, { status: 404 }) : siteResponse(await site, path);
  } catch (error) {
    sites.delete(run);
    return new Response(`${(error as Error).message}\n`, { status: 500 });
  }
}
