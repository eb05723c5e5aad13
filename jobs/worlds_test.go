package jobs

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

var (
	worldSeed = flag.Uint64("world.seed", 0, "run the world of this seed only, many times over, and shrink it if it breaks a promise")
	worldTime = flag.Duration("world.time", 0, "run worlds of new seeds for so long")
)

// usualWorlds is how many worlds the suite runs. They are always the same, but for the order
// in which goroutines happen to run.
const usualWorlds = 200

// rare is what must have occurred in the suite's worlds, since they prove nothing about what
// never happens in them.
var rare = []string{
	"adopted batch job", "bought again", "call that rows share", "cap", "creation looked up", "deadline", "detached", "edited input", "full disk",
	"interrupt", "kill", "power cut", "quota of the day", "request of a batch job that rows share", "row that a request of a batch job did not answer",
	"row that a shared call did not answer", "row that spilled to a single call", "rows of shared calls that were lost", "superseded result", "torn tail",
	"two jobs on one quota",
}

// TestWorlds draws worlds in which everything goes wrong at once, and checks what is promised
// of each: every row is in the output once, in order, with its own answer; no answer that was
// safe is asked for again, and of those that were received none but what a run that died had
// not written down, whether rows share calls or not; costs are what the endpoint was paid; caps
// and limits hold by the endpoint's own count, over processes and crashes; no row of a live batch
// job is sent another way, and none is billed twice; nothing is written past the rules of durable
// files; runs end, and leave no goroutine.
//
//	go test ./jobs -run TestWorlds -v -world.time=1h -timeout=2h  # new seeds
//	go test ./jobs -run TestWorlds -v -world.seed=123             # a seed once more
func TestWorlds(t *testing.T) {
	long(t, "it runs some hundred jobs to their end")
	if *worldSeed != 0 {
		for range 30 {
			if w := runScenario(t, newScenario(*worldSeed)); len(w.broken) > 0 {
				t.Fatal(shrink(t, w).report())
			}
		}
		return
	}
	t.Parallel()
	first := uint64(1)
	if *worldTime > 0 {
		first = uint64(time.Now().UnixNano())
	}
	var (
		mu   sync.Mutex
		seen = make(map[string]int)
	)
	begin := time.Now()
	t.Run("half", func(t *testing.T) {
		for half := range uint64(2) {
			t.Run(fmt.Sprint(half), func(t *testing.T) {
				t.Parallel()
				for n := half; *worldTime == 0 && n < usualWorlds || time.Since(begin) < *worldTime; n += 2 {
					s := newScenario(first + n)
					w := runScenario(t, s)
					if len(w.broken) > 0 {
						t.Fatalf("seed %d: %s\nagain with: go test ./jobs -run TestWorlds -v -world.seed=%d", s.Seed, w.report(), s.Seed)
					}
					mu.Lock()
					seen["world"]++
					for what, n := range w.seen {
						if strings.HasPrefix(what, "most ") {
							n = max(0, n-seen[what])
						}
						seen[what] += n
					}
					mu.Unlock()
				}
			})
		}
	})
	elapsed := time.Since(begin)
	var list strings.Builder
	for _, what := range slices.Sorted(maps.Keys(seen)) {
		fmt.Fprintf(&list, "%8d %s\n", seen[what], what)
	}
	t.Logf("%v, %.0f runs a minute\n%s", elapsed.Round(time.Second), float64(seen["run"])/elapsed.Minutes(), &list)
	for _, what := range rare {
		if seen[what] == 0 && seen["world"] >= usualWorlds {
			t.Errorf("it never occurred: %s", what)
		}
	}
}

// Worlds that once broke a promise, as they were shrunk.
func TestKeptWorlds(t *testing.T) {
	t.Parallel()
	const dir = "testdata/worlds"
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%s has %d files, %v", dir, len(files), err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var s scenario
		if err := json.Unmarshal(text, &s); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		for range 2 {
			if w := runScenario(t, &s); len(w.broken) > 0 {
				t.Errorf("%s: %s", file, w.report())
			}
		}
	}
}

// shrink leaves out of a world what it can as long as a promise stays broken.
func shrink(t *testing.T, w *world) *world {
	for again := true; again; {
		again = false
		for _, less := range w.smaller() {
			for try := 0; try < 5 && !again; try++ {
				if smaller := runScenario(t, less); len(smaller.broken) > 0 {
					w, again = smaller, true
				}
			}
			if again {
				break
			}
		}
	}
	return w
}

// report says which promises a world broke, and how.
func (w *world) report() string {
	text, err := json.Marshal(w.scenario)
	if err != nil {
		w.t.Fatal(err)
	}
	return fmt.Sprintf("%s\nthe scenario, for testdata/worlds: %s\n%s", strings.Join(w.broken, "\n"), text, &w.log)
}
