package gemini

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/gemini/internal/wire"
	"github.com/genbatch/genbatch/internal/apijson"
)

// CanCount returns why the endpoint must not be asked for countTokens, or nil if it
// counts free of charge. Gateways do not: some have no such method, and two are known
// to answer it with a generation, which they bill.
func (e Endpoint) CanCount() error {
	if e.CountsTokens {
		return nil
	}
	return fmt.Errorf("%s is not known to count tokens for nothing: some gateways answer countTokens with a generation, and bill it", e)
}

// CountTokens asks the endpoint how many tokens a request's prompt has. It fails where
// [Endpoint.CanCount] does.
// https://ai.google.dev/api/tokens
func (c *Client) CountTokens(ctx context.Context, r *batch.Request) (int64, error) {
	if err := c.config.Endpoint.CanCount(); err != nil {
		return 0, err
	}
	body, err := c.countBody(r)
	if err != nil {
		return 0, err
	}
	reply, failed := c.Call(ctx, &Call{
		Method: http.MethodPost, Address: c.config.Endpoint.URL(r.Model, ":countTokens"),
		Header: map[string]string{"Content-Type": "application/json"},
		Body:   io.NewSectionReader(bytes.NewReader(body), 0, int64(len(body))),
	})
	if failed != nil {
		return 0, fmt.Errorf("countTokens: %w", failed.Err)
	}
	var answer struct {
		Total wire.Count `json:"totalTokens"`
	}
	if json.Unmarshal(wire.Camel(reply.Body), &answer) != nil || answer.Total <= 0 {
		return 0, errors.New("countTokens: the answer has no totalTokens")
	}
	return int64(answer.Total), nil
}

// countBody returns the body of a countTokens call. Google AI takes the whole request,
// and Vertex AI only those of its fields that are counted.
func (c *Client) countBody(r *batch.Request) (json.RawMessage, error) {
	var top map[string]json.RawMessage
	if err := json.Unmarshal(r.Body, &top); err != nil {
		return nil, fmt.Errorf("countTokens: the request is not a JSON object: %w", err)
	}
	var counted any
	if c.config.Endpoint.Vertex {
		parts := make(map[string]json.RawMessage)
		for _, name := range []string{"contents", "systemInstruction", "tools", "generationConfig"} {
			if v := top[name]; v != nil {
				parts[name] = v
			}
		}
		counted = parts
	} else {
		if top == nil {
			top = make(map[string]json.RawMessage)
		}
		top["model"], _ = json.Marshal("models/" + strings.TrimPrefix(r.Model, "models/"))
		counted = map[string]any{"generateContentRequest": top}
	}
	return apijson.Marshal(counted)
}
