package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"unsafe"
)

// A screen is a terminal in which a program runs, with a test at its keys.
type screen struct {
	t      *testing.T
	master *os.File
	ended  chan struct{}

	mu    sync.Mutex
	shown bytes.Buffer
}

// newScreen runs a program in a terminal of 80 columns.
func newScreen(t *testing.T, c *exec.Cmd) *screen {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("there is no pseudo-terminal here (%v): run the test where devpts is mounted", err)
	}
	ioctl := func(request uintptr, arg unsafe.Pointer) {
		if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, master.Fd(), request, uintptr(arg)); errno != 0 {
			t.Fatal(errno)
		}
	}
	var number, unlocked uint32
	ioctl(syscall.TIOCGPTN, unsafe.Pointer(&number))
	ioctl(syscall.TIOCSPTLCK, unsafe.Pointer(&unlocked))
	size := struct{ rows, columns, x, y uint16 }{rows: 50, columns: 80}
	ioctl(syscall.TIOCSWINSZ, unsafe.Pointer(&size))
	slave, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer slave.Close()
	c.Stdin, c.Stdout, c.Stderr = slave, slave, slave
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	s := &screen{t: t, master: master, ended: make(chan struct{})}
	go func() {
		defer close(s.ended)
		buffer := make([]byte, 4096)
		for {
			n, err := master.Read(buffer)
			s.mu.Lock()
			s.shown.Write(buffer[:n])
			s.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() {
		_ = c.Process.Kill()
		_ = c.Wait()
		_ = master.Close()
		<-s.ended
	})
	return s
}

// keys types text.
func (s *screen) keys(text string) {
	s.t.Helper()
	if _, err := s.master.WriteString(text); err != nil {
		s.t.Fatal(err)
	}
}

// text returns what was shown up to now.
func (s *screen) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.shown.String()
}

// until waits until a condition holds.
func (s *screen) until(what string, holds func() bool) {
	s.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			s.t.Fatalf("%s: it did not come. The screen:\n%q", what, s.text())
		}
	}
}

// shows waits until a text was shown.
func (s *screen) shows(text string) {
	s.t.Helper()
	s.until(text, func() bool { return strings.Contains(s.text(), text) })
}

// A shell is a program that completes lines.
type shell struct {
	name string
	args []string
	rc   string // what it reads first, in its own language; %s is the file with the script
}

func shellsToTest() []shell {
	return []shell{
		{"bash", []string{"--norc", "--noprofile", "-i"}, "source %s; PS1='ready> '; bind 'set bell-style none'\n"},
		{"zsh", []string{"-f", "-i"}, "autoload -Uz compinit; compinit -u -D; source %s; PS1='ready> '; unsetopt beep\n"},
		{"fish", []string{"--no-config", "-i"}, "source %s; function fish_prompt; echo 'ready> '; end; function fish_greeting; end; set -g fish_autosuggestion_enabled 0\n"},
	}
}

// start starts the shell in a folder, with completion, and waits for its prompt.
func (sh shell) start(t *testing.T, dir, wordsFile string) *screen {
	t.Helper()
	path, err := exec.LookPath(sh.name)
	if err != nil {
		t.Skipf("%s is not installed; on Debian: apt-get install %[1]s", sh.name)
	}
	script := filepath.Join(t.TempDir(), "script")
	text, err := exec.Command("genbatch", "completion", sh.name).Output()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(script, text, 0o600); err != nil {
		t.Fatal(err)
	}
	c := exec.Command(path, sh.args...)
	c.Dir = dir
	home := t.TempDir()
	c.Env = append(os.Environ(), "HOME="+home, "XDG_STATE_HOME="+home, "XDG_CONFIG_HOME="+home, "XDG_DATA_HOME="+home, "XDG_CACHE_HOME="+home, "TERM=xterm", "WORDS_FILE="+wordsFile, "GORACE=atexit_sleep_ms=0", "HISTFILE=")
	s := newScreen(t, c)
	if sh.name == "fish" {
		s.until("a prompt", func() bool { return strings.ContainsAny(s.text(), "#>") })
	}
	s.keys(strings.ReplaceAll(sh.rc, "%s", script))
	s.until("the prompt", func() bool { return strings.Contains(strings.ReplaceAll(s.text(), "'ready> '", ""), "ready> ") })
	return s
}
