package transfer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
)

// A Part is an answer that holds a part of an object.
type Part struct {
	Body io.ReadCloser
	Off  int64 // where the part begins
	Size int64 // of the whole object
}

// PartOf returns the part that an answer holds. ok is false if the answer does not say which it is.
func PartOf(resp *http.Response) (p Part, ok bool) {
	p = Part{Body: resp.Body, Size: resp.ContentLength}
	var err error
	if given := resp.Header.Get("Content-Range"); given != "" {
		var last int64
		_, err = fmt.Sscanf(given, "bytes %d-%d/%d", &p.Off, &last, &p.Size)
	}
	return p, err == nil && p.Size >= 0
}

// ReadAt fills p with what an object holds from an offset on. It calls open for what is missing,
// again if an answer is cut off. An open that asks beyond the object's end returns io.EOF, and
// so does ReadAt if the object ends before p is full.
func ReadAt(ctx context.Context, p []byte, off int64, open func(ctx context.Context, off int64, n int) (Part, error)) (n int, err error) {
	for n < len(p) {
		err := Do(ctx, func(ctx context.Context) error {
			part, err := open(ctx, off+int64(n), len(p)-n)
			if err != nil {
				return err
			}
			defer part.Body.Close()
			if part.Off != off+int64(n) {
				return fmt.Errorf("the store gives another part of the object than was asked for: it begins at %d instead of %d", part.Off, off+int64(n))
			}
			want := int(min(int64(len(p)-n), part.Size-part.Off))
			k, err := io.ReadFull(part.Body, p[n:n+want])
			n += k
			switch {
			case n < len(p) && k == want:
				return io.EOF
			case err != nil && k == 0:
				return Failed(ctx, fmt.Errorf("the answer was cut off: %w", noEnd(err)))
			}
			return nil // all of it, or a beginning
		})
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

// noEnd returns the error of an answer that is shorter than it was to be, which is no end.
func noEnd(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
