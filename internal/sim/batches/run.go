package batches

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/genbatch/genbatch/internal/sim/bill"
	"github.com/genbatch/genbatch/internal/sim/filestore"
	"github.com/genbatch/genbatch/internal/sim/wire"
)

// The limits of a block of rows, which is what is in memory at a time. A block has at
// least one row.
const (
	blockRows  = 1024
	blockBytes = 8 << 20
)

// A block is some rows of an input.
type block struct {
	lines  [][]byte
	offset int64 // in the input, behind them
}

// blocks calls f for each block of an input, from an offset on. A block that f asks for has
// at most the rows that limit returns, and the blocks end where that is 0.
func blocks(input *filestore.Content, offset int64, limit func() int, f func(block) error) error {
	r := bufio.NewReaderSize(input.ReaderAt(offset), 1<<20)
	for {
		most := min(limit(), blockRows)
		if most <= 0 {
			return nil
		}
		b := block{offset: offset}
		size := 0
		var err error
		for err == nil && len(b.lines) < most && size < blockBytes {
			var line []byte
			line, err = r.ReadBytes('\n')
			if err != nil && err != io.EOF {
				return err
			}
			b.offset += int64(len(line))
			size += len(line)
			if line = bytes.TrimSpace(line); len(line) > 0 {
				b.lines = append(b.lines, line)
			}
		}
		offset = b.offset
		if len(b.lines) > 0 {
			if err := f(b); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return nil
		}
	}
}

// parallel calls f for each number below n, in as many goroutines as there are processors.
// It returns when all of them have ended.
func parallel(n int, f func(int)) {
	var next atomic.Int64
	var group sync.WaitGroup
	for range min(n, runtime.GOMAXPROCS(0)) {
		group.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				f(i)
			}
		})
	}
	group.Wait()
}

// check counts the rows of an input and their tokens. Any malformed row makes it fail.
func check(input *filestore.Content, rows Rows, m *wire.Model) (n int, tokens int64, e *wire.Error) {
	err := blocks(input, 0, func() int { return blockRows }, func(b block) error {
		var sum atomic.Int64
		var bad atomic.Bool
		parallel(len(b.lines), func(i int) {
			row, ok := parseRow(b.lines[i])
			if !ok {
				bad.Store(true)
				return
			}
			t, e := rows.Check(m, row.Request)
			if e != nil {
				bad.Store(true)
			}
			sum.Add(int64(t))
		})
		n, tokens = n+len(b.lines), tokens+sum.Load()
		if bad.Load() {
			return errMalformed
		}
		return nil
	})
	switch {
	case errors.Is(err, errMalformed), err == nil && n == 0:
		return n, tokens, wire.BatchInvalid()
	case err != nil:
		return n, tokens, wire.Internal()
	}
	return n, tokens, nil
}

var errMalformed = errors.New("a row is malformed")

// parseRow reads a line of an input.
func parseRow(line []byte) (row wire.BatchRow, ok bool) {
	err := json.Unmarshal(line, &row)
	return row, err == nil && len(row.Request) > 0 && row.Request[0] == '{'
}

// An outcome is what a row has become.
type outcome struct {
	lines           []byte // of the results; none where they are missing
	good, billed    bool
	pair, requested sum
	bill            bill.Charge
}

// visit is the most time that a call spends on answering rows. The job is still running
// for a caller who finds more of them, and goes on with the next call.
const visit = 10 * time.Second

// settle answers the rows that are due, but begins no block of them after a time, unless
// that is zero. Its caller holds the job's mutex.
func (s *Service) settle(j *job, due int, until time.Time) error {
	p := &j.progress
	if int(p.answered.Load()) >= due {
		return nil
	}
	if p.results == nil {
		c, err := filestore.NewContent()
		if err != nil {
			return err
		}
		p.results = c
	}
	w := bufio.NewWriterSize(p.results, 1<<18)
	stopped := false
	left := func() int {
		stopped = stopped || !until.IsZero() && time.Now().After(until)
		if stopped {
			return 0
		}
		return due - int(p.answered.Load())
	}
	err := blocks(j.input, p.offset, left, func(b block) error {
		first := int(p.answered.Load()) + 1
		outcomes := make([]outcome, len(b.lines))
		parallel(len(b.lines), func(i int) { outcomes[i] = s.answer(j, first+i, b.lines[i]) })
		s.ledger.bill(j, outcomes)
		if j.plan.has("shuffled") || j.vertex != nil {
			r := rand.New(rand.NewPCG(uint64(j.serial), uint64(first)))
			r.Shuffle(len(outcomes), func(i, k int) { outcomes[i], outcomes[k] = outcomes[k], outcomes[i] })
		}
		for i := range outcomes {
			o := &outcomes[i]
			if o.good {
				p.good++
			} else {
				p.bad++
			}
			if _, err := w.Write(o.lines); err != nil {
				return err
			}
		}
		if err := w.Flush(); err != nil {
			return err
		}
		p.offset = b.offset
		p.answered.Add(int64(len(b.lines)))
		return nil
	})
	if err == nil && left() > 0 && !stopped {
		err = fmt.Errorf("the input of %s has fewer rows than it had", j.id)
	}
	return err
}

// answer answers the n-th row.
func (s *Service) answer(j *job, n int, line []byte) outcome {
	row, _ := parseRow(line) // was read before
	var hits map[string]string
	if s.faults.rows {
		hits = s.faults.drawAt(onRow, n, j.serial)
	}
	code, fails := hits["rowcode"]
	if !fails {
		code, fails = hits["rowstatus"]
	}
	var a Answer
	if fails {
		a.Code = int(integer(code, 13))
		a.Message = codeText(a.Code)
	} else {
		_, wrong := hits["wrongjson"]
		a = j.answers.Answer(&j.model, row.Request, wrong)
	}
	o := outcome{good: a.Response != nil, billed: a.Response != nil}
	if o.billed {
		o.bill = a.Bill
		if j.inlines() && j.plan.has("nometadata") { // nobody can tell whose it is
			o.bill.Fate = bill.Lost
		}
		for _, unusable := range [...]string{"missing", "nokey", "neither"} {
			if _, ok := hits[unusable]; ok {
				o.bill.Fate = bill.Lost
			}
		}
		o.requested = sumOf(a.Content[:])
		o.pair = sumOf(a.Content[:], []byte(keyOf(&row)), row.Metadata)
		if j.vertex != nil { // any member of a line may be the key
			members, _ := json.Marshal(parseVertexRow(line).members) // was JSON
			o.pair = sumOf(a.Content[:], members)
		}
	}
	o.lines = j.resultLines(&row, line, &a, hits)
	return o
}

// keyOf returns the key of a row; empty if it has none.
func keyOf(row *wire.BatchRow) string {
	if row.Key == nil {
		return ""
	}
	return *row.Key
}
