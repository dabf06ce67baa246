/**
 * Files of other programs: safetensors folders, GGUF, PyTorch's zip and pickle, tiktoken's pickle.
 *
 * Tensors are read one by one, on demand, from a path, a `File` of a web page, or memory. Files are
 * untrusted: every size in them is checked against the size of the file before memory is allocated,
 * and nothing that they name is opened outside their folder, imported or called.
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
  writeSafetensorsFolder,
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
