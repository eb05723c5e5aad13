package fileformat

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
)

// OtherKind says what a file is whose content begins with head, and what to do about it, if it
// is clearly not the text that its name promises. Otherwise it returns "". wanted is one of
// the constants.
func OtherKind(head []byte, wanted string) string {
	begins := func(prefixes ...string) bool {
		return slices.ContainsFunc(prefixes, func(p string) bool { return bytes.HasPrefix(head, []byte(p)) })
	}
	switch {
	case begins("PK\x03\x04", "PK\x05\x06"):
		return zipKind(head)
	case begins("\xd0\xcf\x11\xe0"):
		return "is an Excel workbook of the old kind (.xls), whatever its name says; " + sheet
	case begins("\x1f\x8b"):
		return "is compressed with gzip; give it a name that ends in .gz"
	case begins("\x28\xb5\x2f\xfd"):
		return "is compressed with zstd; give it a name that ends in .zst"
	case begins("\xfd7zXZ"), bzip2.Match(head):
		return "is compressed in a way that is not read here; unpack it first, for example with bunzip2 or unxz"
	case begins("PAR1") && bytes.ContainsFunc(head[:min(len(head), 64)], isControl): // else PAR1 is a column's name
		return "is a Parquet file; read it with --input-format parquet"
	case begins("%PDF-"):
		return "is a PDF, not a table; save the table as CSV from the program that made it"
	}
	first, _, _ := bytes.Cut(bytes.TrimLeft(head, " \t\r\n"), []byte("\n"))
	lower := strings.ToLower(string(first[:min(len(first), 100)]))
	switch {
	case strings.HasPrefix(lower, "<!doctype"), strings.HasPrefix(lower, "<html"), strings.HasPrefix(lower, "<?xml"):
		if bytes.Contains(head, []byte("urn:schemas-microsoft-com:office")) {
			return "is HTML or XML that Excel opens as a sheet, whatever its name says; " + sheet
		}
		return "is HTML or XML, not a table; perhaps a download that failed, or that asks you to sign in"
	case wanted != JSONL && (strings.HasPrefix(lower, `{"`) || strings.HasPrefix(lower, `{ "`) || strings.HasPrefix(lower, `[{`)):
		return "is JSON; read it with --input-format jsonl if it has one object a line"
	}
	return ""
}

// zipKind says what a ZIP archive holds, by the names of the files that it begins with.
func zipKind(head []byte) string {
	holds := func(name string) bool { return bytes.Contains(head, []byte(name)) }
	switch {
	case holds("application/vnd.oasis.opendocument.spreadsheet"):
		return "is a sheet of LibreOffice (.ods), whatever its name says; " + sheet
	case holds("xl/"), holds("[Content_Types].xml"), holds("_rels/.rels"):
		return "is an Excel workbook (.xlsx), whatever its name says; " + sheet
	case holds("Index/"), holds("preview.jpg"):
		return "is a sheet of Numbers, whatever its name says; export it as CSV from Numbers (File > Export To > CSV)"
	}
	return "is an Excel workbook or another archive, whatever its name says; unpack it and name the file in it, or " + sheet
}

// NotLines says why a file of JSON that begins with head has not one object a line, and what
// to do about it. It returns "" if it seems to have. dotJSON says that the extension is .json,
// which may also stand for a single JSON document.
func NotLines(head []byte, dotJSON bool) string {
	head = bytes.TrimLeft(head[:min(len(head), 512)], " \t\r\n")
	first, _, ended := bytes.Cut(head, []byte("\n"))
	switch first = bytes.TrimRight(first, " \t\r"); {
	case string(first) == "[" && ended, dotJSON && bytes.HasPrefix(first, []byte("[")), arrayOfObjects.Match(first) && !bytes.Contains(head, []byte("\n{")):
		return "is one JSON array, not one object a line; convert it, for example with: jq -c '.[]'"
	case string(first) == "{" && ended:
		return "has JSON objects over several lines, not one a line; convert it, for example with: jq -c . FILE"
	case carriageReturns.Match(head):
		return "the lines end in a bare carriage return; convert them, for example with: tr '\\r' '\\n'"
	}
	return ""
}

// bzip2 matches the beginning of a file that bzip2 wrote, also of nothing. A column's name may
// begin with its first letters.
var bzip2 = regexp.MustCompile(`^BZh[1-9](1AY&SY|\x17rE8P)`)

// isControl reports whether a character does not occur in text.
func isControl(c rune) bool { return c < ' ' && c != '\t' && c != '\n' && c != '\r' }

// arrayOfObjects matches the beginning of a table as one array.
var arrayOfObjects = regexp.MustCompile(`^\[[ \t]*\{`)

// carriageReturns matches two objects with only a carriage return between them. It never
// matches inside a string, where a carriage return and a quote have to be escaped.
var carriageReturns = regexp.MustCompile(`^\{[^\n]*\}[ \t]*\r[ \t]*\{"`)
