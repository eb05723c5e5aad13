package sim

import (
	"bytes"
	"net/http"

	"github.com/genbatch/genbatch/internal/sim/answer"
	"github.com/genbatch/genbatch/internal/sim/wire"
)

// frames encodes responses for the call: as one JSON object, as events, or as the pieces
// of an array.
func (x *exchange) frames(responses []answer.Response) ([][]byte, error) {
	var frames [][]byte
	for i, r := range responses {
		var b bytes.Buffer
		switch {
		case x.sse:
			b.WriteString("data: ")
		case x.stream && i == 0:
			b.WriteString("[")
		case x.stream:
			b.WriteString(",\r\n")
		}
		if err := wire.Encode(&b, r); err != nil {
			return nil, err
		}
		switch {
		case x.sse:
			b.WriteString("\r\n\r\n")
		case x.stream && i == len(responses)-1:
			b.WriteString("]\n")
		case x.stream:
			b.WriteString("\n")
		}
		frames = append(frames, b.Bytes())
	}
	return frames, nil
}

// contentType returns the media type of an answer.
func (x *exchange) contentType() string {
	if x.sse {
		return "text/event-stream"
	}
	return "application/json; charset=UTF-8"
}

// send writes frames, slowly or only half of them if a fault says so. It reports whether
// it has written what it should.
func (x *exchange) send(frames [][]byte) bool {
	x.w.Header().Set("Content-Type", x.contentType())
	e := &x.damage
	switch {
	case e.cut:
		x.sendHalf(frames)
		panic(http.ErrAbortHandler) // the documented way to break a connection
	case e.short:
		x.sendHalf(frames)
		return true
	case e.drip > 0:
		return x.sendDrops(frames)
	}
	for _, f := range frames {
		if _, err := x.w.Write(f); err != nil {
			return false
		}
		if len(frames) > 1 {
			x.flush()
		}
	}
	return true
}

func (x *exchange) flush() {
	// A writer that cannot flush sends later, which does no harm.
	_ = http.NewResponseController(x.w).Flush()
}

// sendHalf writes half of the answer, or the first event of a stream.
func (x *exchange) sendHalf(frames [][]byte) {
	all := bytes.Join(frames, nil)
	n := len(all) / 2
	if x.stream && len(frames) > 1 {
		n = len(frames[0])
	}
	if _, err := x.w.Write(all[:n]); err == nil {
		x.flush()
	}
}

// drops is in how many pieces an answer drips.
const drops = 20

// sendDrops writes the answer in pieces, with pauses between them.
func (x *exchange) sendDrops(frames [][]byte) bool {
	all := bytes.Join(frames, nil)
	size := len(all)/drops + 1
	for len(all) > 0 {
		n := min(size, len(all))
		if _, err := x.w.Write(all[:n]); err != nil {
			return false
		}
		x.flush()
		all = all[n:]
		if len(all) > 0 && !x.sleep(x.damage.drip) {
			return false
		}
	}
	return true
}
