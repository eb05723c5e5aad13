package durable

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
)

// CreateShared is [FS.CreateFile] for a file of the user's. A new file gets the mode that
// the umask allows, as from any other program. A file that is replaced keeps its mode. A
// symbolic link at path stays, and the file that it names is replaced or made.
func (s FS) CreateShared(path string) (*File, error) {
	path, err := Target(path)
	if err != nil {
		return nil, err
	}
	file := &File{fs: s, path: path}
	err = s.do(OpCreate, path, func() (err error) {
		if file.f, err = createTemp(path); err != nil {
			return err
		}
		s.did(OpCreate, file.f.Name(), "")
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

// MkdirShared makes a folder of the user's if there is none. Its parent must exist. The folder
// gets the mode that the umask allows. Its name is synced even if it exists, because the
// process that made it may have died before its own sync.
func (s FS) MkdirShared(path string) error {
	if !IsDir(path) {
		if err := s.mkdir(path, 0o777); err != nil {
			return err
		}
	}
	return s.SyncDir(filepath.Dir(path))
}

// Target returns the path of the file that a path stands for: path itself, or where the
// symbolic links lead that begin there. That file need not exist.
func Target(path string) (string, error) {
	const most = 40 // as in Linux
	for range most {
		info, err := os.Lstat(path)
		if err != nil || info.Mode()&fs.ModeSymlink == 0 {
			return path, nil
		}
		to, err := os.Readlink(path)
		if err != nil {
			return "", err
		}
		if !filepath.IsAbs(to) {
			// A link is relative to where its folder really is.
			dir, err := filepath.EvalSymlinks(filepath.Dir(path))
			if err != nil {
				return "", err
			}
			to = filepath.Join(dir, to)
		}
		path = to
	}
	return "", fmt.Errorf("%s is a symbolic link that leads to itself", path)
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
