package compare

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/price"
	"github.com/genbatch/genbatch/internal/apijson"
)

// An entry is what is kept of a row until the other side's row is there.
type entry struct {
	Place  string       `json:"p"`
	Key    string       `json:"k,omitempty"`
	Status batch.Status `json:"s"`
	Values []string     `json:"v"` // of the compared fields, canonical
	Right  []verdict    `json:"r"` // whether they are
	Known  []string     `json:"e"` // what is right, as the input has it; empty if that is not known
	Shown  bool         `json:"x,omitempty"`

	Cost    price.USD    `json:"c,omitempty"`
	Priced  bool         `json:"d,omitempty"`
	Usage   *batch.Usage `json:"u,omitempty"`
	Latency int64        `json:"l,omitempty"` // in milliseconds; 0 if it is not known
	Model   string       `json:"m,omitempty"`
}

// A verdict says whether an answer is right.
type verdict int8

const (
	unknown verdict = iota
	right
	wrong
)

// An identity is what the rows of a pair have in common: 128 bits of SHA-256 over the key, or
// over the values of the input's columns and which row with these values it is.
type identity [16]byte

// identityOf returns the identity of some values.
func identityOf(values []string) (id identity) {
	h := sha256.New()
	var length [8]byte
	for _, v := range values {
		binary.LittleEndian.PutUint64(length[:], uint64(len(v)))
		h.Write(length[:])
		io.WriteString(h, v)
	}
	copy(id[:], h.Sum(nil))
	return id
}

// nth returns the identity of the n-th row of an identity, from 0.
func (id identity) nth(n int) identity {
	if n == 0 {
		return id
	}
	return identityOf([]string{string(id[:]), fmt.Sprint(n)})
}

// An index holds the entries of A, in a temporary file, and finds them by their identity. The
// file has no name where the system allows it, so that nothing is left of a process that is
// killed.
type index struct {
	at   map[identity]int64 // the place of an entry in the file; once it is paired, the complement
	file *os.File
	name string // of the file, where it still has one
	w    *bufio.Writer
	size int64
}

func newIndex() (*index, error) {
	f, err := os.CreateTemp("", "genbatch-compare-*")
	if err != nil {
		return nil, err
	}
	x := &index{at: make(map[identity]int64), file: f, w: bufio.NewWriterSize(f, 256<<10)}
	if os.Remove(f.Name()) != nil { // Windows keeps the name of an open file
		x.name = f.Name()
	}
	return x, nil
}

func (x *index) close() error {
	err := x.file.Close()
	if x.name != "" {
		err = errors.Join(err, os.Remove(x.name))
	}
	return err
}

// add keeps an entry. No entry may be read before flush.
func (x *index) add(id identity, e *entry) error {
	text, err := apijson.Marshal(e)
	if err != nil {
		return err
	}
	x.at[id] = x.size
	n, err := x.w.Write(binary.LittleEndian.AppendUint32(nil, uint32(len(text))))
	if err == nil {
		_, err = x.w.Write(text)
	}
	x.size += int64(n + len(text))
	return err
}

func (x *index) flush() error { return x.w.Flush() }

// take returns the entry of an identity, which is then paired, and whether there is one that
// was not.
func (x *index) take(id identity) (e *entry, ok bool, err error) {
	at, ok := x.at[id]
	if !ok || at < 0 {
		return nil, false, nil
	}
	x.at[id] = ^at
	e, err = x.read(at)
	return e, err == nil, err
}

// paired reports whether the entry of an identity was taken.
func (x *index) paired(id identity) bool {
	at, ok := x.at[id]
	return ok && at < 0
}

func (x *index) read(at int64) (*entry, error) {
	var length [4]byte
	if _, err := x.file.ReadAt(length[:], at); err != nil {
		return nil, err
	}
	text := make([]byte, binary.LittleEndian.Uint32(length[:]))
	if _, err := x.file.ReadAt(text, at+int64(len(length))); err != nil {
		return nil, err
	}
	e := new(entry)
	return e, json.Unmarshal(text, e)
}
