package examples_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"os"
	"slices"
	"testing"
)

func speech(t *testing.T, e *example) {
	texts := readCSV(t, e.path("announcements.csv"))
	e.finish(len(texts)-1, "out/announcements.csv")
	rows := readCSV(t, e.path("out/announcements.csv"))
	if len(rows) != len(texts) {
		t.Fatalf("there are %d sounds for %d texts", len(rows)-1, len(texts)-1)
	}
	var first []byte
	for i, row := range rows[1:] {
		var files []string
		if in := texts[i+1]; !slices.Equal(row[:3], in) || row[4] != "ok" || json.Unmarshal([]byte(row[3]), &files) != nil || len(files) != 1 {
			t.Fatalf("row %d of the output is %q, of the input %q", i+1, row, in)
		}
		if wav := e.wav("out/" + files[0]); i == 0 {
			first = wav
		}
	}

	// Another voice is another sound, and the other rows are not spoken again.
	table, err := os.ReadFile(e.path("announcements.csv"))
	if err != nil {
		t.Fatal(err)
	}
	table = bytes.Replace(table, []byte("doors,Kore"), []byte("doors,Zephyr"), 1)
	if err := os.WriteFile(e.path("announcements.csv"), table, 0o600); err != nil {
		t.Fatal(err)
	}
	code, s, text := e.run("run", "job.yaml", "--endpoint", "sim", "--json")
	if code != 0 || s.Run.Requests != 1 {
		t.Errorf("with one voice changed, the run ends with %d and %d requests, want 0 and 1: %s", code, s.Run.Requests, text)
	}
	if bytes.Equal(first, e.wav("out/announcements_files/000001.wav")) {
		t.Error("the other voice sounds the same")
	}

	// A file that is gone comes back from the journal.
	if err := os.Remove(e.path("out/announcements_files/000002.wav")); err != nil {
		t.Fatal(err)
	}
	if code, _, text := e.run("verify", "job.yaml"); code != 1 {
		t.Errorf("without one of the files, verify ends with %d, want 1: %s", code, text)
	}
	if code, _, text := e.run("export", "job.yaml"); code != 0 {
		t.Errorf("export ends with %d: %s", code, text)
	}
	e.wav("out/announcements_files/000002.wav")

	code, s, text = e.run("run", "dialogues.yaml", "--endpoint", "sim", "--json")
	if code != 0 || s.Run.Requests != 2 {
		t.Fatalf("the dialogues end with %d and %d requests: %s", code, s.Run.Requests, text)
	}
	for i, row := range readJSONL(t, e.path("out/dialogues.jsonl")) {
		files, _ := row["files"].([]any)
		if len(files) != 1 {
			t.Fatalf("dialogue %d has the files %v", i+1, files)
		}
		e.wav("out/" + files[0].(string))
	}
}

// wav returns a file, which must be a sound: 16-bit samples, of a true length.
func (e *example) wav(name string) []byte {
	e.t.Helper()
	b, err := os.ReadFile(e.path(name))
	if err != nil {
		e.t.Fatal(err)
	}
	const header = 44
	if len(b) <= header || string(b[:4]) != "RIFF" || string(b[8:16]) != "WAVEfmt " || int(binary.LittleEndian.Uint32(b[40:])) != len(b)-header {
		e.t.Fatalf("%s, of %d bytes, is no WAV file", name, len(b))
	}
	return b
}
