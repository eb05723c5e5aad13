package mirror

import (
	"context"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
)

// A piece is an object that holds a segment's bytes from one to another, as they were in an epoch.
// A segment only grows while an epoch lasts, so that all pieces of the epoch agree where they
// overlap.
type piece struct {
	segment         string
	from, to, epoch int64
}

func (p piece) size() int64 { return p.to - p.from }

// name returns the name of the piece. Those of a segment sort by where they begin.
func (p piece) name() string {
	return fmt.Sprintf("%s.%010d-%010d-%06d.jsonl", strings.TrimSuffix(p.segment, ".jsonl"), p.from, p.to, p.epoch)
}

// pieceKey matches the names of pieces.
var pieceKey = regexp.MustCompile(`^(results-(?:p\d+-)?\d{6,})\.(\d{10,18})-(\d{10,18})-(\d{6,18})\.jsonl$`)

// parsePiece is the inverse of name.
func parsePiece(name string) (p piece, ok bool) {
	m := pieceKey.FindStringSubmatch(name)
	if m == nil {
		return piece{}, false
	}
	p.segment = m[1] + ".jsonl"
	for i, n := range []*int64{&p.from, &p.to, &p.epoch} {
		*n, _ = strconv.ParseInt(m[i+2], 10, 64) // 18 digits fit
	}
	return p, p.from < p.to
}

// listPieces returns the pieces that are there, by segment.
func (p place) listPieces(ctx context.Context) (map[string][]piece, error) {
	pieces := make(map[string][]piece)
	for info, err := range p.bucket.List(ctx, p.prefix+"results-") {
		if err != nil {
			return nil, err
		}
		if one, ok := parsePiece(strings.TrimPrefix(info.Key, p.prefix)); ok {
			pieces[one.segment] = append(pieces[one.segment], one)
		}
	}
	return pieces, nil
}

// A stretch is what of a piece is read.
type stretch struct {
	piece
	begin, end int64 // in the segment
}

// choose returns what is to be read of the pieces of a segment, to have it from a byte on. Of those
// that hold a byte it takes the one that reaches the furthest, so that two who choose, of whom one
// knows a later commit, choose the same pieces as far as both go.
func (p place) choose(pieces []piece, s segment, begin int64) (chosen []stretch, err error) {
	at := begin
	for _, part := range s.Parts {
		for at >= part.From && at < part.To {
			var best piece
			for _, one := range pieces {
				if one.epoch == part.Epoch && one.from <= at && one.to > best.to {
					best = one
				}
			}
			if best.to <= at {
				return nil, &damage{object: p.address, what: fmt.Sprintf("lacks the piece of %s with its byte %d", s.Name, at)}
			}
			end := min(best.to, part.To)
			chosen = append(chosen, stretch{best, at, end})
			at = end
		}
	}
	if at != s.Size {
		return nil, &damage{object: p.address, what: fmt.Sprintf("has %d bytes of %s, and %d were copied", at, s.Name, s.Size)}
	}
	return chosen, nil
}

// fetch reads a stretch.
func (p place) fetch(ctx context.Context, s stretch) ([]byte, error) {
	key := p.prefix + s.name()
	text := make([]byte, s.end-s.begin)
	n, err := p.bucket.ReadAt(ctx, key, "", text, s.begin-s.from)
	if n == len(text) {
		return text, nil
	}
	if err == nil || err == io.EOF {
		err = &damage{object: p.address + "/" + s.name(), what: "is shorter than its name says"}
	}
	return nil, err
}

// beginning returns where a piece begins that copies a segment's bytes from one to another, given
// the pieces before it. It takes in those that are not longer than twice what follows them. So each
// is more than twice as long as the next one, or the two are longer than a piece may be: a segment
// has few pieces, however small the steps in which it was copied, and no byte is copied more than
// some twenty times.
func beginning(before []piece, from, to int64) int64 {
	for i := len(before) - 1; i >= 0; i-- {
		p := before[i]
		if p.size() > 2*(to-from) || to-p.from > pieceBytes {
			break
		}
		from = min(from, p.from)
	}
	return from
}
