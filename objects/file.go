package objects

import (
	"context"
	"errors"
	"io"
	"slices"
	"sync"
	"time"
)

// BlockBytes is how much of an object is read at a time.
const BlockBytes = 1 << 20

// blocks is how many blocks of an object are kept: enough for the columns of a Parquet file,
// which are read side by side.
const blocks = 32

// patience is how long one reading of a block may take, with all that a driver tries again.
const patience = 2 * time.Minute

// A File is an object that is read. It reads ahead in blocks of [BlockBytes], each with a
// request of its own. So no connection stays open while rows are asked, which can take days,
// and of an object that is read here and there only the blocks around are fetched. If the object
// is replaced meanwhile, reading fails with [ErrChanged].
//
// ReadAt is safe for concurrent use, and Read is for one goroutine.
type File struct {
	Info   Info
	bucket Bucket
	at     int64 // where Read goes on
	ahead  int64 // the last block that Read has had fetched ahead

	mu    sync.Mutex
	known []*block // the one that was used last comes last
}

// A block is a part of an object.
type block struct {
	number int64
	once   sync.Once
	data   []byte
	err    error
}

// OpenFile opens the object at an address.
func OpenFile(ctx context.Context, address string) (*File, error) {
	b, key, err := Open(ctx, address)
	if err != nil {
		return nil, err
	}
	info, err := b.Stat(ctx, key)
	if err != nil {
		return nil, err
	}
	info.Key = key
	return &File{Info: info, bucket: b}, nil
}

// Read implements [io.Reader]. While one block is used, the next one is fetched.
func (f *File) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	n, err := f.ReadAt(p[:min(len(p), int(BlockBytes-f.at%BlockBytes))], f.at)
	f.at += int64(n)
	if next := f.at/BlockBytes + 1; next > f.ahead && next*BlockBytes < f.Info.Size {
		f.ahead = next
		b := f.block(next)
		go b.once.Do(func() { f.fetch(b) })
	}
	if n > 0 && err == io.EOF {
		err = nil
	}
	return n, err
}

// ReadAt implements [io.ReaderAt].
func (f *File) ReadAt(p []byte, off int64) (n int, err error) {
	for n < len(p) {
		at := off + int64(n)
		if at >= f.Info.Size {
			return n, io.EOF
		}
		b := f.block(at / BlockBytes)
		b.once.Do(func() { f.fetch(b) })
		if b.err != nil {
			return n, b.err
		}
		n += copy(p[n:], b.data[at%BlockBytes:])
	}
	return n, nil
}

// block returns a block, fetched or not, and forgets the one that was used the longest ago.
func (f *File) block(number int64) *block {
	f.mu.Lock()
	defer f.mu.Unlock()
	b := &block{number: number}
	if i := slices.IndexFunc(f.known, func(b *block) bool { return b.number == number }); i >= 0 {
		b = f.known[i]
		f.known = slices.Delete(f.known, i, i+1)
	}
	f.known = append(f.known, b)
	if len(f.known) > blocks {
		f.known = slices.Delete(f.known, 0, 1)
	}
	return b
}

// fetch reads a block from the store. A block that failed is forgotten, so that it is tried
// again when somebody asks for it again.
func (f *File) fetch(b *block) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	begin := b.number * BlockBytes
	b.data = make([]byte, min(BlockBytes, f.Info.Size-begin))
	n, err := f.bucket.ReadAt(ctx, f.Info.Key, f.Info.Version, b.data, begin)
	if n == len(b.data) {
		return
	}
	if err == nil || err == io.EOF {
		err = ErrChanged // it was longer
	}
	if errors.Is(err, context.DeadlineExceeded) {
		err = errors.New("the object store has not answered for " + patience.String())
	}
	b.data, b.err = nil, err
	f.mu.Lock()
	defer f.mu.Unlock()
	f.known = slices.DeleteFunc(f.known, func(k *block) bool { return k == b })
}

// Close forgets what was read ahead. It implements [io.Closer].
func (f *File) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.known = nil
	return nil
}
