package telemetry

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// contentType is that of Prometheus's text format, see
// https://prometheus.io/docs/instrumenting/exposition_formats/.
const contentType = "text/plain; version=0.0.4; charset=utf-8"

// A page serves the metrics at /metrics. Prometheus's own client would add 0.8 MiB to the
// binary for what are these lines.
type page struct {
	reader *sdkmetric.ManualReader
	server http.Server
	ended  chan struct{}
}

// servePage serves a page until close is called.
func servePage(l net.Listener, reader *sdkmetric.ManualReader) *page {
	p := &page{reader: reader, ended: make(chan struct{})}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", p)
	p.server = http.Server{Handler: mux, ReadTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second, ErrorLog: log.New(io.Discard, "", 0)}
	go func() {
		defer close(p.ended)
		_ = p.server.Serve(l) // ends with close, and until then retries what the system refuses for a while
	}()
	return p
}

// close ends the page, once those have been answered who have asked, or ctx has ended.
func (p *page) close(ctx context.Context) {
	if p.server.Shutdown(ctx) != nil {
		p.server.Close()
	}
	<-p.ended
}

// ServeHTTP implements [http.Handler].
func (p *page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var all metricdata.ResourceMetrics
	if err := p.reader.Collect(r.Context(), &all); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	var text bytes.Buffer
	for _, scope := range all.ScopeMetrics {
		slices.SortFunc(scope.Metrics, func(a, b metricdata.Metrics) int { return strings.Compare(a.Name, b.Name) })
		for i := range scope.Metrics {
			if strings.HasPrefix(scope.Metrics[i].Name, "genbatch.") {
				writeMetric(&text, &scope.Metrics[i])
			}
		}
	}
	w.Header().Set("Content-Type", contentType)
	_, _ = w.Write(text.Bytes())
}

// prometheusName returns the name of a metric on the page.
func prometheusName(name, unit string, total bool) string {
	name = strings.ReplaceAll(name, ".", "_")
	switch unit {
	case "s":
		name += "_seconds"
	case "USD":
		name += "_usd"
	}
	if total {
		name += "_total"
	}
	return name
}

// writeMetric writes a metric in Prometheus's text format.
func writeMetric(w io.Writer, m *metricdata.Metrics) {
	name, samples := "", []string(nil)
	typ := "gauge"
	switch data := m.Data.(type) {
	case metricdata.Sum[float64]:
		typ, name = "counter", prometheusName(m.Name, m.Unit, true)
		samples = values(name, data.DataPoints)
	case metricdata.Sum[int64]:
		typ, name = "counter", prometheusName(m.Name, m.Unit, true)
		samples = values(name, data.DataPoints)
	case metricdata.Gauge[float64]:
		name = prometheusName(m.Name, m.Unit, false)
		samples = values(name, data.DataPoints)
	case metricdata.Histogram[float64]:
		typ, name = "histogram", prometheusName(m.Name, m.Unit, false)
		for _, p := range data.DataPoints {
			samples = append(samples, buckets(name, &p))
		}
	}
	slices.Sort(samples)
	fmt.Fprintf(w, "# HELP %s %s\n# TYPE %s %s\n%s", name, escape(m.Description, false), name, typ, strings.Join(samples, ""))
}

// values returns a line for each value.
func values[N int64 | float64](name string, points []metricdata.DataPoint[N]) (lines []string) {
	for _, p := range points {
		lines = append(lines, name+labels(p.Attributes)+" "+number(float64(p.Value))+"\n")
	}
	return lines
}

// buckets returns the lines of a histogram. The bounds of buckets are inclusive in both worlds.
func buckets(name string, p *metricdata.HistogramDataPoint[float64]) string {
	var b strings.Builder
	count := uint64(0)
	for i, n := range p.BucketCounts {
		count += n
		bound := "+Inf"
		if i < len(p.Bounds) {
			bound = number(p.Bounds[i])
		}
		fmt.Fprintf(&b, "%s_bucket%s %d\n", name, labels(p.Attributes, attribute.String("le", bound)), count)
	}
	fmt.Fprintf(&b, "%s_sum%s %s\n%s_count%s %d\n", name, labels(p.Attributes), number(p.Sum), name, labels(p.Attributes), p.Count)
	return b.String()
}

func number(f float64) string { return strconv.FormatFloat(f, 'g', -1, 64) }

// labels returns the labels of a set, and more, in braces; nothing if there are none.
func labels(set attribute.Set, more ...attribute.KeyValue) string {
	var all []string
	for _, kv := range append(set.ToSlice(), more...) {
		name := strings.ReplaceAll(string(kv.Key), ".", "_") // otel.metric.overflow, of a set with too many
		all = append(all, name+`="`+escape(kv.Value.String(), true)+`"`)
	}
	if len(all) == 0 {
		return ""
	}
	return "{" + strings.Join(all, ",") + "}"
}

// escape returns a text as the value of a label, or in a comment.
func escape(s string, quoted bool) string {
	s = strings.NewReplacer(`\`, `\\`, "\n", `\n`).Replace(strings.ToValidUTF8(s, "\uFFFD"))
	if quoted {
		s = strings.ReplaceAll(s, `"`, `\"`)
	}
	return s
}
