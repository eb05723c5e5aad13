package pack

import (
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/genbatch/genbatch/batch"
)

func form(p *Packer, rows []*batch.Request) iter.Seq2[*batch.Request, error] {
	calls, _ := p.Form(sequence(rows), nil)
	return calls
}

func sequence(rows []*batch.Request) iter.Seq2[*batch.Request, error] {
	return func(yield func(*batch.Request, error) bool) {
		for _, r := range rows {
			if !yield(r, nil) {
				return
			}
		}
	}
}

func numbersOf(call *batch.Request) (numbers []int64) {
	if len(call.Rows) == 0 {
		return []int64{call.Row}
	}
	for _, r := range call.Rows {
		numbers = append(numbers, r.Row)
	}
	return numbers
}

// Whatever the rows, each of them is in exactly one call, no call has more than it may, and
// its rows stand by fingerprint. Calls are as few as they can be.
func TestFormTakesEachRowOnce(t *testing.T) {
	for seed := range uint64(60) {
		random := rand.New(rand.NewPCG(seed, 20))
		most := 2 + random.IntN(30)
		n := random.IntN(30 * most)
		kinds := 1 + random.IntN(3)
		if random.IntN(4) == 0 {
			kinds = max(1, n) // each row is of its own kind
		}
		var rows []*batch.Request
		settled := make(map[int64]bool)
		byKind := make(map[int]int)
		for i := range n {
			kind := random.IntN(kinds)
			if random.IntN(10) == 0 {
				settled[int64(i)] = true
			} else {
				byKind[kind]++
			}
			body := strings.Replace(classify, "Classify.", fmt.Sprint("Classify by ", kind), 1)
			rows = append(rows, single(t, body, i, strings.Repeat("x", random.IntN(50))+fmt.Sprint(i)))
		}
		p := newPacker(t, most)
		calls, skipped := p.Form(sequence(rows), func(r *batch.Request) bool { return settled[r.Row] })
		seen := make(map[int64]bool)
		asked := 0
		for call, err := range calls {
			if err != nil {
				t.Fatal(err)
			}
			numbers := numbersOf(call)
			if skipped(call) != (len(numbers) == 1 && settled[numbers[0]]) {
				t.Fatalf("seed %d: %v is taken for settled: %v", seed, numbers, skipped(call))
			}
			if !skipped(call) {
				asked++
			}
			if len(numbers) > most {
				t.Fatalf("seed %d: %d rows share a call, and %d may", seed, len(numbers), most)
			}
			if !slices.IsSortedFunc(call.Rows, func(a, b *batch.Request) int { return a.ID().Compare(b.ID()) }) {
				t.Fatalf("seed %d: the rows of a call do not stand by fingerprint", seed)
			}
			for _, number := range numbers {
				if seen[number] {
					t.Fatalf("seed %d: row %d is in two calls", seed, number)
				}
				seen[number] = true
			}
		}
		if len(seen) != n {
			t.Fatalf("seed %d: %d of %d rows are in a call", seed, len(seen), n)
		}
		fewest := 0
		for _, rows := range byKind {
			fewest += (rows + most - 1) / most
		}
		if kinds <= 3 && asked > fewest+kinds {
			t.Errorf("seed %d: %d calls, where %d could do for %d kinds", seed, asked, fewest, kinds)
		}
	}
}

// An input that is sorted by what it says does not make calls of rows that are all alike.
func TestFormMixesSortedRows(t *testing.T) {
	const most, n = 10, 1600
	var rows []*batch.Request
	for i := range n {
		rows = append(rows, single(t, classify, i, fmt.Sprintf("class %d, text %d", i/80, i)))
	}
	alike := 0
	for call, err := range form(newPacker(t, most), rows) {
		if err != nil {
			t.Fatal(err)
		}
		classes := make(map[int64]bool)
		for _, r := range call.Rows {
			classes[r.Row/80] = true
		}
		if len(classes) == 1 {
			alike++
		}
	}
	// Two classes of 80 rows are in the pool at a time. By chance 2 in 1,024 calls have one.
	if alike > 3 {
		t.Errorf("%d of %d calls have rows of one class alone", alike, n/most)
	}
}

// Long texts make fewer rows a call, since longer prompts cost twice as much for each token.
func TestFormBoundsTexts(t *testing.T) {
	var rows []*batch.Request
	for i := range 40 {
		rows = append(rows, single(t, classify, i, strings.Repeat("x", packBytes/8)+fmt.Sprint(i)))
	}
	rows = append(rows, single(t, classify, 40, strings.Repeat("y", packBytes+1)))
	n := 0
	for call, err := range form(newPacker(t, 100), rows) {
		if err != nil {
			t.Fatal(err)
		}
		n += len(numbersOf(call))
		if len(call.Body) > packBytes+4096 && len(call.Rows) > 0 {
			t.Errorf("%d rows share a call of %d bytes", len(call.Rows), len(call.Body))
		}
	}
	if n != 41 {
		t.Errorf("%d rows are in calls, want 41", n)
	}
}

// The output that rows may have in all bounds how many share a call before any is cut.
func TestFormBoundsOutput(t *testing.T) {
	p := newPacker(t, 100)
	p.OutputLimit = func(string) int64 { return 10 * (20 + OutputRoom) }
	var rows []*batch.Request
	for i := range 100 {
		rows = append(rows, single(t, classify, i, fmt.Sprint(i)))
	}
	n := 0
	for call, err := range form(p, rows) {
		if n++; err != nil || len(call.Rows) != 10 || !strings.Contains(string(call.Body), `"maxOutputTokens":360`) {
			t.Fatalf("%d rows share a call of %s: %v", len(call.Rows), call.Body, err)
		}
	}
	if n != 10 {
		t.Errorf("%d calls, want 10", n)
	}
}
