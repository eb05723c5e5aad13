package textfile

import (
	"bufio"
	"bytes"
	"cmp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A Guess is an encoding in which a text makes sense.
type Guess struct {
	Encoding string // as FindEncoding takes it
	Sample   string // a piece of the text, read so
}

// candidates are the encodings of old files that are still met. Of those that read a text
// alike, the first one counts.
var candidates = []string{
	"windows-1252", "shift_jis", "gbk", "big5", "euc-kr", "euc-jp", "windows-1251", "koi8-r", "windows-1250", "windows-1253", "windows-1254",
	"windows-1255", "windows-1256", "windows-1257", "windows-874", "macintosh", "ibm850", "ibm866", "ibm852",
}

// GuessEncoding returns the encodings in which the beginning of a text makes sense, the
// likeliest first, and not more than three. It returns none for UTF-8. The last line may be
// cut off.
func GuessEncoding(head []byte) []Guess {
	if e := wide(head); e != "" {
		return []Guess{{Encoding: e, Sample: sampleOf(decoded(head[:min(len(head), 256)&^3], e))}}
	}
	lines := foreignLines(head)
	if len(lines) == 0 {
		return nil
	}
	type scored struct {
		Guess
		score float64
	}
	var all []scored
	for _, name := range candidates {
		text := decoded(lines, name)
		score := plausibility(text, name)
		sample := sampleOf(text)
		if score <= 0.2 || slices.ContainsFunc(all, func(s scored) bool { return s.Sample == sample }) {
			continue
		}
		all = append(all, scored{Guess{name, sample}, score})
	}
	slices.SortStableFunc(all, func(a, b scored) int { return cmp.Compare(b.score, a.score) })
	var guesses []Guess
	for i, s := range all {
		const near, most = 0.9, 3
		if i == most || s.score < near*all[0].score {
			break
		}
		guesses = append(guesses, s.Guess)
	}
	return guesses
}

// wide returns the name of the UTF-16 or UTF-32 that a text seems to be in, by its zero bytes.
func wide(head []byte) string {
	head = head[:min(len(head), 4096)&^3]
	if len(head) < 4 {
		return ""
	}
	var zeros [4]int
	for i, c := range head {
		if c == 0 {
			zeros[i%4]++
		}
	}
	n := len(head) / 4
	is := func(zero ...int) bool {
		for i := range zeros {
			// Most characters of a table are of ASCII, whatever its language.
			if full := zeros[i] > n*4/10; full != slices.Contains(zero, i) {
				return false
			}
		}
		return true
	}
	switch {
	case is(1, 3):
		return "utf-16le"
	case is(0, 2):
		return "utf-16be"
	case is(1, 2, 3):
		return "utf-32le"
	case is(0, 1, 2):
		return "utf-32be"
	}
	return ""
}

// foreignLines returns the lines of a text that are not UTF-8, up to some length.
func foreignLines(head []byte) []byte {
	const most = 16 << 10
	var lines []byte
	for line := range bytes.Lines(head) {
		if len(lines)+len(line) > most {
			line = line[:most-len(lines)]
		}
		if bytes.HasSuffix(line, []byte("\n")) && !utf8.Valid(line) {
			lines = append(lines, line...)
		}
	}
	if len(lines) == 0 && !validStart(head) { // a single line
		lines = head[:min(len(head), most)]
		if i := bytes.LastIndexAny(lines, " ,;\t\""); i > len(lines)*3/4 {
			lines = lines[:i]
		}
	}
	return lines
}

// validStart reports whether a text is UTF-8 as far as it goes: its last character may be
// cut off.
func validStart(text []byte) bool {
	for n := range min(utf8.UTFMax, len(text)+1) {
		if utf8.Valid(text[:len(text)-n]) {
			return true
		}
	}
	return false
}

// decoded returns a text in UTF-8, with undecodable for what is no character.
func decoded(text []byte, name string) string {
	e, err := FindEncoding(name)
	if err != nil {
		return ""
	}
	var b strings.Builder
	r := e.reader(bufio.NewReader(bytes.NewReader(text)))
	buf := make([]byte, 4096)
	for {
		n, err := r.Read(buf)
		b.Write(buf[:n])
		if err != nil {
			return b.String()
		}
	}
}

// sampleOf returns a few words of a text, about its first character that is not of ASCII.
func sampleOf(text string) string {
	const around = 14 // characters on either side
	at := strings.IndexFunc(text, func(r rune) bool { return r >= utf8.RuneSelf })
	before, after := []rune(text[:max(at, 0)]), []rune(text[max(at, 0):])
	isEnd := func(r rune) bool { return unicode.IsControl(r) || strings.ContainsRune(",;|\"", r) }
	for i := len(before) - 1; i >= 0; i-- {
		if isEnd(before[i]) || len(before)-i > around {
			before = before[i+1:]
			break
		}
	}
	for i, r := range after {
		if isEnd(r) || i > around {
			after = after[:i]
			break
		}
	}
	return strings.TrimSpace(string(before) + string(after))
}

// plausibility says how much a text looks like one that people write, by its characters that
// are not of ASCII and those beside them. What no text has is below 0, and good text is
// about 1. A few characters tell little, so that what most files are in counts before them.
func plausibility(text, encoding string) float64 {
	runes := []rune(text)
	sum, n := 1.2, 2
	if encoding == "windows-1252" {
		sum = 2
	}
	for i, r := range runes {
		if r < utf8.RuneSelf {
			continue
		}
		before, after := ' ', ' '
		if i > 0 {
			before = runes[i-1]
		}
		if i+1 < len(runes) {
			after = runes[i+1]
		}
		sum += likely(before, r, after)
		n++
	}
	return sum / float64(n)
}

// Characters that are frequent where they occur at all.
const (
	westLetters   = "äöüßéèêëàâáãåæçñóòôõøíìîïúùûœÄÖÜÉÀÅØÇÑ"
	frequentHan   = "的一是不了人我在有他这為为之大来來以個个中上们們到说說國国和地也子時时道出而要于於就下得可你年生自會会那后後能對对着著事其里裡所去行过過家十用發发天如然作方成者多日都三小軍军二無无同么麼經经法當当起與与好看學学進进種种將将還还分此心前面又定見见只主沒没公從从很最高品質质店服务務價价格買买物快用便宜電电池機机"
	frequentSyll  = "이다는을가에하의고로지한도은를사어아시기리나자인서라해대일그있었습니들만전수정보상장부주면제게안요구여"
	pairedMarks   = "’‘“”–—…•€£°§«»©®™·¿¡„‚"
	asianMarks    = "、。，．！？：；「」『』（）【】・〜ー…《》　"
	brokenLetters = 0xFF61 // halfwidth forms, which begin here
)

// likely says how well a character goes with those beside it.
func likely(before, r, after rune) float64 {
	isASCIILetter := func(r rune) bool { return r < utf8.RuneSelf && unicode.IsLetter(r) }
	switch {
	case r == utf8.RuneError, unicode.IsControl(r), unicode.Is(unicode.Co, r), !unicode.IsGraphic(r):
		return -10
	case strings.ContainsRune(asianMarks, r) && !isASCIILetter(before) && !isASCIILetter(after):
		return 1
	case strings.ContainsRune(pairedMarks, r):
		if unicode.IsLetter(before) && unicode.IsLetter(after) && r != '’' && r != '·' {
			return -0.5
		}
		return 0.8
	case r >= brokenLetters && r < 0xFFA0:
		return 0
	case unicode.Is(unicode.Latin, r):
		if before >= utf8.RuneSelf && unicode.IsLetter(before) && !unicode.Is(unicode.Latin, before) {
			return -0.5
		}
		if unicode.IsUpper(r) && unicode.IsLower(before) {
			return -1
		}
		if before >= utf8.RuneSelf && after >= utf8.RuneSelf && unicode.IsLetter(before) && unicode.IsLetter(after) {
			return 0.2 // no language of Latin letters has many such words
		}
		if !strings.ContainsRune(westLetters, r) {
			return 0.6
		}
		return 1
	case unicode.In(r, unicode.Hiragana, unicode.Katakana, unicode.Han, unicode.Hangul):
		return asian(before, r, after, isASCIILetter)
	case unicode.IsLetter(r), unicode.IsMark(r):
		return otherLetter(before, r, after, isASCIILetter)
	}
	return -0.5 // boxes, fractions and other signs
}

// asian says it of the characters of China, Japan and Korea.
func asian(before, r, after rune, isASCIILetter func(rune) bool) float64 {
	hangul := unicode.Is(unicode.Hangul, r)
	switch {
	case isASCIILetter(before) && isASCIILetter(after):
		return -0.5
	case hangul && (unicode.Is(unicode.Han, before) || unicode.Is(unicode.Han, after)):
		return -0.5
	case unicode.In(r, unicode.Hiragana, unicode.Katakana):
		return 1.1
	case hangul && strings.ContainsRune(frequentSyll, r), strings.ContainsRune(frequentHan, r):
		return 1.3
	}
	return 0.45
}

// otherLetter says it of letters of other scripts.
func otherLetter(before, r, after rune, isASCIILetter func(rune) bool) float64 {
	switch {
	case isASCIILetter(before) || isASCIILetter(after):
		return -0.5
	case unicode.IsUpper(r) && unicode.IsLower(before):
		return -1
	case strings.ContainsRune("ךםןףץ", r) && unicode.Is(unicode.Hebrew, after):
		return -1 // the form at the end of a word
	case strings.ContainsRune("оеаинтсрвлкмαοιετνσρι", r), unicode.Is(unicode.Hebrew, r):
		return 1.1
	case unicode.IsUpper(r):
		return 0.7
	}
	return 0.9
}
