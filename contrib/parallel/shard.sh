#!/bin/sh
# One shard of a study per job of GNU parallel, on one machine or over ssh:
#   export STUDY=studies/leak-rates.toml OUT=out/rates SHARDS=16
#   seq "$SHARDS" | parallel --retries 3 contrib/parallel/shard.sh
#   oomsim sweep merge "$STUDY" "$OUT" --out out/rates-all
# PARALLEL_SEQ, the number of the job from 1, comes from parallel.
set -eu
: "${PARALLEL_SEQ:?is set by GNU parallel}" "${SHARDS:?number of jobs}" "${STUDY:?study file}" "${OUT:?shared folder}"
shard=$((PARALLEL_SEQ - 1))
exec "${OOMSIM:-oomsim}" sweep run "$STUDY" --shard "$shard/$SHARDS" --out "$OUT/part-$shard" --jobs 1 --resume
