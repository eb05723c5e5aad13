package fileformat

import (
	"net/url"
	"path"
	"regexp"
	"strings"
)

// address matches what begins like an address of the web or of an object store.
var address = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]+://`)

// IsAddress reports whether what stands in the place of a path is an address, such as that of
// a page, and no path.
func IsAddress(text string) bool { return address.MatchString(text) }

// sheetAddress matches the address of a Google sheet, as the browser shows it. The second form
// is that of a sheet that was published.
var sheetAddress = regexp.MustCompile(`^https?://docs\.google\.com/spreadsheets/(?:u/\d+/)?d/(e/)?([\w-]+)`)

// sheetNumber matches the number of a sheet in the address of its table.
var sheetNumber = regexp.MustCompile(`[#&?]gid=(\d+)`)

// driveAddress matches the address of a file in Google Drive.
var driveAddress = regexp.MustCompile(`^https?://drive\.google\.com/(?:file/d/([\w-]+)|(?:open|uc)\?(?:.*&)?id=([\w-]+))`)

// Download says how the table at an address becomes a file, since inputs are read twice and
// more, and must stay as they are. It returns "" for a path.
func Download(text string) string {
	if !IsAddress(text) {
		return ""
	}
	scheme, _, _ := strings.Cut(text, "://")
	switch strings.ToLower(scheme) {
	case "s3":
		return "aws s3 cp " + quoted(text) + " " + quoted(fileOf(text))
	case "gs":
		return "gcloud storage cp " + quoted(text) + " " + quoted(fileOf(text))
	case "hdfs":
		return "hdfs dfs -get " + quoted(text) + " " + quoted(fileOf(text))
	case "file":
		return ""
	case "http", "https":
	default:
		return "its own program"
	}
	if m := sheetAddress.FindStringSubmatch(text); m != nil {
		from := "https://docs.google.com/spreadsheets/d/" + m[2] + "/export?format=csv"
		if m[1] != "" {
			from = "https://docs.google.com/spreadsheets/d/e/" + m[2] + "/pub?output=csv"
		}
		if n := sheetNumber.FindStringSubmatch(text); n != nil {
			from += "&gid=" + n[1]
		}
		return "curl -fL -o sheet.csv " + quoted(from)
	}
	if m := driveAddress.FindStringSubmatch(text); m != nil {
		return "curl -fL -o table.csv " + quoted("https://drive.google.com/uc?export=download&id="+m[1]+m[2])
	}
	return "curl -fL -o " + quoted(fileOf(text)) + " " + quoted(text)
}

// fileOf returns the name of the file that an address ends in.
func fileOf(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return "table.csv"
	}
	name := path.Base(u.Path)
	if _, err := Of(name, "", "--input-format"); err != nil {
		return "table.csv"
	}
	return name
}

// quoted puts a word in quotes for a shell, if it needs them.
func quoted(word string) string {
	if !strings.ContainsAny(word, " \t\n'\"\\$&;|<>()*?[]#~`!{}=") {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
