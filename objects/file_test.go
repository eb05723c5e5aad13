package objects_test

import (
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/genbatch/genbatch/internal/objecttest"
	"github.com/genbatch/genbatch/objects"
)

// text returns n bytes that do not repeat.
func text(n int) string {
	random := rand.New(rand.NewPCG(1, 2))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(random.Uint32())
	}
	return string(b)
}

// A File reads as one on a disk does, whatever the order of the reads.
func TestFile(t *testing.T) {
	for _, n := range []int{0, 1, objects.BlockBytes - 1, objects.BlockBytes, objects.BlockBytes + 1, 5*objects.BlockBytes + 7} {
		b, root := objecttest.New()
		want := text(n)
		b.Put("a/b.bin", want)
		f, err := objects.OpenFile(t.Context(), root+"a/b.bin")
		if err != nil {
			t.Fatal(err)
		}
		if err := iotest.TestReader(f, []byte(want)); err != nil {
			t.Errorf("%d bytes: %v", n, err)
		}
		random := rand.New(rand.NewPCG(3, 4))
		for range 200 {
			if n == 0 {
				break
			}
			off := random.IntN(n)
			p := make([]byte, random.IntN(2*objects.BlockBytes))
			got, err := f.ReadAt(p, int64(off))
			end := min(off+len(p), n)
			if string(p[:got]) != want[off:end] || (err == io.EOF) != (off+len(p) > n) {
				t.Fatalf("%d bytes: ReadAt(%d, %d) = %d, %v", n, len(p), off, got, err)
			}
		}
		f.Close()
	}
}

// Reading a part fetches the blocks around it, once.
func TestFileFetchesParts(t *testing.T) {
	b, root := objecttest.New()
	b.Put("big", text(20*objects.BlockBytes))
	f, err := objects.OpenFile(t.Context(), root+"big")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	p := make([]byte, 100)
	for off := int64(7 * objects.BlockBytes); off < 8*objects.BlockBytes; off += 1000 {
		if _, err := f.ReadAt(p[:min(100, 8*objects.BlockBytes-off)], off); err != nil {
			t.Fatal(err)
		}
	}
	if n := b.Reads.Load(); n != 1 {
		t.Errorf("a block was fetched %d times", n)
	}
}

// An object that is replaced while it is read is no mixture of two.
func TestFileReplaced(t *testing.T) {
	b, root := objecttest.New()
	b.Put("rows", strings.Repeat("old\n", objects.BlockBytes))
	f, err := objects.OpenFile(t.Context(), root+"rows")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Read(make([]byte, 10)); err != nil {
		t.Fatal(err)
	}
	b.Put("rows", strings.Repeat("new\n", objects.BlockBytes))
	if _, err := f.ReadAt(make([]byte, 10), 3*objects.BlockBytes); !errors.Is(err, objects.ErrChanged) {
		t.Errorf("the replaced object reads with the error %v", err)
	}
}

// A block that could not be fetched can be tried again.
func TestFileFailsOnce(t *testing.T) {
	b, root := objecttest.New()
	b.Put("rows", text(10))
	failures := 1
	b.Fail = func(method, _ string) error {
		if method == "ReadAt" && failures > 0 {
			failures--
			return errors.New("the store is away")
		}
		return nil
	}
	f, err := objects.OpenFile(t.Context(), root+"rows")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := io.ReadAll(f); err == nil || err.Error() != "the store is away" {
		t.Errorf("the first read fails with %v", err)
	}
	if got, err := io.ReadAll(f); err != nil || string(got) != text(10) {
		t.Errorf("the second read gives %q, %v", got, err)
	}
}

func TestOpenRefuses(t *testing.T) {
	_, root := objecttest.New()
	for address, want := range map[string]string{
		"s3://":          "s3:// names no bucket; an address is written as s3://bucket/folder/file",
		"s3://bucket/a":  "s3:// is left out of this build; a program registers the driver of the package objects/s3",
		"ftp://bucket/a": "no object store is known for ftp://",
		strings.Replace(root, "bucket", "other", 1) + "a": strings.Replace(strings.TrimSuffix(root, "/"), "bucket", "other", 1) + ": there is no bucket other: file does not exist",
	} {
		if _, _, err := objects.Open(t.Context(), address); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", address, err, want)
		}
	}
}
