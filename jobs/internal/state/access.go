package state

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/genbatch/genbatch/internal/durable"
	"github.com/genbatch/genbatch/jobs/spec"
)

// CheckAccess refuses a folder that is there and cannot be read, with a [*spec.Error] that
// says whose it is. To the rest of the package such a folder looks as if it was empty. It
// says nothing of a folder that is not there. A file in its place is refused, too.
func CheckAccess(dir string) error {
	if info, err := os.Stat(dir); err == nil && !info.IsDir() {
		return spec.Errorf("name a folder with --state, or choose another --output", "the state folder %s is a file", dir)
	}
	_, err := os.ReadDir(dir)
	for _, name := range []string{specFile, manifestFile, lockFile} {
		if err == nil || errors.Is(err, fs.ErrNotExist) {
			var f *os.File
			if f, err = os.Open(filepath.Join(dir, name)); err == nil {
				f.Close()
			}
		}
	}
	if !errors.Is(err, fs.ErrPermission) {
		return nil
	}
	return Forbidden(dir, "read")
}

// Forbidden is the [*spec.Error] for a folder, or a file in it, that the user may not read
// or write, as the verb says.
func Forbidden(path, verb string) error {
	// What cannot be seen belongs to whom the first folder belongs that can be.
	owner := ""
	for at := path; owner == ""; at = filepath.Dir(at) {
		owner = durable.OwnedBy(at)
		if at == filepath.Dir(at) {
			break
		}
	}
	whose, as := "", "a user who may"
	if owner != "" {
		whose, as = fmt.Sprintf(" belongs to %s, and", owner), owner
	}
	return spec.Errorf(fmt.Sprintf("run the command as %s, or have the right to %s it given to you", as, verb),
		"%s", strings.TrimSpace(fmt.Sprintf("%s%s you may not %s it", path, whose, verb)))
}

// BoundCalls lowers the concurrency of a job if the process may not have enough files open
// for it, and says so: a call needs a connection, or two while it is made. So no call takes
// the file that the journal needs. standard is the concurrency of a job that says nothing.
// The error is a [*spec.Error] if there is no room for any call.
func BoundCalls(s *spec.Spec, standard int, log *slog.Logger) error {
	asked := cmp.Or(s.Concurrency, standard)
	most, err := boundCalls(asked, durable.MaxOpenFiles())
	if err != nil || most == asked {
		return err
	}
	log.Warn(fmt.Sprintf("this process may have so few files open at once that --concurrency is %d in place of %d; allow more with ulimit -n", most, asked))
	s.Concurrency = most
	return nil
}

// ownFiles is how many files a run has open beside its connections: the terminal, the
// network poller, the lock, the journal, the input and the output, quotas.
const ownFiles = 14

func boundCalls(asked, files int) (int, error) {
	if files == 0 {
		return asked, nil
	}
	most := (files - ownFiles) / 2
	if most < 1 {
		return 0, spec.Errorf("allow more, for example with: ulimit -n 256", "this process may have %d files open at once, which are too few for a run", files)
	}
	return min(asked, most), nil
}
