package reader

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"runtime/debug"

	"github.com/genbatch/genbatch/reader/internal/pages"
)

// This file keeps a damaged Parquet file from doing harm.

var errEncrypted = errors.New("the Parquet file is encrypted, which is not supported; decrypt it first")

// checkFooter refuses a file that is not Parquet, and a footer whose lengths cannot be
// true, before anyone reserves memory by them.
func checkFooter(r io.ReaderAt, size int64) error {
	if size < 12 {
		return errors.New("is too short for a Parquet file")
	}
	var tail [8]byte
	if _, err := r.ReadAt(tail[:], size-8); err != nil && err != io.EOF {
		return err
	}
	switch string(tail[4:]) {
	case "PAR1":
	case "PARE":
		return errEncrypted
	default:
		return errors.New("is no Parquet file, or was cut short: it does not end in PAR1")
	}
	n := int64(binary.LittleEndian.Uint32(tail[:4]))
	if n > size-12 {
		return fmt.Errorf("the Parquet footer is damaged: it claims %d bytes in a file of %d", n, size)
	}
	footer := make([]byte, n)
	if _, err := r.ReadAt(footer, size-8-n); err != nil && err != io.EOF {
		return err
	}
	if err := guard(func() error { return pages.CheckFooter(footer) }); err != nil {
		return fmt.Errorf("the Parquet footer is damaged or not supported: %w", err)
	}
	return nil
}

// guard calls do and turns a panic into an error. The Parquet library may panic on
// damaged data, and may read memory that is not mapped, which is made a panic too.
func guard(do func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%v", r)
		}
	}()
	return do()
}
