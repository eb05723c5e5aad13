// Package fileformat tells from a file's name which format and compression it has. The
// reader and the writer share it, so that one name cannot mean two things.
package fileformat

import (
	"fmt"
	"path/filepath"
	"strings"
)

// The formats, by the names that users give them.
const (
	JSONL   = "jsonl"
	CSV     = "csv"
	TSV     = "tsv"
	Parquet = "parquet"

	// Files makes a row of each file of an input. No output has this format.
	Files = "files"
)

// A File is what is known of a data file before it is opened.
type File struct {
	Format      string // one of the constants
	Compression string // "gz", "zst" or empty
	Extension   string // in lower case with its dot; it stands before .gz or .zst
}

// Of returns the format and the compression of the file at path. The compression always
// follows from the extension. The format does so only if the argument format is empty;
// its case does not matter. An error names flag, the flag by which the user gives a format.
func Of(path, format, flag string) (File, error) {
	var f File
	name := strings.ToLower(filepath.Base(path))
	if ext := filepath.Ext(name); ext == ".gz" || ext == ".zst" {
		f.Compression = ext[1:]
		name = strings.TrimSuffix(name, ext)
	}
	f.Extension = filepath.Ext(name)
	isInput := flag == "--input-format"
	switch f.Format = strings.ToLower(format); f.Format {
	case JSONL, CSV, TSV, Parquet:
		return f, nil
	case Files:
		if isInput {
			return f, nil
		}
	case "":
		if f.Format = byExtension(f.Extension); f.Format == "" {
			if way := foreign[f.Extension]; way != "" && isInput {
				return File{}, fmt.Errorf("a %s file is not read here; %s", f.Extension, way)
			}
			err := fmt.Errorf("the extension %q says no format; give %s jsonl, csv, tsv or parquet", f.Extension, flag)
			if foreign[f.Extension] == sheet { // of an output
				err = fmt.Errorf("a %s file is not written here; write .csv with --bom, which Excel opens, or give %s jsonl, csv, tsv or parquet", f.Extension, flag)
			}
			if f.Extension == ".txt" && isInput {
				err = fmt.Errorf("%w; lines of plain text become JSONL with: jq -Rc '{text: .}' FILE", err)
			} else if isInput {
				err = fmt.Errorf("%w, or files if each file is a row", err)
			}
			return File{}, err
		}
		return f, nil
	}
	known := "jsonl, csv, tsv or parquet"
	if isInput {
		known = "jsonl, csv, tsv, parquet, or files for a row of each file"
	}
	return File{}, fmt.Errorf("unknown %s %q; it is %s", flag, format, known)
}

// IsForeign reports whether a file's extension stands for a format that others write, and that
// is not read here.
func IsForeign(path string) bool {
	return foreign[strings.ToLower(filepath.Ext(path))] != ""
}

// foreign says what to do about inputs in formats that others write.
var foreign = map[string]string{
	".xlsx": sheet, ".xls": sheet, ".xlsm": sheet, ".xlsb": sheet, ".ods": sheet, ".numbers": sheet,
	".bz2": "unpack it, for example with: bunzip2 -k FILE",
	".xz":  "unpack it, for example with: unxz -k FILE",
	".zip": "unpack it, for example with: unzip FILE",
	".tar": archive, ".tgz": archive, ".7z": archive, ".rar": archive,
	".lz4": "unpack it, for example with: lz4 -d FILE",
	".z":   "unpack it, for example with: gunzip FILE",
	".sz":  "unpack it first", ".br": "unpack it, for example with: brotli -d FILE",
	".feather": arrow, ".arrow": arrow, ".ipc": arrow, ".orc": arrow, ".avro": arrow, ".pkl": arrow, ".pickle": arrow,
	".gsheet": "it is a link to a Google sheet; open that and save it with File > Download > Comma-separated values",
	".db":     database, ".sqlite": database, ".sqlite3": database, ".duckdb": database,
	".html": "save the table as CSV", ".htm": "save the table as CSV", ".xml": "convert it to CSV or JSONL", ".yaml": "convert it to JSONL", ".yml": "convert it to JSONL",
}

const (
	sheet    = "save the sheet as CSV UTF-8 from the program that made it; or with LibreOffice: soffice --headless --convert-to 'csv:Text - txt - csv (StarCalc):44,34,76' FILE; or with Python: pandas.read_excel(FILE).to_csv(FILE + '.csv', index=False)"
	archive  = "unpack it, and name the files in it"
	arrow    = "convert it to Parquet, for example with pandas, Polars or DuckDB"
	database = "export the table as CSV or Parquet from the database"
)

// byExtension returns the format that an extension stands for, or "".
func byExtension(ext string) string {
	switch ext {
	case ".jsonl", ".ndjson", ".json":
		return JSONL
	case ".csv":
		return CSV
	case ".tsv":
		return TSV
	case ".parquet":
		return Parquet
	}
	return ""
}
