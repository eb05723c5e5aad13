#!/bin/sh
# genbatch calls this at the end of each run (on_finish in job.yaml), with the summary as JSON
# on stdin. It writes a mail when somebody has to look. In the place of mail may stand whatever
# tells you: ntfy, notify-send, a message to a chat.
set -u
summary=$(cat)
tell() {
  { echo "$1"; echo; genbatch status "$GENBATCH_RUN_OUTPUT"; echo; echo "$summary"; } |
    mail -s "genbatch: $(basename "$GENBATCH_RUN_OUTPUT"): exit code $GENBATCH_RUN_EXIT_CODE" "${NOTIFY:-$LOGNAME}"
}

case $GENBATCH_RUN_EXIT_CODE in
0 | 5 | 130) ;; # all is well, or a later run goes on
3)
  # The output is complete, and some rows are not ok. That is said when it is new, and not after
  # each run that had nothing to do.
  case $summary in
  *'"unchanged":true'*) ;;
  *) tell "The table is complete. Some rows have no answer: see the column status." ;;
  esac
  ;;
*) tell "Somebody has to act. What was answered is safe." ;; # 1, 4, 6, 8
esac
