package message

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// What the operating system and Go's libraries say is said in words, wherever it is wrapped.
func TestPlain(t *testing.T) {
	path := func(op string, err error) error { return &fs.PathError{Op: op, Path: "a/b.csv", Err: err} }
	dial := func(err error) error {
		return &net.OpError{Op: "dial", Net: "tcp", Addr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 9}, Err: os.NewSyscallError("connect", err)}
	}
	for _, tt := range []struct {
		err  error
		want string
	}{
		{nil, ""},
		{errors.New("as it is"), "as it is"},
		{path("open", syscall.ENOENT), "a/b.csv: no such file or directory"},
		{fmt.Errorf("the key file cannot be read: %w", path("open", syscall.ENOENT)), "the key file cannot be read: a/b.csv: no such file or directory"},
		{path("mkdir", syscall.ENOENT), "the folder a/b.csv cannot be made: the one around it does not exist"},
		{path("mkdir", syscall.EACCES), "a/b.csv: permission denied: this user may not make this folder"},
		{path("write", syscall.ENOSPC), "a/b.csv: no space left on device: make room on this disk"},
		{path("read", syscall.EISDIR), "a/b.csv: is a directory, and a file is needed"},
		{path("reach", fmt.Errorf("the store knows no such key, see whether it is right: %w", fs.ErrPermission)), "a/b.csv: the store knows no such key, see whether it is right: permission denied"},
		{path("reach", dial(syscall.ECONNREFUSED)), "a/b.csv: 127.0.0.1:9 refuses connections: nothing listens there"},
		{path("open", syscall.EMFILE), "a/b.csv: too many open files: raise the limit (ulimit -n) or lower --concurrency"},
		{&os.LinkError{Op: "rename", Old: "x", New: "y", Err: syscall.EACCES}, "y: permission denied: this user may not give a file this name"},
		{errors.Join(errors.New("one"), fmt.Errorf("two: %w", path("open", syscall.EROFS))), "one\ntwo: a/b.csv: read-only file system: nothing can be written there"},
		{fmt.Errorf("no answer: %w", dial(syscall.ECONNREFUSED)), "no answer: 127.0.0.1:9 refuses connections: nothing listens there"},
		{dial(syscall.ENETUNREACH), "127.0.0.1:9 cannot be reached: there is no way to it from here"},
		{&net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", Name: "nohost", IsNotFound: true}}, "there is no host nohost"},
		{&net.OpError{Op: "dial", Err: &net.AddrError{Err: "invalid port", Addr: "99999"}}, `"99999" is no address: invalid port`},
		{fmt.Errorf("line 1: %w", io.ErrUnexpectedEOF), "line 1: it ends too early"},
		{fmt.Errorf("the call: %w", context.DeadlineExceeded), "the call: it took too long"},
		{fmt.Errorf("[.csv: %w", filepath.ErrBadPattern), "[.csv: the pattern has a [ without its ]"},
		{json.Unmarshal([]byte("{x"), new(any)), "not JSON: invalid character 'x' looking for beginning of object key string"},
		{json.Unmarshal([]byte("x"), new(any)), "not JSON: 'x' where a value should stand"},
		{json.Unmarshal([]byte("["), new(any)), "the JSON ends too early"},
	} {
		if got := Plain(tt.err); got != tt.want {
			t.Errorf("%v: %q, want %q", tt.err, got, tt.want)
		}
	}
	if got := Plain(&fs.PathError{Op: "open", Path: strings.Repeat("x", 5000), Err: syscall.ENAMETOOLONG}); len(got) > 300 {
		t.Errorf("a name of 5,000 letters makes a message of %d bytes", len(got))
	}
}
