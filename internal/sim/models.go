package sim

import (
	"net/http"

	"github.com/genbatch/genbatch/internal/sim/wire"
)

// listModels answers GET models, in pages as the API does.
func (x *exchange) listModels() {
	from, to, next := x.page(len(wire.Listed), 50, 1000)
	if x.server.config.Dialect == Vertex {
		var page struct {
			Models []wire.PublisherModel `json:"publisherModels"`
			Next   string                `json:"nextPageToken,omitempty"`
		}
		for _, name := range wire.Listed[from:to] {
			page.Models = append(page.Models, wire.AsPublisherModel(name))
		}
		page.Next = next
		x.writeJSON(http.StatusOK, page)
		return
	}
	var page struct {
		Models []wire.ModelInfo `json:"models"`
		Next   string           `json:"nextPageToken,omitempty"`
	}
	for _, name := range wire.Listed[from:to] {
		m, _ := wire.FindModel(Google, name)
		page.Models = append(page.Models, wire.InfoOf(&m))
	}
	page.Next = next
	x.writeJSON(http.StatusOK, page)
}

// getModel answers GET models/{id}.
func (x *exchange) getModel() {
	if x.server.config.Dialect == Vertex {
		x.writeJSON(http.StatusOK, wire.AsPublisherModel(x.model.Name))
		return
	}
	x.writeJSON(http.StatusOK, wire.InfoOf(&x.model))
}
