package remote

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"

	"github.com/genbatch/genbatch/internal/durable"
)

// socketFile is the name of the socket in the state folder.
const socketFile = "control.sock"

// longestAddress is how long the path of a socket may be: 104 bytes with the 0 behind it on
// macOS and the BSDs, and 108 on Linux and Windows.
const longestAddress = 103

// reachable returns an address under which the file of a folder can be bound and dialled. A
// long path goes by way of a link in a private temporary folder, which done removes.
func reachable(dir, name string) (address string, done func(), err error) {
	if address = filepath.Join(dir, name); len(address) <= longestAddress {
		return address, func() {}, nil
	}
	private, err := os.MkdirTemp("", "genbatch-")
	if err != nil {
		return "", nil, err
	}
	link := filepath.Join(private, "s")
	if err := os.Symlink(dir, link); err != nil {
		return "", nil, errors.Join(err, os.Remove(private))
	}
	address = filepath.Join(link, name)
	if len(address) > longestAddress {
		err = fmt.Errorf("the path of the folder for temporary files is too long for a socket: %s", private)
	}
	done = func() { _, _ = os.Remove(link), os.Remove(private) } // what is left is empty, and in the way of nobody
	if err != nil {
		done()
	}
	return address, done, err
}

// listen makes the socket of a state folder, in the place of one that a killed process has
// left. The caller must hold the job's lock.
//
// A socket gets its mode by the umask, and only later by chmod. So that nobody else can open it
// between the two, it is made in a private folder, and comes to its place when it has mode 0600.
func listen(dir string) (*net.UnixListener, error) {
	left, _ := os.ReadDir(dir) // and not Glob: the path of the folder may look like a pattern
	for _, l := range left {
		if strings.HasPrefix(l.Name(), socketFile+".tmp-") {
			_ = os.RemoveAll(filepath.Join(dir, l.Name()))
		}
	}
	private, err := os.MkdirTemp(dir, socketFile+".tmp-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(private)
	address, done, err := reachable(private, "s")
	if err != nil {
		return nil, err
	}
	defer done()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: address, Net: "unix"})
	if err != nil {
		return nil, err
	}
	l.SetUnlinkOnClose(false) // its name changes
	made := filepath.Join(private, "s")
	if err = os.Chmod(made, 0o600); err == nil {
		err = durable.FS{}.Rename(made, filepath.Join(dir, socketFile))
	}
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// remove removes the socket of a state folder.
func remove(dir string) error {
	err := os.Remove(filepath.Join(dir, socketFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// dial opens the socket of a state folder.
func dial(dir string) (net.Conn, error) {
	address, done, err := reachable(dir, socketFile)
	if err != nil {
		return nil, err
	}
	defer done()
	return net.Dial("unix", address)
}
