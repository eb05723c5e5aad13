package azure

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/genbatch/genbatch/objects"
)

// A blob is one in a store that loses answers.
type blobStore struct {
	*world
	there   bool
	written int      // how often
	marks   string   // of the metadata of an empty one
	blocks  []string // names of committed blocks
	sent    []string // names of all blocks
	lose    int      // how many answers to a commit are lost
}

func newBlobStore() *blobStore {
	s := &blobStore{world: &world{env: keyed()}}
	s.answer = func(r *http.Request) (*http.Response, error) {
		q := r.URL.Query()
		switch {
		case r.Method == http.MethodHead && s.there:
			a := head(strings.Trim(s.version(), `"`), 1)
			if s.marks != "" {
				a.Header.Set(metaPrefix+markName, s.marks)
			}
			return a, nil
		case r.Method == http.MethodHead:
			return refusal(404, "BlobNotFound", ""), nil
		case r.Method == http.MethodGet:
			list := ""
			for _, name := range s.blocks {
				list += "<Block><Name>" + name + "</Name></Block>"
			}
			return reply(200, "<BlockList><CommittedBlocks>"+list+"</CommittedBlocks></BlockList>"), nil
		case q.Get("comp") == "block":
			s.sent = append(s.sent, q.Get("blockid"))
			return reply(201, ""), nil
		case s.there && r.Header.Get("If-None-Match") == "*":
			return refusal(409, "BlobAlreadyExists", "The specified blob already exists."), nil
		case r.Header.Get("If-Match") != "" && (!s.there || r.Header.Get("If-Match") != s.version()):
			return refusal(412, "ConditionNotMet", "The condition specified using HTTP conditional header(s) is not met."), nil
		}
		s.written++
		var list struct{ Latest []string }
		if err := xml.NewDecoder(r.Body).Decode(&list); err != nil {
			return nil, err
		}
		s.there, s.blocks, s.marks = true, list.Latest, r.Header.Get(metaPrefix+markName)
		if s.lose--; s.lose >= 0 {
			return nil, errReset
		}
		return reply(201, "", "ETag", s.version()), nil
	}
	return s
}

// version returns the ETag of the blob.
func (s *blobStore) version() string { return fmt.Sprintf("%q", fmt.Sprint(s.written)) }

// If the answer to a commit is lost, the next attempt finds what this one has made, and knows it
// for its own.
func TestCommitLost(t *testing.T) {
	for _, content := range []string{"", "some"} {
		t.Run(fmt.Sprint(len(content), " bytes"), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newBlobStore()
				s.lose = 1
				b := s.open(t, "rows")
				info, err := b.Write(t.Context(), "a", strings.NewReader(content), objects.WriteOptions{New: true, Meta: map[string]string{"n": "1"}})
				if err != nil || info.Size != int64(len(content)) || info.Version != "1" || len(info.Meta) != 1 {
					t.Errorf("Write gives %+v, %v", info, err)
				}
				// Who comes second is told so, with the same answers.
				_, err = b.Write(t.Context(), "a", strings.NewReader(content), objects.WriteOptions{New: true})
				if !errors.Is(err, fs.ErrExist) || !strings.Contains(err.Error(), "there is one already; remove it, or write to another name") {
					t.Errorf("the second writer is told %v", err)
				}
				if info, err := b.Stat(t.Context(), "a"); err != nil || len(info.Meta) != 0 {
					t.Errorf("Stat gives %+v, %v", info, err)
				}
				// So it is with what replaces a certain version.
				s.lose = 1
				info, err = b.Write(t.Context(), "a", strings.NewReader(content), objects.WriteOptions{Over: "1"})
				if err != nil || info.Version != "2" {
					t.Errorf("Write over it gives %+v, %v", info, err)
				}
				_, err = b.Write(t.Context(), "a", strings.NewReader(content), objects.WriteOptions{Over: "1"})
				if !errors.Is(err, fs.ErrExist) || !strings.Contains(err.Error(), "another writer has replaced or removed it") {
					t.Errorf("the second writer is told %v", err)
				}
			})
		})
	}
}

// The commit of another writer drops the blocks of this one. That is told as what it is.
func TestBlocksDropped(t *testing.T) {
	for _, o := range []objects.WriteOptions{{New: true}, {Over: "1"}, {}} {
		s := newBlobStore()
		inner := s.answer
		s.answer = func(r *http.Request) (*http.Response, error) {
			if r.URL.Query().Get("comp") == "blocklist" && r.Method == http.MethodPut {
				s.there, s.written, s.blocks = true, 2, []string{"other"}
				return refusal(400, "InvalidBlockList", "The specified block list is invalid."), nil
			}
			return inner(r)
		}
		_, err := s.open(t, "rows").Write(t.Context(), "a", strings.NewReader(strings.Repeat("x", blockBytes+1)), o)
		conditional := o.New || o.Over != ""
		if errors.Is(err, fs.ErrExist) != conditional || err == nil {
			t.Errorf("Write with %+v: %v", o, err)
		}
		if !conditional && !strings.Contains(err.Error(), "another writer has written to this name at the same time; write again") {
			t.Errorf("Write with %+v: %v", o, err)
		}
	}
}

// Blocks have names of one length, and the last one may be smaller.
func TestBlocks(t *testing.T) {
	s := newBlobStore()
	info, err := s.open(t, "rows").Write(t.Context(), "a", strings.NewReader(strings.Repeat("x", 2*blockBytes+1)), objects.WriteOptions{})
	if err != nil || info.Size != 2*blockBytes+1 {
		t.Fatalf("Write gives %+v, %v", info, err)
	}
	if len(s.sent) != 3 || strings.Join(s.sent, " ") != strings.Join(s.blocks, " ") {
		t.Errorf("sent were the blocks %q, and committed %q", s.sent, s.blocks)
	}
	for _, id := range s.sent {
		if len(id) != 24 {
			t.Errorf("a block has the name %q", id)
		}
	}
}

// The blocks of what is very large are so large that 50,000 are enough, which is the service's
// limit, as are 4,000 MiB for each.
func TestBlockSizes(t *testing.T) {
	for _, size := range []int64{0, 1, 50_000 * blockBytes, 50_000*blockBytes + 1, 190 << 40} {
		n := sizeOf(size)
		if blocks := (size + n - 1) / n; n < blockBytes || blocks > 50_000 || n > 4000<<20 {
			t.Errorf("%d bytes are %d blocks of %d", size, blocks, n)
		}
	}
}

// Metadata that headers cannot carry is refused before anything is sent.
func TestMetaRefused(t *testing.T) {
	s := newBlobStore()
	for _, value := range []string{"ü", "a\nb", " a"} {
		_, err := s.open(t, "rows").Write(t.Context(), "a", io.LimitReader(nil, 0), objects.WriteOptions{Meta: map[string]string{"n": value}})
		if err == nil || !strings.Contains(err.Error(), "the metadata n is") {
			t.Errorf("the metadata %q: %v", value, err)
		}
	}
	if len(s.asks) > 0 {
		t.Errorf("asked was %q", s.asks)
	}
}

// That there is nothing to remove is no error, but that there is no container is one.
func TestRemove(t *testing.T) {
	for code, want := range map[string]error{"BlobNotFound": nil, "ContainerNotFound": fs.ErrNotExist} {
		w := &world{env: keyed(), answer: func(*http.Request) (*http.Response, error) { return refusal(404, code, ""), nil }}
		if err := w.open(t, "rows").Remove(t.Context(), "a"); !errors.Is(err, want) {
			t.Errorf("%s: %v", code, err)
		}
	}
}
