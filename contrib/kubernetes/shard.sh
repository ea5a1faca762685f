#!/bin/sh
# One shard of a study, as a pod of an Indexed Job: JOB_COMPLETION_INDEX comes from Kubernetes, SHARDS (the Job's
# completions), STUDY and OUT (a shared volume) from the manifest. A pod that is started again goes on where it was.
set -eu
: "${JOB_COMPLETION_INDEX:?is set by an Indexed Job}" "${SHARDS:?number of completions}" "${STUDY:?study file}" "${OUT:?shared folder}"
exec "${OOMSIM:-oomsim}" sweep run "$STUDY" --shard "$JOB_COMPLETION_INDEX/$SHARDS" \
    --out "$OUT/part-$JOB_COMPLETION_INDEX" --resume
