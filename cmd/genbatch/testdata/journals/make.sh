#!/bin/sh
# Makes the journals of a version, as README.md beside this file tells:
#
#   sh cmd/genbatch/testdata/journals/make.sh VERSION COMMIT
#
# It builds genbatch as it was at the commit, and runs it against its own simulator.
set -eu
version=$1 commit=$2
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'kill $server 2>/dev/null || true; rm -rf "$work"' EXIT
server=

# Segments and blobs of a journal begin at 256 MiB and 1 MiB. These two numbers alone are
# changed, so that small journals have some of each.
mkdir "$work/source"
git -C "$here/../../../.." archive --format=tar "$commit" | tar -x -C "$work/source"
sed -i 's/c\.SegmentBytes = 256 << 20/c.SegmentBytes = 4 << 10/; s/c\.BlobBytes = 1 << 20/c.BlobBytes = 600/' "$work/source/batch/journal/journal.go"
grep -q 'SegmentBytes = 4 << 10' "$work/source/batch/journal/journal.go"
grep -q 'BlobBytes = 600' "$work/source/batch/journal/journal.go"
(cd "$work/source" && go build -o "$work/genbatch" ./cmd/genbatch)

export XDG_STATE_HOME="$work/state" HOME="$work" GENBATCH_API_KEY=any
genbatch() { # ends with 0 for exit codes 0 and 3: the rows that are not ok are meant
  "$work/genbatch" "$@" 2>"$work/stderr" || [ $? = 3 ] || { cat "$work/stderr" >&2; exit 1; }
}

port=$((20000 + $$ % 20000))
"$work/genbatch" simulate --listen "127.0.0.1:$port" >"$work/server.log" 2>&1 &
server=$!
sim=http://127.0.0.1:$port
for _ in 1 2 3 4 5 6 7 8 9 10; do
  grep -q "$port" "$work/server.log" && break
  sleep 0.5
done

mkdir "$work/$version"
cd "$work/$version"
run() { genbatch run "$@" -m gemini-2.5-flash-lite --endpoint "$sim" --concurrency 2; }

# A finished job: answers in lines and in blobs, two that are not ok, one that is asked
# twice, and one of a row that is gone.
rows() { # as JSONL: identical rows, other letters, and answers of over 600 bytes
  i=1
  while [ $i -le 12 ]; do
    case $i in
      3) text='not answered [[sim:block]]' ;;
      4) text='refused [[sim:400]]' ;;
      5 | 6) text='the same' ;;
      7) text='naïve café 東京 😀 \"quoted\"' ;;
      8 | 9) text="$i $(printf 'long answer %.0s' $(seq 250))" ;;
      *) text="row number $i$1" ;;
    esac
    printf '{"id":%d,"body":"%s","tags":["a",%d]}\n' $i "$text" $i
    i=$((i + 1))
  done
}
mkdir finished pruned half
rows ' edited' >finished/in.jsonl
run -i finished/in.jsonl -o finished/out.jsonl -p 'Say: {{.body}}'
rows '' >finished/in.jsonl
run -i finished/in.jsonl -o finished/out.jsonl -p 'Say: {{.body}}'

# The same, pruned of what no row asks for any more.
cp finished/in.jsonl pruned/in.jsonl
rows ' edited' >pruned/in.jsonl
run -i pruned/in.jsonl -o pruned/out.csv -p 'Say: {{.body}}'
rows '' >pruned/in.jsonl
run -i pruned/in.jsonl -o pruned/out.csv -p 'Say: {{.body}}'
genbatch prune pruned/out.csv --orphaned --yes >/dev/null

# A classification of ten rows of which six were asked. The last answer was torn off as a
# crash does, so that five are settled.
seq 10 | sed 's/.*/&,parcel number & arrived late/; 1i id,body' >half/in.csv
run -i half/in.csv -o half/out.csv --limit 6 --text '{{.body}}' --label praise --label complaint
rm half/out.csv half/out.csv.genbatch/manifest.json
last=$(ls half/out.csv.genbatch/results-*.jsonl | tail -n 1)
truncate -s -40 "$last"

find . -name '*.lock' -delete
find . -name lock -delete
tar --sort=name --owner=0 --group=0 --numeric-owner --mtime=@0 -C "$work" -cf - "$version" | gzip -n9 >"$here/$version.tar.gz"
tar -tvzf "$here/$version.tar.gz"
