#!/bin/sh
# Runs the job once, for cron, which mails whatever is printed here. So nothing is
# printed unless somebody has to act; the rest goes to the log.
set -u
cd "$(dirname "$0")" || exit 1
umask 077
mkdir -p log out || exit 1

# One at a time. genbatch locks its job by itself (exit code 7); this lock is for the
# steps before and after it. Where there is no flock, as on macOS, leave it out.
exec 9>log/lock || exit 1
flock -n 9 || exit 0

# A step before would stand here, such as one that fetches tickets.csv: write to
# another name first, and rename it when it is whole.

genbatch run job.yaml --quiet \
  --api-key-file "${GEMINI_KEY_FILE:-$HOME/.config/genbatch/gemini.key}" 2>log/last
code=$?
{ echo "$(date '+%Y-%m-%d %H:%M:%S') exit code $code"; cat log/last; } >>"log/$(date +%Y-%m).log"

case $code in
0) # Every row is ok.
  rm -f log/told
  ;;
3) # The output is complete, but some rows have no answer. That is said once, not every hour.
  if ! cmp -s log/last log/told; then
    cat log/last
    cp log/last log/told
  fi
  ;;
5 | 7 | 130) # The day's quota is used up, another process runs the job, or the machine
  # went down. What was answered is safe, and a later run goes on: nobody has to act.
  exit 0
  ;;
*) # 1 broken, 2 a mistake in the job, 4 refused by the endpoint, 6 the cap is reached,
  # 8 too many failures; 127 genbatch is not in cron's PATH.
  echo "genbatch ended with exit code $code in $PWD:"
  cat log/last
  exit "$code"
  ;;
esac

# A step after would stand here. out/labels.csv is whole: genbatch renames it into
# place, and only with exit code 0 or 3.
