package store

import (
	"context"
	"io"

	"github.com/genbatch/genbatch/objects"
)

// Write makes an object of what r holds; see [objects.Writer].
func Write(ctx context.Context, address string, r io.Reader, o objects.WriteOptions) (Info, error) {
	b, key, err := objects.Open(ctx, address)
	if err != nil {
		return Info{}, err
	}
	info, err := b.Write(ctx, key, r, o)
	return infoOf(address, info), err
}

// Remove removes an object. That there is none is no error.
func Remove(ctx context.Context, address string) error {
	b, key, err := objects.Open(ctx, address)
	if err != nil {
		return err
	}
	return b.Remove(ctx, key)
}
