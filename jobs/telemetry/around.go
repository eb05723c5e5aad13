package telemetry

import (
	"context"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/genbatch/genbatch/batch"
)

// Around measures the attempts, waits and commits of a configuration. It is for
// [jobs.Options].
func (t *Telemetry) Around(c batch.Config) batch.Config {
	if t.instruments == nil {
		return c
	}
	c.Model = &model{Model: c.Model, Telemetry: t, provider: provider(c.Endpoint)}
	if c.Limiter != nil {
		c.Limiter = &limiter{Limiter: c.Limiter, waits: t.instruments.durations[waitName]}
	}
	c.Sink = &sink{Sink: c.Sink, commits: t.instruments.durations[commitName]}
	return c
}

// A model measures attempts. Those that a batch job has made are counted only: when each was
// answered, and how soon, is not known.
type model struct {
	batch.Model
	*Telemetry
	provider attribute.KeyValue
}

// Attempt implements [batch.Model].
func (m *model) Attempt(ctx context.Context, r *batch.Request) batch.Outcome {
	if r.Batch != "" {
		o := m.Model.Attempt(ctx, r)
		m.count(ctx, r, &o)
		return o
	}
	begin := time.Now()
	call, span := m.tracer.Start(ctx, generateContent+" "+r.Model,
		trace.WithNewRoot(), trace.WithLinks(trace.LinkFromContext(ctx)), trace.WithSpanKind(trace.SpanKindClient),
		trace.WithAttributes(attribute.String(genAIOperation, generateContent), m.provider, attribute.String(genAIRequestModel, r.Model)))
	o := m.Model.Attempt(call, r)
	took := time.Since(begin).Seconds()
	outcome := m.count(ctx, r, &o)
	m.instruments.durations[durationName].Record(ctx, took, metric.WithAttributes(attribute.String("model", r.Model)))
	if m.genAI != nil {
		labels := []attribute.KeyValue{attribute.String(genAIOperation, generateContent), m.provider, attribute.String(genAIRequestModel, r.Model)}
		if class := classOf(&o); class != "" {
			labels = append(labels, attribute.String(errorType, class))
		}
		m.genAI.Record(ctx, took, metric.WithAttributes(labels...))
	}
	if span.IsRecording() {
		describe(span, r, &o, outcome)
	}
	span.End()
	return o
}

// count counts an attempt, and returns what it came to.
func (m *model) count(ctx context.Context, r *batch.Request, o *batch.Outcome) string {
	outcome := outcomeOf(o)
	if ctx.Err() != nil && outcome != string(o.Status) {
		outcome = "cut" // by the end of the run
	}
	m.instruments.attempts.Add(ctx, 1, metric.WithAttributes(attribute.String("model", r.Model), attribute.String("outcome", outcome)))
	return outcome
}

// outcomeOf returns the status of an attempt that has settled its row, or the kind of what
// went wrong.
func outcomeOf(o *batch.Outcome) string {
	switch {
	case o.Consequence == batch.Answered || o.Consequence == batch.Settled:
		return string(o.Status)
	case o.Err == nil || o.Err.Kind == "":
		return "other"
	}
	return strings.ReplaceAll(string(o.Err.Kind), " ", "_")
}

// classOf returns the class of an error for errorType: the HTTP status, or the kind. It is
// empty for an answer.
func classOf(o *batch.Outcome) string {
	switch {
	case o.Err == nil || o.Consequence == batch.Answered:
		return ""
	case o.Err.HTTPStatus > 0:
		return strconv.Itoa(o.Err.HTTPStatus)
	}
	return outcomeOf(o)
}

// describe says in a span what an attempt came to. Nothing of the row's content is in it.
func describe(span trace.Span, r *batch.Request, o *batch.Outcome, outcome string) {
	all := []attribute.KeyValue{attribute.Int64("genbatch.row", r.Row), attribute.String("genbatch.outcome", outcome)}
	text := func(name, value string) {
		if value != "" {
			all = append(all, attribute.String(name, value))
		}
	}
	text("genbatch.tier", o.Tier)
	text(genAIResponseModel, o.ModelVersion)
	text(genAIResponseID, o.ResponseID)
	if o.FinishReason != "" {
		all = append(all, attribute.StringSlice(genAIFinishReasons, []string{o.FinishReason}))
	}
	if u := o.Usage; u != nil {
		all = append(all, attribute.Int64(genAIInputTokens, u.PromptTokenCount+u.ToolUsePromptTokenCount),
			attribute.Int64(genAIOutputTokens, u.CandidatesTokenCount+u.Thoughts()))
	}
	if class := classOf(o); class != "" {
		text(errorType, class)
		span.SetStatus(codes.Error, outcome)
	}
	span.SetAttributes(all...)
}

// A limiter measures waits.
type limiter struct {
	batch.Limiter
	waits metric.Float64Histogram
}

// Acquire implements [batch.Limiter].
func (l *limiter) Acquire(ctx context.Context, r *batch.Request) error {
	begin := time.Now()
	err := l.Limiter.Acquire(ctx, r)
	if err == nil {
		l.waits.Record(ctx, time.Since(begin).Seconds(), metric.WithAttributes(attribute.String("model", r.Model)))
	}
	return err
}

// A sink measures commits.
type sink struct {
	batch.Sink
	commits metric.Float64Histogram
}

// Write implements [batch.Sink].
func (s *sink) Write(results []*batch.Result) error {
	begin := time.Now()
	err := s.Sink.Write(results)
	s.commits.Record(context.Background(), time.Since(begin).Seconds())
	return err
}
