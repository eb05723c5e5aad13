package fileformat

import (
	"strings"
	"testing"
)

func TestOf(t *testing.T) {
	for _, c := range []struct {
		path, format string
		want         File
	}{
		{"a.jsonl", "", File{JSONL, "", ".jsonl"}},
		{"a.ndjson", "", File{JSONL, "", ".ndjson"}},
		{"a.json", "", File{JSONL, "", ".json"}},
		{"a.csv", "", File{CSV, "", ".csv"}},
		{"a.tsv", "", File{TSV, "", ".tsv"}},
		{"a.parquet", "", File{Parquet, "", ".parquet"}},
		{"DIR/A.CSV.GZ", "", File{CSV, "gz", ".csv"}},
		{"a.b.jsonl.zst", "", File{JSONL, "zst", ".jsonl"}},
		{"a.parquet.gz", "", File{Parquet, "gz", ".parquet"}}, // the caller says what is wrong with it
		{"a.json", "JSONL", File{JSONL, "", ".json"}},
		{"a.txt.gz", "Csv", File{CSV, "gz", ".txt"}},
		{"noname", "tsv", File{TSV, "", ""}},
		{"a.jsonl", "parquet", File{Parquet, "", ".jsonl"}},
		{".csv", "", File{CSV, "", ".csv"}},
		{"a.eml.gz", "Files", File{Files, "gz", ".eml"}},
	} {
		if got, err := Of(c.path, c.format, "--input-format"); err != nil || got != c.want {
			t.Errorf("Of(%q, %q) = %+v, %v, want %+v", c.path, c.format, got, err, c.want)
		}
	}
}

func TestOfRefuses(t *testing.T) {
	for _, c := range []struct{ path, format, flag, want string }{
		{"a.txt", "", "--input-format", `the extension ".txt" says no format; give --input-format jsonl, csv, tsv or parquet; lines of plain text become JSONL with: jq -Rc '{text: .}' FILE`},
		{"a.TXT.gz", "", "--output-format", `the extension ".txt" says no format; give --output-format jsonl, csv, tsv or parquet`},
		{"csv", "", "--input-format", `the extension "" says no format; give --input-format jsonl, csv, tsv or parquet, or files if each file is a row`},
		{"a.gz", "", "--input-format", `the extension "" says no format; give --input-format jsonl, csv, tsv or parquet, or files if each file is a row`},
		{"a.csv.bz2", "", "--input-format", `a .bz2 file is not read here; unpack it, for example with: bunzip2 -k FILE`},
		{"A.XLS", "", "--input-format", `a .xls file is not read here; save the sheet as CSV UTF-8 from the program that made it; or with LibreOffice: soffice --headless --convert-to 'csv:Text - txt - csv (StarCalc):44,34,76' FILE; or with Python: pandas.read_excel(FILE).to_csv(FILE + '.csv', index=False)`},
		{"a.orc.gz", "", "--input-format", `a .orc file is not read here; convert it to Parquet, for example with pandas, Polars or DuckDB`},
		{"a.csv", "XML", "--input-format", `unknown --input-format "XML"; it is jsonl, csv, tsv, parquet, or files for a row of each file`},
		{"a.csv", "files", "--output-format", `unknown --output-format "files"; it is jsonl, csv, tsv or parquet`},
		{"a.csv", "ndjson", "--output-format", `unknown --output-format "ndjson"; it is jsonl, csv, tsv or parquet`},
	} {
		if got, err := Of(c.path, c.format, c.flag); err == nil || err.Error() != c.want || got != (File{}) {
			t.Errorf("Of(%q, %q, %q) = %+v, %v, want %s", c.path, c.format, c.flag, got, err, c.want)
		}
	}
}

// A table whose first column is called as other files begin is a table.
func TestOtherKind(t *testing.T) {
	for head, want := range map[string]string{
		"PAR1,PAR2\n1,2\n":                   "",
		"PAR1":                               "",
		"PAR1\x15\x04\x15\x80":               "is a Parquet file",
		"BZh,town\n1,2\n":                    "",
		"BZh91AY&SY\x00\x01":                 "is compressed in a way that is not read here",
		"BZh9\x17rE8P\x90\x00\x00\x00\x00":   "is compressed in a way that is not read here",
		"\xfd7zXZ\x00":                       "is compressed in a way that is not read here",
		"%PDF-1.7\n":                         "is a PDF",
		"\x1f\x8b\x08":                       "is compressed with gzip",
		"[{\"a\":1}]":                        "is JSON",
		"<a>,b\n1,2\n":                       "",
		" <!DOCTYPE html>\n<title>x</title>": "is HTML or XML",
	} {
		if got := OtherKind([]byte(head), CSV); (got == "") != (want == "") || !strings.HasPrefix(got, want) {
			t.Errorf("%q %q, want %q", head, got, want)
		}
	}
}
