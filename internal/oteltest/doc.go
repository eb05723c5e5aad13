// Package oteltest holds what genbatch tells of its runs to those for whom it is meant: the
// collector of OpenTelemetry decodes what is sent to it, and Prometheus's own packages read the
// page of metrics, the alerts, and the queries of the dashboard. It is a module of its own, so
// that genbatch depends on none of these.
package oteltest
