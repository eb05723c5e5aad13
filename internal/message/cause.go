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
)

// Plain returns the text of an error in which causes that the operating system or Go's
// libraries gave are said in words: in place of "open x.csv: permission denied" that x.csv may
// not be read by this user. It looks for them wherever they are wrapped.
func Plain(err error) string {
	if err == nil {
		return ""
	}
	text := err.Error()
	var visit func(error)
	visit = func(e error) {
		if words := inWords(e); words != "" {
			text = strings.ReplaceAll(text, e.Error(), words)
			return
		}
		switch w := e.(type) {
		case interface{ Unwrap() error }:
			if inner := w.Unwrap(); inner != nil {
				visit(inner)
			}
		case interface{ Unwrap() []error }:
			for _, inner := range w.Unwrap() {
				visit(inner)
			}
		}
	}
	visit(err)
	return text
}

// inWords says what an error of a library means. It is empty for other errors.
func inWords(err error) string {
	switch e := err.(type) {
	case *fs.PathError:
		return fileWords(e.Op, e.Path, e.Err)
	case *os.LinkError:
		return fileWords(e.Op, e.New, e.Err)
	case *net.OpError:
		return networkWords(e)
	case *net.DNSError:
		if e.IsNotFound {
			return fmt.Sprintf("there is no host %s", OneLine(e.Name, 80))
		}
		return fmt.Sprintf("the name of the host %s cannot be looked up now", OneLine(e.Name, 80))
	case *net.AddrError:
		return fmt.Sprintf("%q is no address: %s", OneLine(e.Addr, 80), e.Err)
	case *json.SyntaxError:
		return jsonWords(e)
	}
	switch err {
	case io.EOF, io.ErrUnexpectedEOF:
		return "it ends too early"
	case context.DeadlineExceeded, os.ErrDeadlineExceeded:
		return "it took too long"
	case filepath.ErrBadPattern:
		return "the pattern has a [ without its ]"
	}
	return ""
}

// fileWords says why something could not be done with a file or a folder.
func fileWords(op, path string, err error) string {
	path = OneLine(path, 200)
	if op == "reach" { // an object, of whose store the error says what it is for and what helps
		return path + ": " + Plain(err)
	}
	to := map[string]string{
		"open": "read or write it", "read": "read it", "stat": "look at it", "lstat": "look at it", "mkdir": "make this folder",
		"rename": "give a file this name", "remove": "remove it", "unlinkat": "remove it", "chdir": "go there", "readdirent": "list it",
	}[op]
	if to == "" {
		to = "write it"
	}
	because := causeWords(err)
	switch {
	case errors.Is(err, fs.ErrNotExist) && op == "mkdir":
		return fmt.Sprintf("the folder %s cannot be made: the one around it does not exist", path)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Sprintf("%s: permission denied: this user may not %s", path, to)
	case because == "":
		return ""
	}
	return path + ": " + because
}

// causes are what the operating system says of files, in words, and what helps.
var causes = []struct {
	err   error
	words string
}{
	{fs.ErrNotExist, "no such file or directory"},
	{fs.ErrExist, "it exists already"},
	{syscall.EISDIR, "is a directory, and a file is needed"},
	{syscall.ENOTDIR, "not a directory: a part of this path is a file"},
	{syscall.ENAMETOOLONG, "the name is too long for the file system"},
	{syscall.ENOSPC, "no space left on device: make room on this disk"},
	{syscall.EROFS, "read-only file system: nothing can be written there"},
	{syscall.EIO, "the disk reports an error: see the log of the system"},
	{syscall.EMFILE, "too many open files: raise the limit (ulimit -n) or lower --concurrency"},
	{syscall.ENFILE, "too many open files on this machine"},
	{syscall.ELOOP, "a link leads back to itself"},
	{syscall.EINVAL, "the file system refuses this name or operation"},
	{syscall.EBUSY, "another program is using it"},
}

// causeWords says what the operating system means; it is empty where its own words have to do.
func causeWords(err error) string {
	for _, c := range causes {
		if errors.Is(err, c.err) {
			return c.words
		}
	}
	return ""
}

// networkWords says why a connection failed.
func networkWords(e *net.OpError) string {
	where := "the server"
	if e.Addr != nil {
		where = e.Addr.String()
	}
	if words := inWords(e.Err); words != "" { // a name that is not known, or a port that is no number
		return words
	}
	switch {
	case errors.Is(e.Err, syscall.ECONNREFUSED):
		return where + " refuses connections: nothing listens there"
	case errors.Is(e.Err, syscall.ECONNRESET), errors.Is(e.Err, syscall.EPIPE):
		return where + " cut the connection (reset)"
	case errors.Is(e.Err, syscall.ENETUNREACH), errors.Is(e.Err, syscall.EHOSTUNREACH):
		return where + " cannot be reached: there is no way to it from here"
	case errors.Is(e.Err, syscall.EADDRINUSE):
		return where + " is in use by another program"
	case errors.Is(e.Err, syscall.EADDRNOTAVAIL):
		return where + " is no address of this machine"
	case e.Timeout():
		return where + " does not answer"
	}
	return ""
}

// jsonWords says what is wrong with a JSON text.
func jsonWords(e *json.SyntaxError) string {
	text := e.Error()
	switch {
	case strings.HasPrefix(text, "unexpected end"):
		return "the JSON ends too early"
	case strings.HasSuffix(text, "looking for beginning of value"):
		if _, what, ok := strings.Cut(text, "invalid character "); ok {
			return "not JSON: " + strings.TrimSuffix(what, " looking for beginning of value") + " where a value should stand"
		}
	}
	return "not JSON: " + text
}
