package price

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/genbatch/genbatch/internal/pacific"
	"github.com/genbatch/genbatch/internal/store"
)

// file is the schema of prices.json. It lists all keys, so that a typing error in a
// user's file is found. Values that Cost does not use are skipped.
type file struct {
	SchemaVersion int               `json:"schema_version"`
	Generated     string            `json:"generated"`
	Currency      string            `json:"currency"`
	Unit          string            `json:"unit"`
	Sources       map[string]Source `json:"sources"`
	Models        []fileModel       `json:"models"`
	Multiplier    multiplier        `json:"multiplier"` // for all list prices

	HowToUse    json.RawMessage `json:"how_to_use"`
	Multipliers json.RawMessage `json:"service_multipliers_if_unknown"`
	OtherPrices json.RawMessage `json:"other_prices"`
	FreeOnly    json.RawMessage `json:"free_only"`
	DoNotUse    json.RawMessage `json:"do_not_use"`
}

type fileModel struct {
	ID         string       `json:"id"`
	Aliases    []string     `json:"aliases"`
	Kind       string       `json:"kind"`
	Status     string       `json:"status"`
	Confidence string       `json:"confidence"`
	Notes      []string     `json:"notes"`
	Sources    []string     `json:"sources"`
	Periods    []filePeriod `json:"periods"`
	RoutedTo   *struct {
		Model string `json:"model"`
		From  string `json:"from"`
	} `json:"routed_to"`

	PerRequest json.Number `json:"per_request"` // for periods that have none of their own
	Multiplier multiplier  `json:"multiplier"`
	SameAs     string      `json:"same_as"`

	Grounding *fileGrounding  `json:"grounding"`
	PerImage  json.RawMessage `json:"per_image"`
	Limits    json.RawMessage `json:"limits"`
}

type filePeriod struct {
	From  string     `json:"from"`
	Until string     `json:"until"`
	Note  string     `json:"note"`
	Tiers []fileTier `json:"tiers"`

	PerRequest json.Number `json:"per_request"`

	Grounding    *fileGrounding  `json:"grounding"` // null means the model's
	CacheStorage json.RawMessage `json:"cache_storage_per_1m_token_hours"`
}

type fileTier struct {
	MaxPromptTokens *int64                 `json:"max_prompt_tokens"`
	Standard        map[string]json.Number `json:"standard"`
	Batch           map[string]json.Number `json:"batch"`
	Flex            map[string]json.Number `json:"flex"`
	Priority        map[string]json.Number `json:"priority"`
}

// LoadFile does what [Load] does, for a named file.
func LoadFile(name string) (*Table, error) {
	f, _, err := store.Open(name)
	if err != nil {
		if e, ok := errors.AsType[*fs.PathError](err); ok {
			err = e.Err // the name is said already
		}
		return nil, fmt.Errorf("price file %s: it cannot be opened: %w", name, err)
	}
	defer f.Close()
	t, err := load(f, name)
	if err != nil {
		return nil, fmt.Errorf("price file %s: %w", name, err)
	}
	return t, nil
}

// Load returns the built-in table with the entries of r added. An entry replaces the
// built-in one if its id is a name of that one. The schema is that of prices.json; from
// and until may be left out. A gateway's file can be as short as
//
//	{"models": [{"id": "gemini-2.5-flash", "periods": [{"tiers": [
//	  {"standard": {"input_text": 0.2, "output_text": 1.8, "cached_input": 0.02}}]}]}]}
//
// or {"multiplier": 0.6}. The format is described in docs/prices.md.
func Load(r io.Reader) (*Table, error) { return load(r, "") }

func load(r io.Reader, name string) (*Table, error) {
	d := Default()
	t := &Table{generated: d.generated, models: slices.Clone(d.models), byName: maps.Clone(d.byName)}
	if err := t.add(r, &Custom{File: name}, d); err != nil {
		return nil, err
	}
	return t, nil
}

// add reads a file and adds its entries. The multipliers in the file refer to list. Both
// custom and list are nil for the built-in file.
func (t *Table) add(r io.Reader, custom *Custom, list *Table) error {
	data, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	var f file
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&f); err != nil {
		return positioned(err, data, d.InputOffset())
	}
	if _, err := d.Token(); err != io.EOF {
		return positioned(errors.New("more follows after the closing brace"), data, d.InputOffset())
	}
	if f.SchemaVersion > 1 {
		return fmt.Errorf("schema_version %d is newer than this genbatch, which reads 1", f.SchemaVersion)
	}
	if f.Currency != "" && f.Currency != "USD" {
		return fmt.Errorf("currency %q: prices must be in USD", f.Currency)
	}
	if len(f.Models) == 0 && f.Multiplier.ratio == nil {
		return errors.New("there are no models in it, and no multiplier of the list prices")
	}
	if custom == nil {
		t.generated = f.Generated
	} else {
		custom.Date = f.Generated
		if f.Multiplier.ratio != nil {
			if err := t.multiplyAll(&f.Multiplier, *custom); err != nil {
				return err
			}
		}
	}
	zone := pacific.Location() // assumed: Google publishes a zone for quotas and none for prices
	seen := make(map[string]bool)
	for i := range f.Models {
		m, err := f.Models[i].model(f.Sources, list, &f.Multiplier, zone)
		if err != nil {
			return fmt.Errorf("line %d: model %d (%q): %w", lineOfModel(data, i), i+1, f.Models[i].ID, err)
		}
		if custom != nil {
			if m.Custom == nil {
				m.Custom = new(Custom)
			}
			m.Custom.File, m.Custom.Date, m.Custom.Named = custom.File, custom.Date, true
		}
		for _, name := range append([]string{m.ID}, m.Aliases...) {
			if seen[name] {
				return fmt.Errorf("line %d: model %d: the name %q is there twice", lineOfModel(data, i), i+1, name)
			}
			seen[name] = true
		}
		t.put(m)
	}
	return t.route()
}

// put adds a model. It replaces a model with the same id, and takes over that model's
// aliases, so that no list price remains under another name.
func (t *Table) put(m *Model) {
	if i := slices.IndexFunc(t.models, func(o *Model) bool { return o.ID == m.ID }); i >= 0 {
		old := t.models[i]
		t.models = slices.Delete(t.models, i, i+1)
		for _, name := range old.Aliases {
			if t.byName[name] == old && !slices.Contains(m.Aliases, name) {
				m.Aliases = append(m.Aliases, name)
			}
		}
	}
	t.models = append(t.models, m)
	for _, name := range append([]string{m.ID}, m.Aliases...) {
		t.byName[name] = m
	}
}

// lineOfModel returns the line on which the i-th model of a file begins. The file has been
// decoded before, so that it is known to be sound.
func lineOfModel(data []byte, i int) int {
	d := json.NewDecoder(bytes.NewReader(data))
	depth, inModels := 0, false
	for {
		t, err := d.Token()
		if err != nil {
			return 1
		}
		switch {
		case t == json.Delim('['), t == json.Delim('{'):
			if inModels && depth == 2 {
				if i--; i < 0 {
					return 1 + bytes.Count(data[:d.InputOffset()], []byte("\n"))
				}
			}
			depth++
		case t == json.Delim(']'), t == json.Delim('}'):
			depth--
		case depth == 1:
			inModels = t == "models"
		}
	}
}

// positioned adds the line to an error in the JSON.
func positioned(err error, data []byte, offset int64) error {
	switch {
	case err == io.EOF:
		err = errors.New("the file is empty: docs/prices.md describes the format")
	case err == io.ErrUnexpectedEOF:
		err, offset = errors.New("the file ends in the middle of a value"), int64(len(data))
	}
	if e, ok := errors.AsType[*json.SyntaxError](err); ok {
		offset = e.Offset
		at := data[max(0, min(offset-1, int64(len(data)))):]
		err = fmt.Errorf("%q is not valid JSON here", bytes.ToValidUTF8(at[:min(len(at), 12)], nil))
	}
	if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		offset = e.Offset
		err = fmt.Errorf("the value of %[2]s cannot be of type %[1]s", e.Value, cmp.Or(e.Field, "the file")) // its own text names Go types
	}
	offset = min(offset, int64(len(data)))
	if name, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		err = fmt.Errorf("unknown key %s: docs/prices.md describes the format", name)
	}
	return fmt.Errorf("line %d: %w", 1+bytes.Count(data[:offset], []byte("\n")), err)
}

func (f *fileModel) model(sources map[string]Source, list *Table, all *multiplier, zone *time.Location) (*Model, error) {
	if f.ID == "" {
		return nil, errors.New("it has no id: give the name by which the endpoint knows the model")
	}
	if f.Multiplier.ratio != nil || f.SameAs != "" {
		return f.derived(list, all)
	}
	m := &Model{
		ID: f.ID, Aliases: f.Aliases, Type: f.Kind, Status: f.Status, Confidence: f.Confidence, Notes: f.Notes,
	}
	m.OutputLimit, m.UnaryLimit = outputLimit(f.Limits)
	for _, key := range f.Sources {
		s := sources[key]
		s.Key = key
		m.Sources = append(m.Sources, s)
	}
	var err error
	if m.Grounding, err = f.Grounding.fees(); err != nil {
		return nil, fmt.Errorf("grounding: %w", err)
	}
	if f.RoutedTo != nil {
		m.RoutedTo, m.RoutedFrom = f.RoutedTo.Model, f.RoutedTo.From
		if m.routing.from, err = day(m.RoutedFrom, 0, zone); err != nil {
			return nil, fmt.Errorf("routed_to: %w", err)
		}
	}
	for i := range f.Periods {
		p, err := f.Periods[i].period(zone)
		if err != nil {
			return nil, fmt.Errorf("period %d: %w", i+1, err)
		}
		m.Periods = append(m.Periods, p)
	}
	fixed, err := perRequest(f.PerRequest)
	if err != nil {
		return nil, err
	}
	if fixed != nil && len(m.Periods) == 0 {
		m.Periods = []Period{{}} // all days
	}
	for i := range m.Periods {
		if m.Periods[i].PerRequest == nil {
			m.Periods[i].PerRequest = fixed
		}
	}
	slices.SortStableFunc(m.Periods, func(a, b Period) int { return a.from.Compare(b.from) })
	for i := 1; i < len(m.Periods); i++ {
		before := &m.Periods[i-1]
		if before.end.IsZero() || before.end.After(m.Periods[i].from) {
			return nil, fmt.Errorf("the period from %q overlaps the one from %q: give that one an earlier until", m.Periods[i].From, before.From)
		}
	}
	return m, nil
}

// outputLimit reads the one limit of a model that this program needs. It ignores
// everything else that a file says there.
func outputLimit(limits json.RawMessage) (limit int64, unary bool) {
	var l struct {
		Output int64 `json:"output"`
		Unary  int64 `json:"output_per_unary_rest_request"`
	}
	if len(limits) == 0 || json.Unmarshal(limits, &l) != nil {
		return 0, false
	}
	return max(0, cmp.Or(l.Output, l.Unary)), l.Output <= 0 && l.Unary > 0
}

func (f *filePeriod) period(zone *time.Location) (Period, error) {
	p := Period{From: f.From, Until: f.Until, Note: f.Note}
	var err error
	if p.Grounding, err = f.Grounding.fees(); err != nil {
		return p, fmt.Errorf("grounding: %w", err)
	}
	if p.PerRequest, err = perRequest(f.PerRequest); err != nil {
		return p, err
	}
	if p.from, err = day(f.From, 0, zone); err != nil {
		return p, fmt.Errorf("from: %w", err)
	}
	if p.end, err = day(f.Until, 1, zone); err != nil {
		return p, fmt.Errorf("until: %w", err)
	}
	if !p.end.IsZero() && !p.end.After(p.from) {
		return p, fmt.Errorf("until %s is before from %s", f.Until, f.From)
	}
	for i := range f.Tiers {
		t, err := f.Tiers[i].tier()
		if err != nil {
			return p, fmt.Errorf("tier %d: %w", i+1, err)
		}
		p.Tiers = append(p.Tiers, t)
	}
	size := func(t Tier) uint64 { return uint64(t.MaxPromptTokens) - 1 } // 0 means any size, and becomes the largest
	slices.SortStableFunc(p.Tiers, func(a, b Tier) int { return cmp.Compare(size(a), size(b)) })
	for i := 1; i < len(p.Tiers); i++ {
		if size(p.Tiers[i-1]) == size(p.Tiers[i]) {
			return p, errors.New("two tiers have the same max_prompt_tokens")
		}
	}
	return p, nil
}

func (f *fileTier) tier() (Tier, error) {
	t := Tier{Rates: make(map[Service]*Rates)}
	if f.MaxPromptTokens != nil {
		if t.MaxPromptTokens = *f.MaxPromptTokens; t.MaxPromptTokens <= 0 {
			return t, fmt.Errorf("max_prompt_tokens is %d: write null for any size", t.MaxPromptTokens)
		}
	}
	for i, prices := range []map[string]json.Number{f.Standard, f.Batch, f.Flex, f.Priority} {
		if prices == nil {
			continue
		}
		r, err := ratesOf(prices)
		if err != nil {
			return t, fmt.Errorf("%s: %w", Services[i], err)
		}
		t.Rates[Services[i]] = r
	}
	return t, nil
}

// ratesOf reads prices in USD per million tokens. It goes through the names in order, so
// that of two errors it always reports the same one.
func ratesOf(prices map[string]json.Number) (*Rates, error) {
	r := new(Rates)
	for _, name := range slices.Sorted(maps.Keys(prices)) {
		k := slices.Index(kindNames[:], name)
		if k < 0 {
			return nil, fmt.Errorf("unknown price %q: the known ones are %q", name, kindNames)
		}
		if prices[name] == "" { // null
			continue
		}
		perMillion, err := ParseUSD(prices[name].String())
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if perMillion < 0 {
			return nil, fmt.Errorf("%s: %s is below 0: a price is in USD for a million tokens", name, perMillion)
		}
		if perMillion%1e6 != 0 {
			return nil, fmt.Errorf("%s: %s per million tokens is finer than a pico-dollar a token (6 decimals)", name, perMillion)
		}
		r.token[k], r.known[k] = int64(perMillion/1e6), true
	}
	return r, nil
}

// day returns the midnight in Los Angeles at which the day s begins, plus more days. It
// returns the zero time if s is empty.
func day(s string, more int, zone *time.Location) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	t, err := time.ParseInLocation(time.DateOnly, s, zone)
	if err != nil {
		return time.Time{}, fmt.Errorf("%q is not a day like 2026-12-31", s)
	}
	return t.AddDate(0, 0, more), nil
}
