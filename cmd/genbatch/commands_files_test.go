package main

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"image"
	_ "image/jpeg" // for pictures of this format
	_ "image/png"
	"io"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go"
	"github.com/rivo/uniseg"
	"github.com/rogpeppe/go-internal/testscript"
)

// writeBytes writes texts that a script cannot hold as they are: each is what
// stands between the quotes of a Go string, and N*TEXT stands for N of it.
func writeBytes(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) > 0, "bytes FILE [TEXT | N*TEXT]...")
	var b bytes.Buffer
	for _, arg := range args[1:] {
		n := 1
		if count, text, ok := strings.Cut(arg, "*"); ok {
			if times, err := strconv.Atoi(count); err == nil {
				n, arg = times, text
			}
		}
		text, err := strconv.Unquote(`"` + strings.ReplaceAll(arg, `"`, `\"`) + `"`)
		if err != nil {
			ts.Fatalf("bytes: %s: %v", arg, err)
		}
		b.WriteString(strings.Repeat(text, n))
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), b.Bytes(), 0o644))
}

// damageParquet writes a Parquet file of rows with id and body, in row groups of
// ten, and damages the data of one of its row groups, or its footer.
func damageParquet(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 3, "parquet FILE ROWS none|footer|schema|short|header|GROUP")
	type row struct {
		ID   int64  `parquet:"id"`
		Body string `parquet:"body"`
	}
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	var b bytes.Buffer
	w := parquet.NewGenericWriter[row](&b, parquet.Compression(&parquet.Snappy))
	for i := range n {
		_, err := w.Write([]row{{int64(i + 1), fmt.Sprintf("row number %d", i+1)}})
		ts.Check(err)
		if (i+1)%10 == 0 {
			ts.Check(w.Flush())
		}
	}
	ts.Check(w.Close())
	data := b.Bytes()
	footer := len(data) - 8 - int(binary.LittleEndian.Uint32(data[len(data)-8:]))
	switch args[2] {
	case "none":
	case "footer": // its length leads beyond the file
		binary.LittleEndian.PutUint32(data[len(data)-8:], 1<<30)
	case "schema":
		for i := footer; i < footer+40; i++ {
			data[i] = 0xFF
		}
	case "short":
		data = data[:len(data)-20]
	case "header": // of the first page, behind PAR1
		for i := 4; i < 24; i++ {
			data[i] = 0xFF
		}
	default: // the values of the group's last page
		group, err := strconv.Atoi(args[2])
		ts.Check(err)
		f, err := parquet.OpenFile(bytes.NewReader(data), int64(len(data)))
		ts.Check(err)
		chunk := f.Metadata().RowGroups[group].Columns[1].MetaData
		end := chunk.DataPageOffset + chunk.TotalCompressedSize
		for i := end - 20; i < end; i++ {
			data[i] = 0xFF
		}
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), data, 0o644))
}

// table writes a CSV of N rows with the columns id, from 1, and body.
func table(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 2, "table FILE N")
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	var b strings.Builder
	b.WriteString("id,body\n")
	for i := range n {
		fmt.Fprintf(&b, "%d,row number %d\n", i+1, i+1)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(b.String()), 0o644))
}

// rows checks that a JSONL output has the rows of table, each once and in order,
// and every one with the status. Its response must be its own: it holds the row's
// body.
func rows(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 3, "rows FILE N STATUS")
	text := ts.ReadFile(args[0])
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if fmt.Sprint(len(lines)) != args[1] {
		ts.Fatalf("%s has %d rows, want %s", args[0], len(lines), args[1])
	}
	for i, line := range lines {
		var row struct{ ID, Body, Response, Status string }
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			ts.Fatalf("%s, row %d: %v", args[0], i+1, err)
		}
		switch {
		case row.ID != fmt.Sprint(i+1):
			ts.Fatalf("%s, row %d: the id is %s", args[0], i+1, row.ID)
		case row.Status != args[2]:
			ts.Fatalf("%s, row %d: the status is %s, want %s", args[0], i+1, row.Status, args[2])
		case row.Status == "ok" && !strings.Contains(row.Response, row.Body):
			ts.Fatalf("%s, row %d: the answer %q is another row's", args[0], i+1, row.Response)
		}
	}
}

// compress writes a file again, compressed, or not compressed, as the two names
// end.
func compress(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 2, "compress FROM TO")
	var text io.Reader = strings.NewReader(ts.ReadFile(args[0]))
	var err error
	switch filepath.Ext(args[0]) {
	case ".gz":
		text, err = gzip.NewReader(text)
	case ".zst":
		text, err = zstd.NewReader(text)
	}
	ts.Check(err)
	f, err := os.Create(ts.MkAbs(args[1]))
	ts.Check(err)
	defer f.Close()
	var w io.WriteCloser = f
	switch filepath.Ext(args[1]) {
	case ".gz":
		w = gzip.NewWriter(f)
	case ".zst":
		w, err = zstd.NewWriter(f)
	}
	ts.Check(err)
	_, err = io.Copy(w, text)
	ts.Check(err)
	ts.Check(w.Close())
}

// edit replaces the first occurrence of a text in a file, which must be there.
func edit(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 3, "edit FILE OLD NEW")
	text := ts.ReadFile(args[0])
	if !strings.Contains(text, args[1]) {
		ts.Fatalf("%s does not have %q", args[0], args[1])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(strings.Replace(text, args[1], args[2], 1)), 0o600))
}

// stampsKey is where a script keeps what stamp has seen: a map of path to
// fs.FileInfo.
type stampsKey struct{}

// stamp notes which file a path leads to, for untouched.
func stamp(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 1, "stamp FILE")
	info, err := os.Stat(ts.MkAbs(args[0]))
	ts.Check(err)
	ts.Value(stampsKey{}).(map[string]fs.FileInfo)[args[0]] = info
}

// untouched checks that a file is the one that stamp saw, neither replaced nor
// written to.
func untouched(ts *testscript.TestScript, neg bool, args []string) {
	before, seen := ts.Value(stampsKey{}).(map[string]fs.FileInfo)[args[0]]
	if !seen {
		ts.Fatalf("untouched %s: there is no stamp of it", args[0])
	}
	now, err := os.Stat(ts.MkAbs(args[0]))
	ts.Check(err)
	same := os.SameFile(before, now) && before.ModTime().Equal(now.ModTime()) && before.Size() == now.Size()
	if same == neg {
		ts.Fatalf("%s: untouched is %v", args[0], same)
	}
}

// nowhere checks that a text stands in no file of the script, but for those that
// are named, and not in what the last program printed.
func nowhere(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) > 0 && args[0] != "", "nowhere TEXT [FILE...]")
	var files int
	root := ts.Getenv("WORK")
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil || slices.Contains(args[1:], name) {
			return err
		}
		files++
		text, err := os.ReadFile(path)
		if bytes.Contains(text, []byte(args[0])) {
			return fmt.Errorf("%s holds %q", name, args[0])
		}
		return err
	})
	ts.Check(err)
	if files == 0 {
		ts.Fatalf("there are no files in %s", root)
	}
	for _, name := range []string{"stdout", "stderr"} {
		if strings.Contains(ts.ReadFile(name), args[0]) {
			ts.Fatalf("%s holds %q", name, args[0])
		}
	}
}

// jsonLines checks that a file, stdout or stderr holds lines of JSON objects and
// nothing else, at least one, and that the last one's type is TYPE.
func jsonLines(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 2, "jsonlines FILE TYPE")
	var last struct{ Type string }
	for line := range strings.Lines(ts.ReadFile(args[0])) {
		last.Type = ""
		if err := json.Unmarshal([]byte(line), &last); err != nil {
			ts.Fatalf("%s: %v in the line %q", args[0], err, line)
		}
	}
	if last.Type != args[1] {
		ts.Fatalf("the last line's type is %q, want %q", last.Type, args[1])
	}
}

// picture checks that a file can be read as an image of the format and the size.
func picture(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 3, "picture FILE FORMAT WIDTHxHEIGHT")
	img, format, err := image.Decode(strings.NewReader(ts.ReadFile(args[0])))
	ts.Check(err)
	if size := fmt.Sprintf("%dx%d", img.Bounds().Dx(), img.Bounds().Dy()); format != args[1] || size != args[2] {
		ts.Fatalf("%s is %s of %s, want %s of %s", args[0], format, size, args[1], args[2])
	}
}

// sound checks that a file is a WAV with 16-bit samples of one channel at the rate,
// that its sizes are true, and that it is not silent.
func sound(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 2, "sound FILE RATE")
	b := []byte(ts.ReadFile(args[0]))
	var head struct {
		RIFF                         [4]byte
		Size                         uint32
		Form                         [8]byte
		FormatSize                   uint32
		Format, Channels             uint16
		Rate, BytesPerSecond         uint32
		BytesPerSample, BitsOfSample uint16
		Data                         [4]byte
		DataSize                     uint32
	}
	r := bytes.NewReader(b)
	ts.Check(binary.Read(r, binary.LittleEndian, &head))
	if string(head.RIFF[:]) != "RIFF" || string(head.Form[:]) != "WAVEfmt " || string(head.Data[:]) != "data" ||
		int(head.Size) != len(b)-8 || int(head.DataSize) != r.Len() || head.Format != 1 || head.Channels != 1 ||
		head.BitsOfSample != 16 || fmt.Sprint(head.Rate) != args[1] || head.BytesPerSecond != 2*head.Rate {
		ts.Fatalf("%s, of %d bytes, begins with %+v", args[0], len(b), head)
	}
	if len(bytes.Trim(b[len(b)-r.Len():], "\x00")) == 0 {
		ts.Fatalf("%s is silent", args[0])
	}
}

// narrow fails if a line of a file takes more than 80 columns of a terminal, or holds what a
// terminal obeys.
func narrow(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 1, "narrow FILE")
	for line := range strings.Lines(ts.ReadFile(args[0])) {
		line = strings.TrimSuffix(line, "\n")
		if w := uniseg.StringWidth(line); w > 80 {
			ts.Fatalf("a line of %s takes %d columns: %s", args[0], w, line)
		}
		if i := strings.IndexFunc(line, unicode.IsControl); i >= 0 {
			ts.Fatalf("a line of %s has the control character %q: %q", args[0], line[i], line)
		}
	}
}

// asJournalled compares the rows that genbatch show --json prints with the lines of the journal
// by their seq: everything that a line says, the row says too, and the amounts add up. There
// must be N rows.
func asJournalled(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 3, "asjournalled ROWS STATE N")
	type object = map[string]any
	journalled := make(map[float64]object)
	for line := range strings.Lines(ts.ReadFile(filepath.Join(args[1], "results-000001.jsonl"))) {
		var o object
		ts.Check(json.Unmarshal([]byte(line), &o))
		delete(o, "crc32c")
		if seq, ok := o["seq"].(float64); ok {
			journalled[seq] = o
		}
	}
	rows := 0
	for line := range strings.Lines(ts.ReadFile(args[0])) {
		rows++
		var row struct {
			Row     float64
			Result  object
			Earlier []object
			CostUSD json.Number            `json:"cost_usd"`
			Parts   map[string]json.Number `json:"by_part_usd"`
		}
		ts.Check(json.Unmarshal([]byte(line), &row))
		sum := new(big.Rat)
		for _, shown := range append(row.Earlier, row.Result) {
			if shown == nil {
				continue
			}
			attempts, _ := shown["spent"].([]any)
			for _, a := range attempts {
				cost, _ := a.(object)["cost_usd"].(float64)
				sum.Add(sum, exact(ts, strconv.FormatFloat(cost, 'f', 12, 64)))
				delete(a.(object), "cost_usd")
				delete(a.(object), "most_usd")
			}
			want := journalled[shown["seq"].(float64)]
			if want["occurrence"] == 0.0 {
				delete(want, "occurrence") // which the journal always has
			}
			if !reflect.DeepEqual(shown, want) {
				ts.Fatalf("row %v is shown as\n%v\nand the journal has\n%v", row.Row, shown, want)
			}
		}
		if row.CostUSD == "" {
			continue
		}
		parts := new(big.Rat)
		for _, n := range row.Parts {
			parts.Add(parts, exact(ts, string(n)))
		}
		if all := exact(ts, string(row.CostUSD)); all.Cmp(sum) != 0 || all.Cmp(parts) != 0 {
			ts.Fatalf("row %v costs %s; its attempts add up to %s, and the parts to %s", row.Row, row.CostUSD, sum.FloatString(12), parts.FloatString(12))
		}
	}
	if want, err := strconv.Atoi(args[2]); err != nil || rows != want {
		ts.Fatalf("%s has %d rows, want %s", args[0], rows, args[2])
	}
}

func exact(ts *testscript.TestScript, amount string) *big.Rat {
	r, ok := new(big.Rat).SetString(amount)
	if !ok {
		ts.Fatalf("%q is no amount", amount)
	}
	return r
}
