package jobs

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/internal/objecttest"
	"github.com/genbatch/genbatch/jobs/internal/jobtest"
)

// A medium is the same, and so is its row, whether it is a file or an object, and however the
// cell names it. An object outside the media root is not read.
func TestMediaObjects(t *testing.T) {
	f, g := mediaFixture(t)
	t.Setenv("XDG_STATE_HOME", f.dir)
	b, root := objecttest.New()
	one, two := jobtest.Picture(t, 1, 4, 4), jobtest.Picture(t, 2, 4, 4)
	x, y := jobtest.SHA256Of(one)[:8], jobtest.SHA256Of(two)[:8]
	f.write("cat.png", one)
	f.write("sub/dog.png", two)
	f.input(`{"q":"x","p":"cat.png"}`, `{"q":"y","p":["cat.png","sub/dog.png"]}`)
	f.mustRun()
	jobtest.Equal(t, "asked of files", g.Requests(), x+" "+y+" y", x+" x")

	b.Put("images/cat.png", string(one))
	b.Put("images/sub/dog.png", string(two))
	b.Put("private/cat.png", string(one))
	f.spec.MediaRoot = root + "images/"
	f.mustRun()
	jobtest.Equal(t, "asked of objects by names", g.Requests())
	f.input(`{"q":"x","p":"`+root+`images/cat.png"}`, `{"q":"y","p":["`+root+`images/cat.png","`+root+`images/sub/dog.png"]}`, `{"q":"z","p":"`+root+`private/cat.png"}`, `{"q":"n","p":"none.png"}`)
	f.mustRun()
	jobtest.Equal(t, "asked of objects by addresses", g.Requests())
	jobtest.Equal(t, "output", f.output("status", "response"), "ok "+x+" x", "ok "+x+" "+y+" y", "skipped <nil>", "skipped <nil>")
	for i, want := range map[int]string{2: "only objects below the media root are read", 3: root + "images/none.png is not there"} {
		if got := f.output("error")[i]; !strings.Contains(got, want) {
			t.Errorf("the error is %q, want %q", got, want)
		}
	}

	// Beside an input that is an object.
	f.spec.MediaRoot = ""
	b.Put("images/in.jsonl", `{"q":"x","p":"cat.png"}`+"\n"+`{"q":"new","p":"sub/dog.png"}`+"\n")
	f.spec.Input, f.spec.Output = []string{root + "images/in.jsonl"}, root+"out.jsonl"
	f.mustRun()
	jobtest.Equal(t, "asked beside the input", g.Requests(), y+" new", x+" x") // it has a state of its own

	// A replaced object is another medium.
	b.Put("images/cat.png", string(two))
	f.mustRun()
	jobtest.Equal(t, "asked of the replaced object", g.Requests(), y+" x")
}

// A store that goes away while rows name objects there ends the run, and makes no row skipped.
// What was answered is safe.
func TestMediaStoreGoesAway(t *testing.T) {
	f, g := mediaFixture(t)
	b, root := objecttest.New()
	var rows []string
	for i := range 5 {
		b.Put(fmt.Sprintf("%d.png", i), string(jobtest.Picture(t, uint8(i+1), 4, 4)))
		rows = append(rows, fmt.Sprintf(`{"q":"row","p":"%d.png"}`, i))
	}
	f.input(rows...)
	f.spec.MediaRoot, f.spec.Concurrency = root, 1
	var away atomic.Bool
	b.Fail = func(method, key string) error {
		if away.Load() && key == "3.png" {
			return errors.New("the store is away")
		}
		return nil
	}
	away.Store(true)
	s, err := f.run()
	if !errors.Is(err, batch.ErrSource) || !strings.Contains(err.Error(), root+"3.png cannot be read: the store is away") {
		t.Errorf("the run ended with %v", err)
	}
	if s.Bad != 0 {
		t.Errorf("%d rows were taken for bad ones", s.Bad)
	}
	away.Store(false)
	f.mustRun()
	asked := g.Requests() // in both runs: how far the first one came is up to the engine
	if slices.Sort(asked); len(asked) != len(rows) || len(slices.Compact(asked)) != len(rows) {
		t.Errorf("asked was %q", asked)
	}
	jobtest.Equal(t, "output", f.output("status"), "ok", "ok", "ok", "ok", "ok")
}

// What is too large is not fetched.
func TestLargeMediumIsNotFetched(t *testing.T) {
	f, g := mediaFixture(t)
	b, root := objecttest.New()
	b.Put("large.png", string(large(t, 1)))
	f.input(`{"q":"x","p":"large.png"}`)
	f.spec.MediaRoot, f.spec.Media[0].MaxBytes = root, 1<<20
	f.mustRun()
	jobtest.Equal(t, "asked", g.Requests())
	if got := f.output("error")[0]; !strings.Contains(got, "max_bytes is 1048576") || b.Bytes.Load() > 0 {
		t.Errorf("the row says %q, and %d bytes were fetched", got, b.Bytes.Load())
	}
}
