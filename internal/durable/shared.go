package durable

import (
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"strconv"
)

// CreateShared is [FS.CreateFile] for a file of the user's. A new file gets the mode that
// the umask allows, as from any other program. A file that is replaced keeps its mode.
func (s FS) CreateShared(path string) (*File, error) {
	file := &File{fs: s, path: path}
	err := s.do(OpCreate, path, func() (err error) {
		if file.f, err = createTemp(path); err != nil {
			return err
		}
		if old, err := os.Stat(path); err == nil {
			return file.f.Chmod(old.Mode().Perm())
		}
		return nil
	})
	if err != nil {
		if file.f != nil {
			file.Abort()
		}
		return nil, err
	}
	return file, nil
}

// createTemp is os.CreateTemp with the mode that the umask allows. The kernel has to
// apply the umask here, because a program can read it only by changing it for every
// thread.
func createTemp(path string) (*os.File, error) {
	for try := 0; ; try++ {
		name := path + ".tmp-" + strconv.FormatUint(uint64(rand.Uint32()), 10)
		f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o666)
		if try < 100 && errors.Is(err, fs.ErrExist) {
			continue
		}
		return f, err
	}
}
