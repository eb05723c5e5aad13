package journal_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/genbatch/genbatch/batch/journal"
)

// A journal from elsewhere can name anything as the blob of an answer. Only a sum is
// opened, because any other path may lead to a file that never ends.
func TestBlobNames(t *testing.T) {
	dir := t.TempDir()
	c := journal.Config{Dir: dir, BlobBytes: 100}
	j := open(t, c)
	r := result(0)
	r.Response = json.RawMessage(`{"text":"` + strings.Repeat("x", 200) + `"}`)
	write(t, j, r)
	j.Close()

	path := filepath.Join(dir, "results-000001.jsonl")
	lines := bytes.SplitAfter(read(t, dir, "results-000001.jsonl"), []byte("\n"))
	body := lines[1][:bytes.LastIndex(lines[1], []byte(`,"crc32c":`))]
	at := bytes.LastIndex(body, []byte(`"blob":"`)) + len(`"blob":"`)
	name := strings.Repeat("../", 18) + "./dev/zero"
	body = append(append(bytes.Clone(body[:at]), name[len(name)-64:]...), '"')
	sum := crc32.Checksum(body, crc32.MakeTable(crc32.Castagnoli))
	text := fmt.Appendf(bytes.Clone(lines[0]), "%s,\"crc32c\":\"%08x\"}\n", body, sum)
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	j = open(t, c) // would never end
	if d := j.Damage(); len(d) != 1 || d[0].Kind != journal.Blob || !strings.Contains(d[0].Detail, "is not the name of an answer") {
		t.Errorf("damage is %v", d)
	}
}
