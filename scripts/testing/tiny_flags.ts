/** A model and a run that take a second. */
export const tinyFlags: readonly string[] = [
  ..."--depth 2 --aspect-ratio 16 --head-dim 16 --max-seq-len 16 --device-batch-size 2".split(" "),
  ..."--total-batch-size 64 --num-iterations 20 --eval-tokens 500 --device cpu".split(" "),
  ..."--threads 1 --no-blas --sample-every -1 --eval-every -1".split(" "),
];
