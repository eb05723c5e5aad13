package pack

import (
	"fmt"
	"iter"
	"log/slog"
	"slices"
	"sync"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/gemini"
	"github.com/genbatch/genbatch/internal/message"
)

const (
	// poolPacks is how many packs are formed at a time. Their rows are mixed, so that an input
	// that is sorted does not fill a pack with rows that are all alike.
	poolPacks = 16
	// poolBytes bounds the memory that the rows hold while they wait for their pack.
	poolBytes = 64 << 20
	// packBytes bounds the texts of a pack. It keeps prompts below 200,000 tokens, from where
	// on they cost twice as much: https://ai.google.dev/gemini-api/docs/pricing.
	packBytes = 512 << 10
)

// A Config says how rows share calls. Rows, Judge and Log are required.
type Config struct {
	Rows int // the most rows of a call, at least 1

	// OutputLimit returns the most tokens of an answer of a model, or 0 if that is not known.
	// Nil means that it is not known of any model.
	OutputLimit func(model string) int64

	// Judge returns why an answer is none to its row, or nil.
	Judge func(r *batch.Request, a *gemini.Answer) error

	// Later says that rows which need another attempt are not asked in this run of the engine:
	// see [batch.Config].Later. Each of them is then to be asked alone.
	Later bool

	Log *slog.Logger
}

// A Packer has rows share calls. It is safe for concurrent use.
type Packer struct {
	Config

	mu     sync.Mutex
	last   taker             // guarded by mu
	frames map[string]framed // by key; guarded by mu
	most   int               // the most rows of a call, by what packs have taught; guarded by mu
	told   bool              // of rows that cannot share a call; guarded by mu
	vain   int               // how many packs had no answer to any row, before one had; -1 from then on; guarded by mu
}

// A framed request is one that was seen before: its frame, or why it is asked alone.
type framed struct {
	*frame
	alone error
}

// framesKept bounds the memory for frames that do not come back.
const framesKept = 64

// New returns a Packer.
func New(c Config) *Packer {
	return &Packer{Config: c, frames: make(map[string]framed), most: c.Rows}
}

// takeApart returns a request's frame and its own text. The key is the same for all requests with
// the frame. The error says why the row cannot share its call.
func (p *Packer) takeApart(r *batch.Request) (key, text string, of *frame, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if key, text, err = p.last.take(r); err != nil {
		return "", "", nil, err
	}
	f, known := p.frames[key]
	if !known {
		f.frame, f.alone = newFrame(r)
		if len(p.frames) >= framesKept {
			clear(p.frames)
		}
		p.frames[key] = f
	}
	return key, text, f.frame, f.alone
}

// room returns the most rows of a model that can share a call.
func (p *Packer) room(f *frame, model string) int {
	most := p.mostRows()
	if limit := p.outputLimit(model); f.output > 0 && limit > 0 {
		most = min(most, int(limit/(f.output+OutputRoom)))
	}
	return max(1, most)
}

// mostRows returns the most rows of a call, by what packs have taught.
func (p *Packer) mostRows() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.most
}

func (p *Packer) outputLimit(model string) int64 {
	if p.OutputLimit == nil {
		return 0
	}
	return p.OutputLimit(model)
}

// learn notes that so many rows were too many for the limit of the output.
func (p *Packer) learn(rows int) {
	p.mu.Lock()
	most := max(1, rows/2)
	lower := most < p.most
	if lower {
		p.most = most
	}
	p.mu.Unlock()
	if lower {
		p.Log.Warn(fmt.Sprintf("the answer to %d rows was cut at the output limit: from here on %s a call; a higher --max-output-tokens leaves room for more",
			rows, message.Plural(most, "row")))
	}
}

// vainPacks is after how many packs without an answer to any row none is formed any more, as
// long as none had one. Such packs are paid for, and those that are halved several times over.
const vainPacks = 8

// judge notes whether a pack had an answer to any of its rows.
func (p *Packer) judge(answered bool) {
	p.mu.Lock()
	switch {
	case answered:
		p.vain = -1
	case p.vain >= 0:
		p.vain++
	}
	end := p.vain == vainPacks && p.most > 1
	if end {
		p.most = 1
	}
	p.mu.Unlock()
	if end {
		p.Log.Warn(fmt.Sprintf("none of %d answers that rows were to share had an answer to any of them: from here on each row is asked alone; "+
			"the model, or an endpoint that does not pass the schema on, may not be up to it: leave rows_per_call out", vainPacks))
	}
}

// tellAlone says once that rows cannot share calls.
func (p *Packer) tellAlone(why error) {
	p.mu.Lock()
	told := p.told
	p.told = true
	p.mu.Unlock()
	if !told {
		p.Log.Warn(fmt.Sprintf("rows are asked alone where they cannot share a call, such as the first of them: %v", why))
	}
}

// A row is the request of a single row, with the text that is its own.
type row struct {
	*batch.Request
	text string
}

// Join returns the call that rows share, which must be able to.
func (p *Packer) Join(rows []*batch.Request) (*batch.Request, error) {
	var f *frame
	all := make([]row, len(rows))
	for i, r := range rows {
		_, text, of, err := p.takeApart(r)
		if err != nil {
			return nil, err
		}
		f, all[i] = of, row{r, text}
	}
	return f.join(all, p.outputLimit(rows[0].Model))
}

// A pool holds rows until there are enough for packs.
type pool struct {
	*Packer
	groups map[groupKey]*group
	order  []groupKey // of groups, in the order in which they came
	rows   int
	bytes  int
}

// A groupKey is the same for rows that can share a call. They must have as many attempts left,
// since those of the call are those of its first row.
type groupKey struct {
	frame string
	tried int
}

// A group is the rows of a pool that can share calls.
type group struct {
	*frame
	rows []row
}

// Form returns the calls of a sequence of rows. Those that skip reports, which is asked at once
// after each row, come as they are, and so do rows that cannot share a call or are not to. The
// second function is skip for the calls. Skip may be nil.
func (p *Packer) Form(rows iter.Seq2[*batch.Request, error], skip func(*batch.Request) bool) (calls iter.Seq2[*batch.Request, error], skipCall func(*batch.Request) bool) {
	skipped := false
	calls = func(yield func(*batch.Request, error) bool) {
		pool := &pool{Packer: p, groups: make(map[groupKey]*group)}
		for r, err := range rows {
			if err != nil {
				yield(nil, err)
				return
			}
			skipped = skip != nil && skip(r)
			if skipped || !pool.add(r) {
				if !yield(r, nil) {
					return
				}
				skipped = false
				continue
			}
			if pool.rows >= poolPacks*p.Rows || pool.bytes >= poolBytes {
				if !pool.emit(false, yield) {
					return
				}
			}
		}
		pool.emit(true, yield)
	}
	return calls, func(*batch.Request) bool { return skipped }
}

// add takes a row into the pool. It returns false if the row is to be asked alone, as one is
// that an earlier call has left for that.
func (p *pool) add(r *batch.Request) bool {
	if len(r.Changes) > 0 {
		return false
	}
	key, text, f, err := p.takeApart(r)
	if err == nil && len(text) > packBytes {
		err = errAlone("its text is long enough for a call of its own")
	}
	if err == nil && p.room(f, r.Model) == 1 {
		return false // which was said when it was learned
	}
	if err != nil {
		p.tellAlone(err)
		return false
	}
	of := groupKey{key, r.History.Tried()}
	g := p.groups[of]
	if g == nil {
		g = &group{frame: f}
		p.groups[of] = g
		p.order = append(p.order, of)
	}
	g.rows = append(g.rows, row{r, text})
	p.rows++
	p.bytes += len(r.Body)
	return true
}

// emit yields full packs, and at the end the others too. Where rows differ so much that hardly
// any pack is full, all of them go: they cannot wait for others for ever.
func (p *pool) emit(end bool, yield func(*batch.Request, error) bool) bool {
	before := p.rows
	if !p.emitFull(end, yield) {
		return false
	}
	if !end && p.rows > before/2 {
		return p.emitFull(true, yield)
	}
	return true
}

func (p *pool) emitFull(all bool, yield func(*batch.Request, error) bool) bool {
	for _, key := range p.order {
		if !p.emitGroup(p.groups[key], all, yield) {
			return false
		}
	}
	p.order = slices.DeleteFunc(p.order, func(key groupKey) bool {
		if len(p.groups[key].rows) > 0 {
			return false
		}
		delete(p.groups, key)
		return true
	})
	return true
}

// emitGroup yields the full packs of a group, or all of its rows in packs of about the same
// size.
func (p *pool) emitGroup(g *group, all bool, yield func(*batch.Request, error) bool) bool {
	slices.SortFunc(g.rows, func(a, b row) int { return a.ID().Compare(b.ID()) })
	most := p.room(g.frame, g.rows[0].Model)
	for len(g.rows) >= most || all && len(g.rows) > 0 {
		n := min(most, len(g.rows))
		if all {
			packs := (len(g.rows) + most - 1) / most
			n = (len(g.rows) + packs - 1) / packs
		}
		rows := fitting(g.rows[:n])
		g.rows = g.rows[len(rows):]
		p.rows -= len(rows)
		for _, r := range rows {
			p.bytes -= len(r.Body)
		}
		call, err := g.join(rows, p.outputLimit(rows[0].Model))
		if !yield(call, err) || err != nil {
			return false
		}
	}
	g.rows = slices.Clone(g.rows)
	return true
}

// fitting returns the first of the rows, as many as have room in a pack for their texts.
func fitting(rows []row) []row {
	bytes := 0
	for i, r := range rows {
		if bytes += len(r.text); bytes > packBytes && i > 0 {
			return rows[:i]
		}
	}
	return rows
}
