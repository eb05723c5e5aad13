package price

import (
	"bytes"
	_ "embed" // prices.json
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/genbatch/genbatch/internal/message"
)

// A Service is a way of serving calls that has prices of its own.
type Service string

// The services, as prices.json names them.
const (
	Standard Service = "standard"
	Batch    Service = "batch"
	Flex     Service = "flex"
	Priority Service = "priority"
)

// Services lists the services in the order in which they are shown.
var Services = []Service{Standard, Batch, Flex, Priority}

// A Kind is a kind of tokens that has a price of its own.
type Kind uint8

// The kinds.
const (
	InputText Kind = iota
	InputImage
	InputVideo
	InputAudio
	OutputText // thinking included
	OutputImage
	OutputVideo
	OutputAudio
	CachedInput // text, image and video
	CachedInputAudio
	kinds
)

// Kinds lists the kinds in the order in which they are shown.
var Kinds = []Kind{
	InputText, InputImage, InputVideo, InputAudio, CachedInput, CachedInputAudio,
	OutputText, OutputImage, OutputVideo, OutputAudio,
}

var kindNames = [kinds]string{
	"input_text", "input_image", "input_video", "input_audio",
	"output_text", "output_image", "output_video", "output_audio",
	"cached_input", "cached_input_audio",
}

// String returns the kind's key in prices.json.
func (k Kind) String() string {
	if k < kinds {
		return kindNames[k]
	}
	return "unknown kind"
}

// Rates are the prices of one service. The zero value has none.
type Rates struct {
	token [kinds]int64 // in pico-dollars per token
	known [kinds]bool
}

// PerMillion returns the price of a million tokens. The result is false if the kind is
// not offered, or its price is not known. A price of 0 means that it is free.
func (r *Rates) PerMillion(k Kind) (USD, bool) {
	if k >= kinds || !r.known[k] {
		return 0, false
	}
	return USD(r.token[k] * 1e6), true
}

// A Tier holds the prices of requests up to a certain size. The size of its prompt decides
// which tier applies to all of a request.
type Tier struct {
	MaxPromptTokens int64 // 0 means any size
	Rates           map[Service]*Rates
}

// A Period holds the prices of a range of days. The days are those of Los Angeles.
type Period struct {
	From, Until string // the first and the last day, such as "2026-12-31"; empty means open
	Note        string
	Tiers       []Tier // by size; empty if no price of tokens is known for these days

	// PerRequest is a price for each request that was answered, whatever its length, or
	// nil if there is none. Without tiers it is the whole price.
	PerRequest *USD

	// As names the model that serves and is billed in these days in the place of the
	// entry's own; see [Model.RoutedTo]. It is empty if the entry's own is.
	As string

	Grounding *Grounding // nil means the model's
	from, end time.Time  // the first instant, and the first one after the period; zero means open
}

// A Source says where a price was read.
type Source struct {
	Key  string
	What string `json:"what"`
	Date string `json:"date"`
	Via  string `json:"via"`
	Rank string `json:"rank"`
}

// A Model is an entry of the table. Its slices and maps are read-only.
type Model struct {
	ID         string
	Aliases    []string
	Type       string // text, image, tts, stt, embedding, video, alias
	Status     string // available, or what has become of the model
	Confidence string // how certain the prices are
	Notes      []string
	Sources    []Source
	Periods    []Period // by date

	// RoutedTo names the model that answers and is billed in place of this one, from
	// the day RoutedFrom on. It is empty if there is none. The Periods from that day on
	// are those of the other model. [Table.Vertex] has no routings.
	RoutedTo   string
	RoutedFrom string

	// OutputLimit is the largest unary answer in tokens, thinking included. It is 0 if
	// the table does not say. UnaryLimit says that a streamed answer may be longer.
	OutputLimit int64
	UnaryLimit  bool

	Grounding *Grounding // nil if the table has no fees of searches

	Custom *Custom // nil if the entry is from the built-in table

	routing routing
}

// At returns the period that contains t, or nil if the table has none.
func (m *Model) At(t time.Time) *Period {
	for i := range m.Periods {
		p := &m.Periods[i]
		if !t.Before(p.from) && (p.end.IsZero() || t.Before(p.end)) {
			return p
		}
	}
	return nil
}

// Priced reports whether any price is known. It is false for a nil Period.
func (p *Period) Priced() bool { return p != nil && (len(p.Tiers) > 0 || p.PerRequest != nil) }

// Quoted returns the rates by which a model is compared with others: the standard ones for the
// smallest prompts. It is nil if there are none, as for a nil Period.
func (p *Period) Quoted() *Rates {
	if p == nil || len(p.Tiers) == 0 {
		return nil
	}
	return p.Tiers[0].Rates[Standard]
}

// A Table is a set of dated prices. It is read-only and safe for concurrent use.
// Get one from [Default], [Load] or [LoadFile].
type Table struct {
	generated string
	models    []*Model // in the order of the file; the user's own come last
	byName    map[string]*Model
}

//go:embed prices.json
var defaultJSON []byte

var defaultTable = sync.OnceValue(func() *Table {
	t := &Table{byName: make(map[string]*Model)}
	if err := t.add(bytes.NewReader(defaultJSON), nil, nil); err != nil {
		panic("price: internal error: prices.json: " + err.Error()) // TestDefault reads the same bytes
	}
	return t
})

// Default returns the table that is built into genbatch.
func Default() *Table { return defaultTable() }

// Generated returns the day on which the built-in table was compiled.
func (t *Table) Generated() string { return t.generated }

// Models returns all entries, sorted by name.
func (t *Table) Models() []Model {
	all := make([]Model, len(t.models))
	for i, m := range t.models {
		all[i] = *m
	}
	slices.SortFunc(all, func(a, b Model) int { return strings.Compare(a.ID, b.ID) })
	return all
}

// Nearest returns the name of the model that a name without an entry was most likely meant
// to be. It is empty if there is no such model.
func (t *Table) Nearest(name string) string {
	var ids []string
	for _, m := range t.Models() {
		ids = append(ids, m.ID)
	}
	return message.NearestWithin(3, name, ids)
}

// An Entry is what the table says about a model at a certain time.
type Entry struct {
	Model
	Period   *Period // no price is known if it is nil, or not [Period.Priced]
	Warnings []string
}

// Lookup returns the entry that a model's name stands for, and whether there is one.
func (t *Table) Lookup(model string, at time.Time) (Entry, bool) {
	m := t.find(model)
	if m == nil {
		return Entry{}, false
	}
	return Entry{Model: *m, Period: m.At(at), Warnings: m.warnings(at)}, true
}

// find resolves a name. It looks for the name as it is, and then without what Google and
// gateways put around it, piece by piece. It never guesses: a name with anything else in
// it is another model.
func (t *Table) find(name string) *Model {
	if m := t.byName[name]; m != nil {
		return m
	}
	if i := strings.LastIndex(name, "models/"); i == 0 || i > 0 && name[i-1] == '/' {
		name = name[i+len("models/"):]
	}
	for _, seller := range []string{"google/", "gemini/", "vertex_ai/", "vertex/"} { // OpenRouter, LiteLLM and their like
		name = strings.TrimPrefix(name, seller)
	}
	for {
		if m := t.byName[name]; m != nil {
			return m
		}
		short := cutSuffix(name)
		if short == name {
			return nil
		}
		name = short
	}
}

// dated finds the day of a version: -06-17, -09-2025, -2026-08-13, -20260813.
var dated = regexp.MustCompile(`-(?:\d\d-\d\d|\d\d-20\d\d|20\d\d-\d\d-\d\d|20\d{6})$`)

// freeSuffixes change how a model is asked, and not its price of a token.
var freeSuffixes = []string{"-simulated", "-latest", "-nothinking", "-thinking", "-minimal", "-low", "-medium", "-high", "-xhigh"}

// cutSuffix cuts one suffix that does not change the price:
//
//	-simulated                               the simulator
//	-latest, -06-17                          the newest version, or that of a day
//	@001, @default                           a version on Vertex AI
//	-nothinking, -thinking, -thinking-1024   gateways of the new-api family; -high and its
//	                                         like are their names for thinkingLevel
//	-001                                     Google's name for a fixed stable version
func cutSuffix(name string) string {
	if i := strings.LastIndexByte(name, '@'); i > 0 {
		return name[:i]
	}
	if day := dated.FindStringIndex(name); day != nil {
		return name[:day[0]]
	}
	for _, s := range freeSuffixes {
		if short, ok := strings.CutSuffix(name, s); ok {
			return short
		}
	}
	i := strings.LastIndexByte(name, '-')
	if i < 0 {
		return name
	}
	number := name[i+1:]
	if number == "" || strings.Trim(number, "0123456789") != "" {
		return name
	}
	if short, ok := strings.CutSuffix(name[:i], "-thinking"); ok {
		return short
	}
	if len(number) == 3 && strings.HasPrefix(number, "00") {
		return name[:i]
	}
	return name
}
