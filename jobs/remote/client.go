package remote

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/genbatch/genbatch/internal/message"
	"github.com/genbatch/genbatch/jobs"
)

const (
	// patience is how long a run may take to answer. It answers from memory.
	patience = 10 * time.Second
	// maxAnswer bounds an answer: failures and samples are a megabyte at most.
	maxAnswer = 64 << 20
)

// A Client is the [Controller] of a run in another process. It is safe for concurrent use.
type Client struct {
	http  http.Client
	owner jobs.Owner
}

// Dial finds the run of a state folder. The error is a [*jobs.SpecError] that says why it
// cannot be reached: no process runs the job, or it runs on another host, or it belongs to
// another user, or it has no socket.
func Dial(dir string) (*Client, error) {
	owner, err := jobs.Running(dir)
	if err != nil {
		return nil, err
	}
	if owner == nil {
		return nil, notRunning(dir)
	}
	if host, err := os.Hostname(); err == nil && host != owner.Host {
		return nil, &jobs.SpecError{Err: fmt.Errorf("the job runs on another host: process %d on %s", owner.PID, owner.Host), Hint: "run this command there"}
	}
	if _, err := os.Lstat(filepath.Join(dir, socketFile)); err != nil {
		return nil, noSocket(dir, owner, err)
	}
	c := &Client{owner: *owner}
	c.http.Timeout = patience
	c.http.Transport = &http.Transport{
		DialContext:        func(context.Context, string, string) (net.Conn, error) { return dial(dir) },
		DisableCompression: true, MaxIdleConns: 2, IdleConnTimeout: 30 * time.Second,
	}
	return c, nil
}

// notRunning says that no process runs a job, and what there is to do all the same.
func notRunning(dir string) error {
	e := &jobs.SpecError{Err: fmt.Errorf("no process runs the job of %s", dir), Hint: "genbatch run starts it, or carries on with it"}
	if n := jobs.LiveBatches(dir); n > 0 {
		e.Hint = fmt.Sprintf("%s of it at work at the endpoint, and need no process: genbatch run collects them, and genbatch cancel cancels them", isOrAre(n, "batch job"))
	}
	return e
}

func isOrAre(n int, what string) string {
	if n == 1 {
		return "1 " + what + " is"
	}
	return message.Plural(n, what) + " are"
}

// noSocket says why there is none.
func noSocket(dir string, owner *jobs.Owner, err error) error {
	if !errors.Is(err, fs.ErrNotExist) {
		return &jobs.SpecError{Err: err}
	}
	return &jobs.SpecError{
		Err:  fmt.Errorf("process %d runs the job of %s, and cannot be steered: it has no socket there", owner.PID, dir),
		Hint: "it is about to begin or to end, or an older version of genbatch, or a program of somebody's own, or the file system has no sockets; kill -INT ends a run as Ctrl-C does",
	}
}

// State implements [Controller].
func (c *Client) State(ctx context.Context, since int64) (*State, error) {
	path := "state"
	if since > 0 {
		path += "?since=" + strconv.FormatInt(since, 10)
	}
	return c.ask(ctx, http.MethodGet, path, nil)
}

// Do implements [Controller].
func (c *Client) Do(ctx context.Context, a Action) (*State, error) {
	return c.ask(ctx, http.MethodPost, string(a), nil)
}

// Set implements [Controller].
func (c *Client) Set(ctx context.Context, limits jobs.Limits) (*State, error) {
	body, err := json.Marshal(limits)
	if err != nil {
		return nil, err
	}
	return c.ask(ctx, http.MethodPost, "set", body)
}

// Close ends the use of a Client.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// ask makes a request.
func (c *Client) ask(ctx context.Context, method, path string, body []byte) (*State, error) {
	r, err := http.NewRequestWithContext(ctx, method, "http://run/v1/"+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	resp, err := c.http.Do(r)
	if err != nil {
		return nil, c.unreachable(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return nil, c.unreachable(err)
	}
	if resp.StatusCode == http.StatusOK {
		s := new(State)
		if err := json.Unmarshal(text, s); err != nil {
			return nil, fmt.Errorf("the run answers with what is no state: %w", err)
		}
		return s, nil
	}
	var no refusal
	switch {
	case json.Unmarshal(text, &no) != nil || no.Error == "":
		return nil, fmt.Errorf("the run answers with %s: %s; it may be another version of genbatch", resp.Status, message.OneLine(string(text), 200))
	case resp.StatusCode == http.StatusBadRequest:
		return nil, &jobs.SpecError{Err: errors.New(no.Error), Hint: no.Hint}
	}
	return nil, errors.New(no.Error)
}

// unreachable says why a run does not answer.
func (c *Client) unreachable(err error) error {
	who := fmt.Sprintf("process %d, which runs the job,", c.owner.PID)
	if errors.Is(err, fs.ErrPermission) {
		return &jobs.SpecError{Err: fmt.Errorf("%s is another user's: its socket may not be opened", who), Hint: "run the command as that user"}
	}
	return &jobs.SpecError{Err: fmt.Errorf("%s does not answer: %s", who, message.Plain(err)), Hint: "it may be about to end; genbatch status says how the job stands"}
}
