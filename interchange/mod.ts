/**
 * Files of other programs: safetensors folders, GGUF, PyTorch's zip and pickle, tiktoken's pickle.
 *
 * Tensors are read one by one, when they are asked for, from a path, a page's `File` or memory. A
 * file is a stranger's: everything that it says is checked against its size before memory is taken,
 * and nothing that it names is opened outside of its folder, imported or called.
 *
 * @module
 */

export { bytesOf, type ElementType, elementTypes } from "./element_types.ts";
export {
  type Fact,
  type FactType,
  type FactValue,
  type GgufFile,
  openGguf,
  writeGguf,
} from "./gguf.ts";
export {
  openSafetensors,
  openSafetensorsFolder,
  type StoredTensors,
  writeSafetensorsFile,
} from "./safetensors.ts";
export {
  blobSource,
  bytesSource,
  filesFolder,
  type Folder,
  pathFolder,
  pathSource,
  type Source,
} from "./source.ts";
export { StoredTensor, type TensorPlace } from "./stored_tensor.ts";
export {
  readTiktokenPickle,
  type TiktokenEncoding,
  writeTiktokenPickle,
} from "./tiktoken_pickle.ts";
export { openTorchFile, type TensorToWrite, writeTorchFile } from "./torch_file.ts";
