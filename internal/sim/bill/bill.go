// Package bill is the simulator's own account of what it bills. An [Item] is the tokens of
// one answer, and a [Ledger] adds them up by what decides their price. It keeps apart what
// the caller cannot have seen: an answer that broke on its way is billed all the same.
//
// There are no prices here. A test that holds a job's cost against the account states them
// itself, so that it shares nothing with what it tests.
package bill

import (
	"cmp"
	"encoding/hex"
	"slices"
	"sync"
	"time"
)

// A Fate is what the caller has seen of an answer.
type Fate string

// The fates of an answer. Without its usage, nobody can tell what an answer has cost.
const (
	Delivered  Fate = "delivered"
	Unmeasured Fate = "unmeasured" // delivered without its usage
	Lost       Fate = "lost"       // cut, or of a batch whose results nobody has fetched
)

// Tokens are what an answer is billed for. Tokens that are in none of the modalities are
// text.
type Tokens struct {
	Prompt   int64 `json:"prompt"` // the cached ones included
	Cached   int64 `json:"cached,omitzero"`
	Tool     int64 `json:"tool,omitzero"` // that tools have added to the prompt
	Output   int64 `json:"output"`        // without the thoughts
	Thoughts int64 `json:"thoughts,omitzero"`

	PromptImage int64 `json:"promptImage,omitzero"` // pages of documents are images
	PromptVideo int64 `json:"promptVideo,omitzero"`
	PromptAudio int64 `json:"promptAudio,omitzero"`
	OutputImage int64 `json:"outputImage,omitzero"`
	OutputAudio int64 `json:"outputAudio,omitzero"`

	Searches int64 `json:"searches,omitzero"` // queries
	Grounded int64 `json:"grounded,omitzero"` // answers for which there were any
}

// Add adds other tokens.
func (t *Tokens) Add(o *Tokens) {
	t.Prompt += o.Prompt
	t.Cached += o.Cached
	t.Tool += o.Tool
	t.Output += o.Output
	t.Thoughts += o.Thoughts
	t.PromptImage += o.PromptImage
	t.PromptVideo += o.PromptVideo
	t.PromptAudio += o.PromptAudio
	t.OutputImage += o.OutputImage
	t.OutputAudio += o.OutputAudio
	t.Searches += o.Searches
	t.Grounded += o.Grounded
}

// SplitPrompt says of what modality some tokens of the prompt are.
func (t *Tokens) SplitPrompt(modality string, n int) {
	switch modality {
	case "IMAGE", "DOCUMENT":
		t.PromptImage += int64(n)
	case "VIDEO":
		t.PromptVideo += int64(n)
	case "AUDIO":
		t.PromptAudio += int64(n)
	}
}

// SplitOutput says likewise of some tokens of the output.
func (t *Tokens) SplitOutput(modality string, n int) {
	switch modality {
	case "IMAGE":
		t.OutputImage += int64(n)
	case "AUDIO":
		t.OutputAudio += int64(n)
	}
}

// An Item is what one answer is billed for. The zero value stands for no answer.
type Item struct {
	Model string // that answered, as the modelVersion has it
	Tier  string // standard, flex, priority or batch
	Tokens
	Digest [32]byte // of what was asked and what was answered
}

// A Charge is an item with its fate.
type Charge struct {
	Item
	Fate Fate
}

// Deliver says that the caller has got the answer, with its usage or without.
func (c *Charge) Deliver(measured bool) {
	c.Fate = Delivered
	if !measured {
		c.Fate = Unmeasured
	}
}

// BreakOff says that the model stopped within a stream, of which the caller has seen so many
// tokens of output. No more than these are billed.
func (c *Charge) BreakOff(output int) {
	c.Fate = Delivered
	c.Output, c.OutputImage, c.OutputAudio, c.Digest = int64(output), 0, 0, [32]byte{}
}

// A Class is what decides the price of a token, and the fate. Models have another price
// above a length of the prompt, and from a day on.
type Class struct {
	Model string `json:"model"`
	Tier  string `json:"tier"`
	Day   string `json:"day"`           // 2026-11-29, by the clock of California in winter
	Long  bool   `json:"long,omitzero"` // the prompt has more than 200,000 tokens
	Fate  Fate   `json:"fate"`
}

// long is the length of a prompt above which some models cost more.
const long = 200_000

// A Line is the sum of all items of one class.
type Line struct {
	Class
	Calls int64 `json:"calls"`
	Tokens
}

// A Ledger adds up items. The zero value is empty, and it is safe for concurrent use.
type Ledger struct {
	mu     sync.Mutex
	lines  map[Class]*Line
	digest [32]byte // the exclusive or over the delivered items
}

// Add enters a charge. The zero Charge enters nothing.
func (l *Ledger) Add(c *Charge) {
	if c.Model == "" {
		return
	}
	day := time.Now().UTC().Add(-8 * time.Hour).Format(time.DateOnly)
	l.enter(&Line{Class{c.Model, c.Tier, day, c.Prompt > long, c.Fate}, 1, c.Tokens}, c.Digest)
}

func (l *Ledger) enter(one *Line, digest [32]byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	sum := l.lines[one.Class]
	if sum == nil {
		if l.lines == nil {
			l.lines = map[Class]*Line{}
		}
		sum = &Line{Class: one.Class}
		l.lines[one.Class] = sum
	}
	sum.Calls += one.Calls
	sum.Tokens.Add(&one.Tokens)
	if one.Fate == Delivered {
		for i := range digest {
			l.digest[i] ^= digest[i]
		}
	}
}

// AddAll enters what another ledger has. If it is not delivered, all of it is lost.
func (l *Ledger) AddAll(o *Ledger, delivered bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	digest := o.digest // enters once
	for _, line := range o.lines {
		one := *line
		if !delivered {
			one.Fate = Lost
		}
		l.enter(&one, digest)
		if one.Fate == Delivered {
			digest = [32]byte{}
		}
	}
}

// A Statement is what a ledger says.
type Statement struct {
	PromptTokens     int64 `json:"promptTokens"` // the cached ones included
	CachedTokens     int64 `json:"cachedTokens"`
	CandidatesTokens int64 `json:"candidatesTokens"`
	ThoughtsTokens   int64 `json:"thoughtsTokens"`

	Bill []Line `json:"bill,omitempty"` // sorted

	// AnswersXOR is the exclusive or of the SHA-256 of each delivered answer, in hexadecimal
	// digits. What is hashed is the text that was asked, a line feed, and the answer.
	AnswersXOR string `json:"answersXor"`
}

// Statement returns the sums of all that was entered.
func (l *Ledger) Statement() Statement {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := Statement{AnswersXOR: hex.EncodeToString(l.digest[:])}
	for _, line := range l.lines {
		s.Bill = append(s.Bill, *line)
		s.PromptTokens += line.Prompt
		s.CachedTokens += line.Cached
		s.CandidatesTokens += line.Output
		s.ThoughtsTokens += line.Thoughts
	}
	slices.SortFunc(s.Bill, func(a, b Line) int {
		short := cmp.Compare(a.Prompt, b.Prompt) // last: only Long may differ still
		return cmp.Or(cmp.Compare(a.Day, b.Day), cmp.Compare(a.Model, b.Model), cmp.Compare(a.Tier, b.Tier), cmp.Compare(a.Fate, b.Fate), short)
	})
	return s
}
