package textfile

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/ianaindex"
	"golang.org/x/text/encoding/unicode/utf32"
	"golang.org/x/text/transform"
)

// Encodings returns the names by which encodings are best known, for near matches and
// help. Others are known too: see [FindEncoding].
func Encodings() []string {
	return []string{
		"utf-8", "utf-16", "utf-16le", "utf-16be", "utf-32le", "utf-32be",
		"windows-1250", "windows-1251", "windows-1252", "windows-1253", "windows-1254", "windows-1255", "windows-1256", "windows-1257", "windows-1258", "windows-874",
		"iso-8859-1", "iso-8859-2", "iso-8859-5", "iso-8859-7", "iso-8859-9", "iso-8859-15", "latin-1",
		"shift_jis", "euc-jp", "iso-2022-jp", "gbk", "gb18030", "gb2312", "big5", "euc-kr", "koi8-r", "koi8-u",
		"macintosh", "mac-roman", "ibm437", "ibm850", "ibm852", "ibm855", "ibm858", "ibm866", "cp1252", "cp932",
	}
}

// An Encoding turns the bytes of a text file into UTF-8. The zero value is UTF-8 itself.
type Encoding struct {
	name  string
	utf16 byteOrder         // for UTF-16
	table encoding.Encoding // for all others but UTF-8
}

type byteOrder uint8

const (
	notUTF16 byteOrder = iota
	littleEndian
	bigEndian
)

// Name returns the encoding's usual name, in lower case.
func (e Encoding) Name() string {
	if e.name == "" {
		return "utf-8"
	}
	return e.name
}

// FindEncoding returns the encoding that a name stands for: one of those that IANA or the
// WHATWG lists, or one by which Python or Windows calls it. The case does not matter. The
// empty name stands for UTF-8.
func FindEncoding(name string) (Encoding, error) {
	plain := strings.ReplaceAll(strings.ToLower(strings.TrimSpace(name)), "_", "-")
	if known, ok := aliases[plain]; ok {
		plain = known
	} else if m := codePage.FindStringSubmatch(plain); m != nil {
		plain = byCodePage(m[1])
	}
	switch plain {
	case "", "utf-8":
		return Encoding{}, nil
	case "utf-16", "utf-16le":
		return Encoding{name: plain, utf16: littleEndian}, nil
	case "utf-16be":
		return Encoding{name: plain, utf16: bigEndian}, nil
	case "utf-32", "utf-32le":
		return Encoding{name: plain, table: utf32.UTF32(utf32.LittleEndian, utf32.IgnoreBOM)}, nil
	case "utf-32be":
		return Encoding{name: plain, table: utf32.UTF32(utf32.BigEndian, utf32.IgnoreBOM)}, nil
	case "ibm858":
		plain = "ibm00858" // as IANA writes it
	}
	// IANA first: the WHATWG takes Latin-1 for windows-1252.
	for _, name := range []string{plain, strings.ReplaceAll(plain, "-", "_")} {
		e, err := ianaindex.IANA.Encoding(name)
		if err != nil || e == nil {
			if e, err = htmlindex.Get(name); err != nil || e == encoding.Replacement {
				continue
			}
		}
		if usual, err := htmlindex.Name(e); err == nil {
			name = usual
		}
		return Encoding{name: strings.Replace(name, "ibm00", "ibm", 1), table: e}, nil
	}
	return Encoding{}, fmt.Errorf("there is no encoding %q", name)
}

// aliases are the names that neither IANA nor the WHATWG has, or that they take for
// something else. Underscores are hyphens here.
var aliases = map[string]string{
	"utf8": "utf-8", "utf-8-sig": "utf-8", "utf8-sig": "utf-8", "utf-8-bom": "utf-8", "ascii": "utf-8", "us-ascii": "utf-8",
	"utf16": "utf-16", "utf16le": "utf-16le", "utf-16-le": "utf-16le", "utf16be": "utf-16be", "utf-16-be": "utf-16be",
	"unicode": "utf-16le", "ucs-2": "utf-16le", "ucs-2le": "utf-16le", "ucs-2be": "utf-16be",
	"utf32": "utf-32", "utf32le": "utf-32le", "utf-32-le": "utf-32le", "utf32be": "utf-32be", "utf-32-be": "utf-32be",
	"latin1": "iso-8859-1", "latin-1": "iso-8859-1", "l1": "iso-8859-1", "latin": "iso-8859-1", "iso8859-1": "iso-8859-1", "latin-2": "iso-8859-2", "latin-9": "iso-8859-15",
	"sjis": "shift-jis", "s-jis": "shift-jis", "shiftjis": "shift-jis", "ms932": "shift-jis", "windows-31j": "shift-jis",
	"eucjp": "euc-jp", "euckr": "euc-kr", "uhc": "euc-kr", "ms949": "euc-kr",
	"mac": "macintosh", "mac-roman": "macintosh", "macroman": "macintosh", "mac-cyrillic": "x-mac-cyrillic", "maccyrillic": "x-mac-cyrillic",
	"koi8r": "koi8-r", "koi8u": "koi8-u",
}

// codePage matches the number by which Windows and DOS know an encoding.
var codePage = regexp.MustCompile(`^(?:cp|win|windows|ms|ibm)-?(\d+)$`)

// byCodePage returns the name of a code page.
func byCodePage(number string) string {
	switch number {
	case "65001":
		return "utf-8"
	case "1200":
		return "utf-16le"
	case "1201":
		return "utf-16be"
	case "932":
		return "shift-jis"
	case "936":
		return "gbk"
	case "949":
		return "euc-kr"
	case "950":
		return "big5"
	case "54936":
		return "gb18030"
	case "51932":
		return "euc-jp"
	case "10000":
		return "macintosh"
	case "20866":
		return "koi8-r"
	case "21866":
		return "koi8-u"
	case "874":
		return "windows-874"
	case "28605":
		return "iso-8859-15"
	}
	if iso, ok := strings.CutPrefix(number, "285"); ok && len(number) == 5 { // 28591 is ISO 8859-1
		if iso = strings.TrimPrefix(iso, "9"); len(iso) == 1 {
			return "iso-8859-" + iso
		}
	}
	if strings.HasPrefix(number, "125") {
		return "windows-" + number
	}
	return "ibm" + number
}

// reader returns what decodes r.
func (e Encoding) reader(r *bufio.Reader) io.Reader {
	switch {
	case e.utf16 != notUTF16:
		return &utf16Reader{r: r, big: e.utf16 == bigEndian}
	case e.table != nil:
		return transform.NewReader(r, strict{e.table.NewDecoder()})
	}
	return r
}

// undecodable stands in decoded text for bytes that are no character of the encoding. It is
// no UTF-8, so that only the row in which it stands is refused.
const undecodable = 0xFF

// strict is a decoder that puts undecodable where the decoder in it puts U+FFFD. No encoding
// but those of Unicode has that character, and it stands for what could not be decoded.
type strict struct{ transform.Transformer }

// Transform implements transform.Transformer.
func (s strict) Transform(dst, src []byte, atEOF bool) (nDst, nSrc int, err error) {
	nDst, nSrc, err = s.Transformer.Transform(dst, src, atEOF)
	n := 0
	for i := 0; i < nDst; n++ { // a decoder writes whole characters
		if i+3 <= nDst && dst[i] == 0xEF && dst[i+1] == 0xBF && dst[i+2] == 0xBD {
			dst[n] = undecodable
			i += 3
			continue
		}
		dst[n] = dst[i]
		i++
	}
	return n, nSrc, err
}

// bomOf returns the encoding that a byte order mark at the beginning of a text says, and the
// length of the mark, which is 0 if there is none.
func bomOf(head []byte) (Encoding, int) {
	switch {
	case len(head) >= 3 && head[0] == 0xEF && head[1] == 0xBB && head[2] == 0xBF:
		return Encoding{}, 3
	case len(head) >= 2 && head[0] == 0xFF && head[1] == 0xFE:
		return Encoding{name: "utf-16le", utf16: littleEndian}, 2
	case len(head) >= 2 && head[0] == 0xFE && head[1] == 0xFF:
		return Encoding{name: "utf-16be", utf16: bigEndian}, 2
	}
	return Encoding{}, 0
}

// decode takes a byte order mark away, and puts what decodes the text in between. A mark
// counts before the encoding that the user says, since no text begins with one by chance.
func (t *File) decode(said Encoding) error {
	const start = 512 // bytes, by which files of other kinds are known
	head, err := t.Peek(start)
	if err != nil && err != io.EOF && len(head) < 4 {
		return err
	}
	t.start = bytes.Clone(head)
	t.Encoding = said
	if strings.HasPrefix(said.name, "utf-32") && (bytes.HasPrefix(head, []byte("\xff\xfe\x00\x00")) || bytes.HasPrefix(head, []byte("\x00\x00\xfe\xff"))) {
		t.Discard(4)
	} else if marked, n := bomOf(head); n > 0 {
		t.Marked, t.Encoding, t.mark = true, marked, n
		t.Discard(n)
	}
	if r := t.Encoding.reader(t.Reader); r != t.Reader {
		t.Reader = bufio.NewReaderSize(r, Buffer)
	}
	return nil
}

// errCutShort is the end of UTF-16 inside of a character.
var errCutShort = errors.New("the UTF-16 text ends in the middle of a character; the file was cut short")
