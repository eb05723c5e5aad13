package textfile

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestFindEncoding(t *testing.T) {
	for name, want := range map[string]string{
		"": "utf-8", "UTF8": "utf-8", "utf-8-sig": "utf-8", "ascii": "utf-8", "cp65001": "utf-8",
		"Windows-1252": "windows-1252", "cp1252": "windows-1252", "CP-1252": "windows-1252", "win1251": "windows-1251",
		"latin1": "iso-8859-1", "Latin-1": "iso-8859-1", "ISO_8859-1": "iso-8859-1", "28591": "", "cp28591": "iso-8859-1", "iso-8859-15": "iso-8859-15",
		"UTF-16": "utf-16", "utf_16_le": "utf-16le", "UTF-16BE": "utf-16be", "unicode": "utf-16le", "utf-32": "utf-32",
		"Shift_JIS": "shift_jis", "shift-jis": "shift_jis", "sjis": "shift_jis", "cp932": "shift_jis", "EUC-JP": "euc-jp", "ISO-2022-JP": "iso-2022-jp",
		"GBK": "gbk", "cp936": "gbk", "gb2312": "gbk", "GB18030": "gb18030", "Big5": "big5", "cp950": "big5",
		"EUC-KR": "euc-kr", "cp949": "euc-kr", "KOI8-R": "koi8-r", "koi8_u": "koi8-u", "MacRoman": "macintosh", "mac-roman": "macintosh",
		"IBM437": "ibm437", "cp437": "ibm437", "cp850": "ibm850", "ibm858": "ibm858", "cp866": "ibm866",
		"hz-gb-2312": "hz-gb-2312", "iso-2022-kr": "", "klingon": "", "cp99": "", "windows-9": "",
	} {
		e, err := FindEncoding(name)
		if got := e.Name(); (err == nil) != (want != "") || err == nil && strings.ReplaceAll(got, "-", "_") != strings.ReplaceAll(want, "-", "_") {
			t.Errorf("%q is %q (%v), want %q", name, got, err, want)
		}
	}
	for _, name := range Encodings() {
		if _, err := FindEncoding(name); err != nil {
			t.Errorf("%s is recommended, and not known: %v", name, err)
		}
	}
}

// What iconv writes in an encoding is read as it was.
func TestIconv(t *testing.T) {
	iconv, err := exec.LookPath("iconv")
	if err != nil {
		t.Skip("iconv, with which the encodings are compared, is not installed; on Debian: apt-get install libc-bin")
	}
	texts := map[string]string{
		"windows-1252": "Größe – “café” €5", "iso-8859-1": "Größe café ñ", "iso-8859-15": "œuvre €5", "windows-1250": "Příliš žluťoučký", "iso-8859-2": "Zażółć gęślą jaźń",
		"windows-1251": "Очень хорошо", "koi8-r": "Очень хорошо", "ibm866": "Очень хорошо", "windows-1253": "Πολύ καλό", "windows-1254": "Çok güzel, ışık", "windows-1255": "טוב מאוד", "windows-1256": "جيد جدا",
		"shift_jis": "とても良い、ソ能表", "euc-jp": "とても良い", "iso-2022-jp": "とても良い\nそう", "gbk": "非常好，質量", "gb18030": "非常好😀", "big5": "非常好，品質", "euc-kr": "아주 좋아요",
		"macintosh": "Größe café “x”", "ibm437": "Größe café", "ibm850": "Größe café Ø", "utf-16le": "a高😀", "utf-16be": "a高😀", "utf-32le": "a高😀", "utf-32be": "a高😀",
	}
	for name, text := range texts {
		t.Run(name, func(t *testing.T) {
			text := strings.Repeat(text+"\r\n", 40_000/len(text)) // over the edges of buffers
			cmd := exec.Command(iconv, "-f", "utf-8", "-t", name)
			cmd.Stdin = strings.NewReader(text)
			coded, err := cmd.Output()
			if err != nil {
				t.Fatal(err)
			}
			e, err := FindEncoding(name)
			if err != nil {
				t.Fatal(err)
			}
			if got := openText(t, coded, e); got != text {
				t.Errorf("got %.80q, want %.80q", got, text)
			}
		})
	}
}

// openText returns the text of a file.
func openText(t *testing.T, content []byte, e Encoding) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "a.txt")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := Source{Path: path, Encoding: e}.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	text, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// A text that is said to be in UTF-16, and has no zero at all, is refused rather than read as a
// heap of rare characters.
func TestNotUTF16(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.csv")
	for text, fails := range map[string]bool{"id,body\n1,é\n": true, "i\x00d\x00\n\x00": false, "\xef\xbb\xbfid\n": false, "": false} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		e, err := FindEncoding("utf-16le")
		if err != nil {
			t.Fatal(err)
		}
		_, err = Source{Path: path, Encoding: e}.Look()
		if (err != nil) != fails || err != nil && !strings.Contains(err.Error(), "is no text in utf-16le") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// What is no character becomes a byte that is no UTF-8, one for each fault, and the text
// after it is read. Half a character at the end of the file is one too.
func TestUndecodable(t *testing.T) {
	for name, tt := range map[string]struct{ in, want string }{
		"shift_jis":    {"a\x82\nb\x8d\x82\x82", "a\xff\nb高\xff"},
		"gbk":          {"\xff,\xb7\xc7", "\xff,非"},
		"euc-kr":       {"\xb0\xa1\xff\nx", "가\xff\nx"},
		"windows-1253": {"\xd2,\xe1", "\xff,α"},
		"utf-16le":     {"\x00\xd8a\x00", "\xed\xa0\x80a"},
	} {
		e, err := FindEncoding(name)
		if err != nil {
			t.Fatal(err)
		}
		if got := openText(t, []byte(tt.in), e); got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}

// A byte order mark counts before what is said, and is no part of the text.
func TestMarks(t *testing.T) {
	for _, tt := range []struct{ said, in, want string }{
		{"", "\xef\xbb\xbfä", "ä"},
		{"windows-1252", "\xef\xbb\xbfä", "ä"},
		{"windows-1252", "\xff\xfea\x00", "a"},
		{"utf-16", "\xfe\xff\x00a", "a"},
		{"utf-16", "a\x00", "a"},
		{"utf-16be", "\xff\xfea\x00", "a"},
		{"utf-32le", "\xff\xfe\x00\x00a\x00\x00\x00", "a"},
		{"", "", ""},
		{"shift_jis", "a", "a"},
	} {
		e, err := FindEncoding(tt.said)
		if err != nil {
			t.Fatal(err)
		}
		if got := openText(t, []byte(tt.in), e); got != tt.want {
			t.Errorf("%q as %q: %q, want %q", tt.in, tt.said, got, tt.want)
		}
	}
}

// Texts of many languages are known by the encodings in which their countries wrote them.
func TestGuessEncoding(t *testing.T) {
	for _, tt := range []struct{ encoding, text string }{
		{"windows-1252", "id,body\n1,It’s great – really\n2,café\n"},
		{"windows-1252", "id,body\n1,Größe passt, sehr schön\n2,für uns zu groß\n"},
		{"windows-1252", "id,text\n1,El señor Núñez pidió más\n2,¿Qué tal?\n"},
		{"windows-1252", "id,text\n1,Le colis est arrivé très vite, déjà utilisé\n"},
		{"windows-1252", "id,text\n1,naïve\n"},
		{"macintosh", "id,body\n1,Größe passt, sehr schön für uns\n2,“très bien” déjà\n"},
		{"windows-1251", "id,body\n1,Очень хороший товар, спасибо\n2,Не работает\n"},
		{"koi8-r", "id,body\n1,Очень хороший товар, спасибо\n2,Не работает\n"},
		{"ibm866", "id,body\n1,Очень хороший товар, спасибо\n2,Не работает\n"},
		{"windows-1250", "id,body\n1,Příliš žluťoučký kůň úpěl\n2,ďábelské ódy\n"},
		{"windows-1253", "id,body\n1,Πολύ καλό προϊόν, ευχαριστώ\n"},
		{"windows-1255", "id,body\n1,מוצר טוב מאוד\n"},
		{"shift_jis", "id,body\n1,とても良い商品でした。また買います。\n2,届くのが遅い\n"},
		{"shift_jis", "id,body\n1,高品質\n2,ソフト\n"},
		{"euc-jp", "id,body\n1,とても良い商品でした。また買います。\n2,届くのが遅い\n"},
		{"gbk", "id,body\n1,质量很好，我会再来买的\n2,电池用了一天就坏了\n"},
		{"big5", "id,body\n1,品質很好，我會再來買的\n2,電池用了一天就壞了\n"},
		{"euc-kr", "id,body\n1,아주 좋은 상품입니다. 다시 사겠습니다\n2,배송이 늦어요\n"},
		{"utf-16le", "id,body\n1,größer\n2,plain text in English\n"},
		{"utf-16be", "id,body\n1,größer\n2,plain text in English\n"},
		{"utf-32le", "id,body\n1,größer\n2,plain text in English\n"},
	} {
		e, err := FindEncoding(tt.encoding)
		if err != nil {
			t.Fatal(err)
		}
		coded := encode(t, e, tt.text)
		guesses := GuessEncoding(coded)
		if len(guesses) == 0 || guesses[0].Encoding != tt.encoding {
			t.Errorf("%s %q: guessed as %v", tt.encoding, tt.text, guesses)
			continue
		}
		if s := guesses[0].Sample; s == "" || !strings.Contains(tt.text, s) {
			t.Errorf("%s: the sample %q is not in %q", tt.encoding, s, tt.text)
		}
	}
	for _, text := range []string{"", "plain\n", "Größe, 高品質, 😀\n", "half a character at the end: \xe9\xab"} {
		if guesses := GuessEncoding([]byte(text)); len(guesses) > 0 {
			t.Errorf("%q is UTF-8, and was guessed as %v", text, guesses)
		}
	}
}

func encode(t *testing.T, e Encoding, text string) []byte {
	t.Helper()
	if e.table != nil {
		coded, err := e.table.NewEncoder().String(text)
		if err != nil {
			t.Fatal(err)
		}
		return []byte(coded)
	}
	var b bytes.Buffer
	for _, r := range text { // none of them needs a surrogate
		if e.utf16 == bigEndian {
			b.Write([]byte{byte(r >> 8), byte(r)})
		} else {
			b.Write([]byte{byte(r), byte(r >> 8)})
		}
	}
	return b.Bytes()
}

// FuzzEncodings reads any bytes in any encoding: it ends, and what is not UTF-8 was no character.
func FuzzEncodings(f *testing.F) {
	for _, name := range Encodings() {
		f.Add([]byte("a,b\n\x82\xa0\xff\xfe\x00\n"), name)
	}
	f.Fuzz(func(t *testing.T, text []byte, name string) {
		e, err := FindEncoding(name)
		if err != nil {
			return
		}
		GuessEncoding(text)
		if e.table == nil {
			return
		}
		got := decoded(text, name)
		if rest := strings.ToValidUTF8(got, ""); strings.Count(got, "\xff") != len(got)-len(rest) {
			t.Errorf("%q as %s is %q", text, name, got)
		}
	})
}
