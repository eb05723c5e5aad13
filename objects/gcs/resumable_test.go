package gcs

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/genbatch/genbatch/objects"
)

// A step is a call of an upload as the store gets it, and what it does.
type step struct {
	want  string // Content-Range, and how many bytes come
	holds int    // how many bytes of the object it has after the call
	cut   bool   // the connection, so that there is no answer
	late  bool   // it answers as if the object were not made yet
}

// uploads is a store with one upload, which goes step by step.
type uploads struct {
	t       *testing.T
	steps   []step
	content []byte
	size    int
	ended   bool // by DELETE
}

func (u *uploads) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		u.t.Error(err)
	}
	switch r.Method {
	case http.MethodPost:
		w.Header().Set("Location", "http://"+r.Host+"/session")
		return
	case http.MethodDelete:
		u.ended = true
		w.WriteHeader(499)
		return
	}
	given := r.Header.Get("Content-Range")
	got := fmt.Sprintf("%s: %d", given, len(body))
	if len(u.steps) == 0 || got != u.steps[0].want {
		u.t.Errorf("the store gets %q, and there are %+v to come", got, u.steps)
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	now := u.steps[0]
	u.steps = u.steps[1:]
	var first int
	if fmt.Sscanf(given, "bytes %d-", &first); len(body) > 0 {
		u.content = append(u.content[:first], body...)
	}
	u.content = u.content[:min(now.holds, len(u.content))]
	switch {
	case now.cut:
		panic(http.ErrAbortHandler)
	case now.holds < u.size || now.late:
		if now.holds > 0 {
			w.Header().Set("Range", fmt.Sprintf("bytes=0-%d", now.holds-1))
		}
		w.WriteHeader(http.StatusPermanentRedirect)
	default:
		sum := binary.BigEndian.AppendUint32(nil, crc32.Checksum(u.content, crc32.MakeTable(crc32.Castagnoli)))
		fmt.Fprintf(w, `{"name":"k","size":"%d","generation":"7","crc32c":%q}`, len(u.content), base64.StdEncoding.EncodeToString(sum))
	}
}

// An upload that is cut asks how much has come, and sends what is missing, whatever the store has
// taken and whether it has answered. See
// https://cloud.google.com/storage/docs/performing-resumable-uploads#status-check
func TestUploadGoesOn(t *testing.T) {
	const (
		first = chunkBytes
		all   = first + 5
		some  = 256 << 10
	)
	asked := func(total any) string { return fmt.Sprintf("bytes */%v: 0", total) }
	sent := func(from, to int, total any) string {
		return fmt.Sprintf("bytes %d-%d/%v: %d", from, to-1, total, to-from)
	}
	for name, tt := range map[string]struct {
		steps []step
		err   string
	}{
		"nothing is cut": {steps: []step{{want: sent(0, first, "*"), holds: first}, {want: sent(first, all, all), holds: all}}},
		"some of the first chunk has come": {steps: []step{
			{want: sent(0, first, "*"), holds: some, cut: true}, {want: asked("*"), holds: some},
			{want: sent(some, first, "*"), holds: first}, {want: sent(first, all, all), holds: all}}},
		"none of it has": {steps: []step{
			{want: sent(0, first, "*"), cut: true}, {want: asked("*")},
			{want: sent(0, first, "*"), holds: first}, {want: sent(first, all, all), holds: all}}},
		"all of it has, and the answer is lost": {steps: []step{
			{want: sent(0, first, "*"), holds: first, cut: true}, {want: asked("*"), holds: first},
			{want: sent(first, all, all), holds: all}}},
		"the answer to the question is lost too": {steps: []step{
			{want: sent(0, first, "*"), holds: some, cut: true}, {want: asked("*"), holds: some, cut: true}, {want: asked("*"), holds: some},
			{want: sent(some, first, "*"), holds: first}, {want: sent(first, all, all), holds: all}}},
		"the answer to the last chunk is lost": {steps: []step{
			{want: sent(0, first, "*"), holds: first}, {want: sent(first, all, all), holds: all, cut: true}, {want: asked(all), holds: all}}},
		"the last chunk is lost": {steps: []step{
			{want: sent(0, first, "*"), holds: first}, {want: sent(first, all, all), holds: first, cut: true}, {want: asked(all), holds: first},
			{want: sent(first, all, all), holds: all}}},
		"a part of a chunk is taken": {steps: []step{
			{want: sent(0, first, "*"), holds: some}, {want: sent(some, first, "*"), holds: first}, {want: sent(first, all, all), holds: all}}},
		"the store has all, and has not made the object yet": {steps: []step{
			{want: sent(0, first, "*"), holds: first}, {want: sent(first, all, all), holds: all, late: true}, {want: asked(all), holds: all}}},
		"the store loses what it held": {err: "the store holds 262144 bytes of the upload, and had", steps: []step{
			{want: sent(0, first, "*"), holds: 2 * some}, {want: sent(2*some, first, "*"), holds: some}}},
	} {
		t.Run(name, func(t *testing.T) {
			store := &uploads{t: t, steps: slices.Clone(tt.steps), size: all}
			srv := httptest.NewServer(store)
			defer srv.Close()
			t.Setenv("STORAGE_EMULATOR_HOST", srv.URL)
			b, err := Open(t.Context(), "shop")
			if err != nil {
				t.Fatal(err)
			}
			content := bytes.Repeat([]byte("0123456789abcde"), all/15+1)[:all]
			info, err := b.Write(t.Context(), "k", bytes.NewReader(content), objects.WriteOptions{Size: all})
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) || !store.ended {
					t.Errorf("%v, want %s; the upload is given up: %v", err, tt.err, store.ended)
				}
				return
			}
			if err != nil || info.Size != all || !bytes.Equal(store.content, content) {
				t.Errorf("%+v, %v; the store has %d bytes", info, err, len(store.content))
			}
			if len(store.steps) > 0 {
				t.Errorf("the store waits for %+v", store.steps)
			}
		})
	}
}
