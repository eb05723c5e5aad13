#!/bin/bash
# A job in eight shards, each a task of a Slurm array, and a job after them that joins them. Submit
# both with:  ./slurm.sh submit
#SBATCH --job-name=label-tickets
#SBATCH --array=0-7
#SBATCH --cpus-per-task=1
#SBATCH --mem=1G
#SBATCH --time=12:00:00
#SBATCH --signal=TERM@60
#SBATCH --requeue
#SBATCH --output=label-tickets-%A-%a.log
set -u

case ${1:-shard} in
submit)
  array=$(sbatch --parsable "$0") || exit
  # afterany: a shard with rows that are not ok ends with 3, and the merge takes it. Whether all
  # shards are done, the merge proves by itself.
  exec sbatch --parsable --dependency="afterany:$array" --array=0-0 "$0" merge
  ;;
merge)
  exec genbatch merge job.yaml
  ;;
shard)
  # Slurm says in SLURM_ARRAY_TASK_ID which shard it is, and in SLURM_ARRAY_TASK_COUNT how many
  # there are. exec: genbatch itself gets the signal a minute before the time is up, and ends in order.
  exec genbatch run job.yaml --shard auto --quiet --api-key-file "${GEMINI_KEY_FILE:-$HOME/.config/genbatch/gemini.key}"
  ;;
*)
  echo "usage: $0 [submit | shard | merge]" >&2
  exit 2
  ;;
esac
