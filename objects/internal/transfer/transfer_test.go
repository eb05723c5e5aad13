package transfer

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"
)

// A call that fails each time is given up before the two minutes are over for which readers
// wait, and sooner if there is no server.
func TestDoGivesUp(t *testing.T) {
	for _, tt := range []struct {
		err      error
		min, max time.Duration
	}{
		{errors.New("busy"), 60 * time.Second, 75 * time.Second},
		{&net.OpError{Op: "dial", Err: errors.New("refused")}, 3 * time.Second, 10 * time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			begin := time.Now()
			err := Do(t.Context(), func(context.Context) error { return &Again{Err: tt.err} })
			if d := time.Since(begin); !errors.Is(err, tt.err) || d < tt.min || d > tt.max {
				t.Errorf("%v after %v", err, d)
			}
		})
	}
}

// A server that was never reached is given up within five seconds, whatever is asked of it, and one that
// was reached before has longer.
func TestFirstContact(t *testing.T) {
	refused := &net.OpError{Op: "dial", Err: errors.New("refused")}
	synctest.Test(t, func(t *testing.T) {
		begin, calls := time.Now(), 0
		never := func(context.Context) error {
			calls++
			return &Again{Err: &Unreached{refused, begin}}
		}
		err := Do(t.Context(), never)
		if d := time.Since(begin); d < 2*time.Second || d > firstContact || calls < 3 || !errors.Is(err, refused) || !strings.Contains(err.Error(), "see whether this is the address") {
			t.Errorf("%v after %v and %d calls", err, d, calls)
		}
		time.Sleep(firstContact)
		begin, calls = time.Now().Add(-firstContact), 0
		if Do(t.Context(), never); time.Since(begin) != firstContact || calls != 1 {
			t.Errorf("the next call ends after %v and %d calls", time.Since(begin)-firstContact, calls)
		}
	})

	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	d := &dialer{servers: make(map[string]time.Time)}
	c, err := d.dial(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	l.Close()
	for _, reached := range []bool{true, false} {
		_, err = d.dial(t.Context(), "tcp", address)
		if _, never := errors.AsType[*Unreached](err); err == nil || never == reached {
			t.Errorf("a server that was reached %v: %v", reached, err)
		}
		d = &dialer{servers: make(map[string]time.Time)}
	}
}

// A store that asks for a wait is left alone for as long, and a context ends the wait.
func TestDoWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin, calls := time.Now(), 0
		err := Do(t.Context(), func(context.Context) error {
			if calls++; calls == 1 {
				return &Again{Err: errors.New("busy"), After: 30 * time.Second}
			}
			return nil
		})
		if d := time.Since(begin); err != nil || d != 30*time.Second {
			t.Errorf("%v after %v", err, d)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begin = time.Now()
		busy := errors.New("busy")
		err = Do(ctx, func(context.Context) error { return &Again{Err: busy, After: time.Minute} })
		if d := time.Since(begin); !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, busy) || d != time.Second {
			t.Errorf("%v after %v", err, d)
		}
	})
}

// A connection that stands still is given up, and a slow one is not.
func TestConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		here, there := net.Pipe()
		c := &connection{here}
		begin := time.Now()
		if _, err := c.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(begin) != idle {
			t.Errorf("reading ends with %v after %v", err, time.Since(begin))
		}
		begin = time.Now()
		if _, err := c.Write(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(begin) != idle {
			t.Errorf("writing ends with %v after %v", err, time.Since(begin))
		}
		// A large write takes ten minutes, and so does the wait for its answer.
		go func() {
			p := make([]byte, pieceBytes)
			for range 20 {
				time.Sleep(30 * time.Second)
				if _, err := io.ReadFull(there, p); err != nil {
					t.Error(err)
				}
			}
			there.Write([]byte("x"))
		}()
		read := make(chan error)
		go func() {
			_, err := c.Read(make([]byte, 1))
			read <- err
		}()
		if n, err := c.Write(make([]byte, 20*pieceBytes)); n != 20*pieceBytes || err != nil {
			t.Errorf("a slow write ends with %d, %v", n, err)
		}
		if err := <-read; err != nil {
			t.Errorf("the answer to a slow write: %v", err)
		}
		here.Close()
		there.Close()
	})
}

// An object is read on where an answer ends too early, and a part that begins elsewhere is no part
// of what was asked for.
func TestReadAt(t *testing.T) {
	const text = "0123456789"
	synctest.Test(t, func(t *testing.T) {
		opened := 0
		open := func(_ context.Context, off int64, n int) (Part, error) {
			opened++
			if off >= int64(len(text)) {
				return Part{}, io.EOF
			}
			body := io.Reader(strings.NewReader(text[off:min(int(off)+3, len(text))]))
			switch opened % 3 {
			case 0:
				body = iotest.ErrReader(io.ErrUnexpectedEOF)
			case 1:
				body = iotest.DataErrReader(body)
			}
			return Part{Body: io.NopCloser(body), Off: off, Size: int64(len(text))}, nil
		}
		for off := range len(text) + 2 {
			for n := 1; n < len(text)+3; n++ {
				p := make([]byte, n)
				k, err := ReadAt(t.Context(), p, int64(off), open)
				end := min(off+n, len(text))
				if string(p[:k]) != text[min(off, end):end] || (err == io.EOF) != (off+n > len(text)) || err != nil && err != io.EOF {
					t.Fatalf("ReadAt(%d, %d) = %q, %v", off, n, p[:k], err)
				}
			}
		}
	})
	_, err := ReadAt(t.Context(), make([]byte, 4), 2, func(context.Context, int64, int) (Part, error) {
		return Part{Body: io.NopCloser(strings.NewReader(text)), Size: int64(len(text))}, nil
	})
	if err == nil || !strings.Contains(err.Error(), "begins at 0 instead of 2") {
		t.Errorf("another part gives %v", err)
	}
}

func TestParts(t *testing.T) {
	for n := range 10 {
		content := bytes.Repeat([]byte("x"), n)
		for _, size := range []int64{0, int64(n), int64(n) + 1} {
			p := NewParts(bytes.NewReader(content), size, 3)
			var parts []int
			var err error
			for last := false; !last && err == nil; {
				var part []byte
				if part, last, err = p.Next(); err == nil {
					parts = append(parts, len(part))
				}
			}
			if wrong := size != 0 && size != int64(n); wrong != (err != nil) {
				t.Errorf("%d bytes that are to be %d: %v", n, size, err)
			}
			total := 0
			for i, k := range parts {
				if total += k; err == nil && k != 3 && i < len(parts)-1 || k == 0 && len(parts) > 1 {
					t.Errorf("%d bytes are cut into %v", n, parts)
				}
			}
			if err == nil && (total != n || p.Read() != int64(n)) {
				t.Errorf("%d bytes are cut into %v", n, parts)
			}
		}
	}
}
