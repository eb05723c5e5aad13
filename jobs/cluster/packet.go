package cluster

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"

	"github.com/genbatch/genbatch/batch"
)

// This file is the form in which results travel.

const (
	packetResults = 256     // results of a packet at most
	packetBytes   = 1 << 20 // of their answers, unless one alone has more

	// partBytes is how much of a packet a message has at most. Servers take 1 MiB unless they
	// are told otherwise.
	partBytes = 900 << 10

	longestResult = 1 << 31 // no answer is longer
)

// compressors are used again, because each has a megabyte of tables: where answers come slowly,
// a packet holds one, and making the tables would be a third of what it costs.
var compressors = sync.Pool{New: func() any {
	z, err := gzip.NewWriterLevel(nil, gzip.BestSpeed)
	if err != nil {
		panic(err) // there is no such level
	}
	return z
}}

// encodePacket returns results as bytes, with answers as they came: JSON inside of JSON would
// be written anew.
func encodePacket(rs []*batch.Result) (data []byte, err error) {
	var packed bytes.Buffer
	z := compressors.Get().(*gzip.Writer)
	defer compressors.Put(z)
	z.Reset(&packed)
	for _, r := range rs {
		rest := *r
		rest.Response = nil
		text, err := json.Marshal(rest)
		if err != nil {
			return nil, fmt.Errorf("the result of row %d cannot be sent: %w", r.Row, err)
		}
		for _, part := range [][]byte{text, r.Response} {
			if _, err := z.Write(binary.AppendUvarint(nil, uint64(len(part)))); err != nil {
				return nil, err
			}
			if _, err := z.Write(part); err != nil {
				return nil, err
			}
		}
	}
	err = z.Close()
	return packed.Bytes(), err
}

// decodePacket is the inverse of encodePacket.
func decodePacket(data []byte) (rs []*batch.Result, err error) {
	z, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	in := bufio.NewReader(z)
	for {
		text, err := readPart(in)
		if err == io.EOF {
			return rs, nil // after the sum over all of it
		}
		if err != nil {
			return nil, err
		}
		r := new(batch.Result)
		if err := json.Unmarshal(text, r); err != nil {
			return nil, err
		}
		if r.Response, err = readPart(in); err != nil {
			return nil, errors.Join(io.ErrUnexpectedEOF, err)
		}
		rs = append(rs, r)
	}
}

func readPart(in *bufio.Reader) ([]byte, error) {
	n, err := binary.ReadUvarint(in)
	if err != nil || n == 0 {
		return nil, err
	}
	if n > longestResult {
		return nil, fmt.Errorf("a part of %d bytes is longer than any answer", n)
	}
	part := make([]byte, n)
	_, err = io.ReadFull(in, part)
	return part, err
}

// A group is results that are sent together: those of one attempt at a shard, with the numbers
// that they have in the journal of the worker.
type group struct {
	shard       int
	attempt     string
	first, last int64
	again       string // tells apart what is sent another time; empty = it is the first time
}

// subject returns the name of a part of the group, from 1, which no other one has.
func (g group) subject(part, of int) string {
	name := fmt.Sprintf("%d.%s.%d-%d.%d-%d", g.shard, g.attempt, g.first, g.last, part, of)
	if g.again != "" {
		name += "." + g.again
	}
	return name
}

// parseSubject is the inverse of subject.
func parseSubject(text string) (g group, part, of int, err error) {
	bad := fmt.Errorf("%q names no results", text)
	names := strings.Split(text, ".")
	switch len(names) {
	case 4:
	case 5:
		g.again = names[4]
	default:
		return g, 0, 0, bad
	}
	g.attempt = names[1]
	var err1, err2, err3 error
	g.shard, err1 = strconv.Atoi(names[0])
	_, err2 = fmt.Sscanf(names[2], "%d-%d", &g.first, &g.last)
	_, err3 = fmt.Sscanf(names[3], "%d-%d", &part, &of)
	if errors.Join(err1, err2, err3) != nil || g.first < 1 || g.last < g.first || part < 1 || of < part {
		return g, 0, 0, bad
	}
	return g, part, of, nil
}

// parts cuts a packet into what messages can hold.
func parts(packet []byte, most int64) (list [][]byte) {
	size := int(min(most-1024, partBytes)) // headers count, too
	for len(packet) > size {
		list = append(list, packet[:size])
		packet = packet[size:]
	}
	return append(list, packet)
}

// A print is the same for two results only if they are the same one.
type print [sha256.Size]byte

func printOf(r *batch.Result) print {
	h := sha256.New()
	fmt.Fprintf(h, "%x %d %s %d %d %d %s\n", r.Fingerprint, r.Occurrence, r.Status, r.At.UnixNano(), r.Attempts, r.Row, r.ResponseID)
	h.Write(r.Response)
	return print(h.Sum(nil))
}

// spans are numbers from 1, as spans of which none touches the next.
type spans [][2]int64

// add adds the numbers of a span.
func (s spans) add(first, last int64) (list spans) {
	i := 0
	for ; i < len(s) && s[i][1]+1 < first; i++ {
		list = append(list, s[i])
	}
	for ; i < len(s) && s[i][0] <= last+1; i++ {
		first, last = min(first, s[i][0]), max(last, s[i][1])
	}
	return append(append(list, [2]int64{first, last}), s[i:]...)
}

// has reports whether a number is there.
func (s spans) has(n int64) bool {
	for _, o := range s {
		if o[0] <= n && n <= o[1] {
			return true
		}
	}
	return false
}

// without returns the spans of first to last that are not there.
func (s spans) without(first, last int64) (missing spans) {
	for _, o := range s {
		if o[1] < first {
			continue
		}
		if o[0] > last {
			break
		}
		if o[0] > first {
			missing = append(missing, [2]int64{first, o[0] - 1})
		}
		first = o[1] + 1
	}
	if first <= last {
		missing = append(missing, [2]int64{first, last})
	}
	return missing
}
