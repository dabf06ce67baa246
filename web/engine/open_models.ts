/** Models that several tasks of a worker use in turn: each is opened once. @module */

import type { Device } from "../../tensor/mod.ts";
import { free, type Model, type ModelFiles, openModel } from "./inside.ts";

/** Models that stay open: one that only reads, one that answers, and one that was rewarded. */
const MAX_OPEN = 3;

/** The open models, the least recently used first, by their metadata, which has digests of the rest. */
const models = new Map<string, Model>();

/** The model of some files. The caller does not change it. @throws {Error} If they are damaged. */
export async function openOnce(device: Device, files: ModelFiles): Promise<Model> {
  const meta = [...files.keys()].filter((name) => name.startsWith("meta_")).sort().at(-1) ?? "";
  const key = await files.get(meta)?.text() ?? "";
  const found = models.get(key);
  const model = found?.device === device ? found : await openModel(device, files);
  models.delete(key);
  models.set(key, model);
  for (const [oldest, { model }] of models) {
    if (models.size <= MAX_OPEN) break;
    models.delete(oldest);
    free(model);
  }
  return model;
}
